"""What is not random in a Krylov estimate of a log density, and how large it may be."""

import math

import jax.numpy as jnp

from gpkit._types import Array
from gpkit.operators.covariance import Covariance
from gpkit.operators.recomputed import KernelOperator
from gpkit.operators.stored import StoredOperator
from gpkit.solvers.krylov_density import Krylov

Operator = KernelOperator | StoredOperator


def error_bound(H: Covariance, found: Krylov, operator: Operator) -> Array:
    r"""What is not sampling, in nats: solve residual, truncated quadrature, rounding of tiles.

    The quadratic form lacks at most $|r - H\alpha|^2 / \sigma^2$. Rounding changes the entries R of
    the tiles by E, like independent numbers of relative size u: $\alpha^\top E \alpha$ is then of
    the size $u \max|R|\, |\alpha|^2$, $\operatorname{tr} H^{-1} E$ of
    $u \max|R| \sqrt n / \sigma^2$, and the second order $-\tfrac12 |H^{-1} E|_F^2$ of
    $u^2 |R|_F^2 / 2 \sigma^4$.
    """
    n, t = found.weights.shape
    noise = jnp.min(H.noise if H.mask is None else jnp.where(H.mask, H.noise, jnp.inf))
    solve = jnp.sum(found.residual_norm**2) / noise
    truncation = jnp.mean(found.upper - found.lower)
    largest, frobenius = _rounded(H, operator)
    rounding = largest * (jnp.sum(found.weights**2) + t * math.sqrt(n) / noise)
    rounding = rounding + 0.5 * t * (frobenius / noise) ** 2
    eps = jnp.finfo(found.weights.dtype).eps
    summing = eps * math.sqrt(n) * (jnp.abs(found.quadratic) + t * jnp.abs(found.samples[0]) + n)
    return 0.5 * (solve + t * truncation + rounding) + summing


def _rounded(H: Covariance, operator: Operator) -> tuple[Array, Array]:
    """Largest entry and Frobenius norm of the rounding errors of the tiles, as they are seen."""
    n, diagonal = H.X.shape[0], H.kernel_diagonal()
    wide = jnp.finfo(diagonal.dtype).eps * jnp.max(diagonal)
    if not isinstance(operator, StoredOperator):
        error = jnp.finfo(operator.tile_dtype).eps * jnp.max(diagonal) + wide
        return error, n * error
    # Evaluated in wide precision and rounded once: half a unit of each entry.
    unit = 0.5 * jnp.finfo(operator.tiles.dtype).eps
    left = diagonal
    if operator.deflation is not None:
        left = left - jnp.sum(operator.deflation**2, axis=1)
    square = 2 * jnp.sum(operator.tiles**2, dtype=diagonal.dtype)
    return unit * jnp.max(left) + wide, unit * jnp.sqrt(square) + math.sqrt(n) * wide
