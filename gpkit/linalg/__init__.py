"""Linear algebra of arrays and of matrix-vector products; knows nothing of kernels."""

from gpkit.linalg.bidiag import Bidiagonal as Bidiagonal
from gpkit.linalg.bidiag import bidiagonalise as bidiagonalise
from gpkit.linalg.cg_loop import CG as CG
from gpkit.linalg.checkpointed import lanczos_checkpointed as lanczos_checkpointed
from gpkit.linalg.conjugate_gradients import cg as cg
from gpkit.linalg.conjugate_gradients import quadratic_form as quadratic_form
from gpkit.linalg.divided import general_function as general_function
from gpkit.linalg.divided import hermitian_function as hermitian_function
from gpkit.linalg.factorisation import Cholesky as Cholesky
from gpkit.linalg.factorisation import cholesky as cholesky
from gpkit.linalg.funm import MatrixFunction as MatrixFunction
from gpkit.linalg.funm import expm_multiply as expm_multiply
from gpkit.linalg.funm import funm_arnoldi as funm_arnoldi
from gpkit.linalg.funm import funm_lanczos as funm_lanczos
from gpkit.linalg.funm_checkpointed import (
    funm_lanczos_checkpointed as funm_lanczos_checkpointed,
)
from gpkit.linalg.funm_quadratic import funm_quadratic as funm_quadratic
from gpkit.linalg.hessenberg import Arnoldi as Arnoldi
from gpkit.linalg.hessenberg import arnoldi as arnoldi
from gpkit.linalg.implicit import with_stored_gradient as with_stored_gradient
from gpkit.linalg.inverse import spd_inverse as spd_inverse
from gpkit.linalg.inverse import triangular_inverse as triangular_inverse
from gpkit.linalg.leave_one_out import DiagonalEstimate as DiagonalEstimate
from gpkit.linalg.leave_one_out import xdiag as xdiag
from gpkit.linalg.leave_one_out import xnystrace as xnystrace
from gpkit.linalg.leave_one_out import xtrace as xtrace
from gpkit.linalg.logdet import SLQ as SLQ
from gpkit.linalg.logdet import slq as slq
from gpkit.linalg.logdet import slq_trace as slq_trace
from gpkit.linalg.minimal_residual import minres as minres
from gpkit.linalg.orthogonal import LQ as LQ
from gpkit.linalg.orthogonal import lq as lq
from gpkit.linalg.pivoted import PartialCholesky as PartialCholesky
from gpkit.linalg.pivoted import pivoted_cholesky as pivoted_cholesky
from gpkit.linalg.pivoted import randomly_pivoted_cholesky as randomly_pivoted_cholesky
from gpkit.linalg.preconditioners import LowRankPlusDiagonal as LowRankPlusDiagonal
from gpkit.linalg.preconditioners import low_rank_plus_diagonal as low_rank_plus_diagonal
from gpkit.linalg.refinement import mixed_precision_cg as mixed_precision_cg
from gpkit.linalg.sketched import Nystroem as Nystroem
from gpkit.linalg.sketched import nystroem as nystroem
from gpkit.linalg.spd import SPDFactor as SPDFactor
from gpkit.linalg.spd import spd_factor as spd_factor
from gpkit.linalg.spectral import Eigh as Eigh
from gpkit.linalg.spectral import eigh as eigh
from gpkit.linalg.spectral import spectral_function as spectral_function
from gpkit.linalg.trace import hutch_plus_plus as hutch_plus_plus
from gpkit.linalg.trace import hutchinson as hutchinson
from gpkit.linalg.triangular import sum_log_diagonal as sum_log_diagonal
from gpkit.linalg.triangular import syrk as syrk
from gpkit.linalg.triangular import trmm as trmm
from gpkit.linalg.triangular import trsm as trsm
from gpkit.linalg.tridiagonal import Lanczos as Lanczos
from gpkit.linalg.tridiagonal import lanczos as lanczos
from gpkit.linalg.updates import cholesky_downdate as cholesky_downdate
from gpkit.linalg.updates import cholesky_update as cholesky_update
