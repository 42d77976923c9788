r"""The log evidence row by row, by the chain rule."""

import math

import equinox as eqx
import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.linalg.triangular import trsm
from gpkit.posterior import Posterior
from gpkit.solvers.dense import DenseFactor


def sequential_log_density(posterior: Posterior) -> Float[Array, " n"]:
    r"""$\log p(y_i \mid y_1, \dots, y_{i-1})$ of every row; their sum is the log evidence.

    With the Cholesky factor L of H and $z = L^{-1}(y - m)$, row i contributes
    $-\tfrac12 z_i^2 - \log L_{ii} - \tfrac12\log 2\pi$ (summed over targets): the log score
    of predicting each row from those before it (Dawid 1984). Two models compared on the same
    rows in the same order give paired differences. Rows outside the mask give 0.

    Raises TypeError unless the posterior was made by the dense solver.
    """
    factor = posterior.factor
    if not isinstance(factor, DenseFactor):
        raise TypeError("sequential log densities need the factor of gpkit.solvers.Dense()")
    rows = _rows(factor, posterior.residual)
    return rows if posterior.mask is None else jnp.where(posterior.mask, rows, 0.0)


@eqx.filter_jit
def _rows(factor: DenseFactor, residual: Array) -> Array:
    columns = residual.reshape(residual.shape[0], -1)
    t = columns.shape[1]
    z = trsm(factor.factor, columns)
    log_diagonal = jnp.log(jnp.diagonal(factor.factor))
    return -0.5 * jnp.sum(z * z, axis=1) - t * (log_diagonal + 0.5 * math.log(2 * math.pi))
