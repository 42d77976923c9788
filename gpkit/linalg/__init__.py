"""Linear algebra of arrays and of matrix-vector products; knows nothing of kernels."""

from gpkit.linalg.arnoldi import Arnoldi as Arnoldi
from gpkit.linalg.arnoldi import arnoldi as arnoldi
from gpkit.linalg.bidiag import Bidiagonal as Bidiagonal
from gpkit.linalg.bidiag import bidiagonalise as bidiagonalise
from gpkit.linalg.cg import cg as cg
from gpkit.linalg.cg import quadratic_form as quadratic_form
from gpkit.linalg.cg_loop import CG as CG
from gpkit.linalg.cholesky import Cholesky as Cholesky
from gpkit.linalg.cholesky import cholesky as cholesky
from gpkit.linalg.implicit import with_stored_gradient as with_stored_gradient
from gpkit.linalg.inverse import spd_inverse as spd_inverse
from gpkit.linalg.inverse import triangular_inverse as triangular_inverse
from gpkit.linalg.lanczos import Lanczos as Lanczos
from gpkit.linalg.lanczos import lanczos as lanczos
from gpkit.linalg.nystroem import Nystroem as Nystroem
from gpkit.linalg.nystroem import nystroem as nystroem
from gpkit.linalg.pivoted import PartialCholesky as PartialCholesky
from gpkit.linalg.pivoted import pivoted_cholesky as pivoted_cholesky
from gpkit.linalg.pivoted import randomly_pivoted_cholesky as randomly_pivoted_cholesky
from gpkit.linalg.preconditioners import LowRankPlusDiagonal as LowRankPlusDiagonal
from gpkit.linalg.preconditioners import low_rank_plus_diagonal as low_rank_plus_diagonal
from gpkit.linalg.slq import SLQ as SLQ
from gpkit.linalg.slq import slq as slq
from gpkit.linalg.slq import slq_trace as slq_trace
