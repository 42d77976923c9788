"""Linear algebra of arrays and of matrix-vector products; knows nothing of kernels."""

from gpkit.linalg.cholesky import Cholesky as Cholesky
from gpkit.linalg.cholesky import cholesky as cholesky
from gpkit.linalg.inverse import spd_inverse as spd_inverse
from gpkit.linalg.inverse import triangular_inverse as triangular_inverse
from gpkit.linalg.cg import cg as cg
from gpkit.linalg.cg import quadratic_form as quadratic_form
from gpkit.linalg.cg_loop import CG as CG
from gpkit.linalg.implicit import with_stored_gradient as with_stored_gradient
from gpkit.linalg.lanczos import Lanczos as Lanczos
from gpkit.linalg.lanczos import lanczos as lanczos
from gpkit.linalg.arnoldi import Arnoldi as Arnoldi
from gpkit.linalg.arnoldi import arnoldi as arnoldi
from gpkit.linalg.bidiag import Bidiagonal as Bidiagonal
from gpkit.linalg.bidiag import bidiagonalise as bidiagonalise
