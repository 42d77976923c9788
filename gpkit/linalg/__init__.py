"""Linear algebra of arrays and of matrix-vector products; knows nothing of kernels."""

from gpkit.linalg.cholesky import Cholesky as Cholesky
from gpkit.linalg.cholesky import cholesky as cholesky
from gpkit.linalg.inverse import spd_inverse as spd_inverse
from gpkit.linalg.inverse import triangular_inverse as triangular_inverse
