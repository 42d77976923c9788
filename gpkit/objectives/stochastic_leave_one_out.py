r"""Leave-one-out scores from an estimated diagonal of the inverse covariance."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Scalar
from gpkit.operators.recomputed import KernelOperator
from gpkit.operators.stored import StoredOperator
from gpkit.posterior import Posterior
from gpkit.results import Estimate, worst
from gpkit.solvers.iterative_factor import IterativeFactor, Solved


@eqx.filter_jit
def stochastic_nlpd(
    posterior: Posterior, factor: IterativeFactor, *, key: Array, num_probes: int
) -> Estimate:
    r"""Total negative log predictive density of left out rows, in nats, with its errors.

    With $a = \operatorname{diag} H^{-1}$ and $\alpha = H^{-1} r$ a row scores
    $\tfrac12 (\alpha_i^2 / a_i - \log a_i + \log 2\pi)$. For T from all m probes and $T_j$
    from all but one, the pseudo-values $m T - (m - 1) T_j$ have the bias of first order removed
    from their mean, and their spread gives its standard error, whatever the correlation of
    the entries (Efron and Stein 1981).
    """
    own = jax.random.fold_in(key, 1)
    found, solves = factor.inverse_diagonal_estimate(key=own, num_probes=num_probes)
    weights = posterior.weights.reshape(posterior.weights.shape[0], -1)
    total = _total(posterior, weights, found.value[:, None])
    samples = num_probes * total - (num_probes - 1) * _total(posterior, weights, found.without)
    bound = _error_bound(posterior, factor, weights, found.value, solves)
    return Estimate(
        value=jnp.mean(samples),
        samples=samples,
        error_bound=jax.lax.stop_gradient(bound),
        status=worst(posterior.status, solves.status),
        key_id=jax.random.key_data(own),
    )


def _total(posterior: Posterior, weights: Array, a: Float[Array, "n m"]) -> Float[Array, " m"]:
    """Sums over rows and targets for every column of diagonals."""
    t = weights.shape[1]
    square = jnp.sum(weights**2, axis=1)[:, None] / a
    scores = 0.5 * (square - t * jnp.log(a) + t * math.log(2 * math.pi))
    mask = posterior.mask
    return jnp.sum(scores if mask is None else jnp.where(mask[:, None], scores, 0.0), axis=0)


def _error_bound(
    posterior: Posterior,
    factor: IterativeFactor,
    weights: Float[Array, "n t"],
    a: Float[Array, " n"],
    solves: Solved,
) -> Scalar:
    r"""What is not sampling, in nats: residuals of the solves and rounding of the tiles.

    With $g_i = \tfrac12 (t + \sum \alpha_i^2 / a_i) / a_i$ the derivative of the score, a residual
    $\rho$ of a probe moves the total by at most $\lVert g \rVert \rho / \sigma^2$, and one of
    the weights by $\lVert \alpha / a \rVert \rho / \sigma^2$. Rounding changes the entries of H
    by some $\delta$, like independent numbers: $a_i$ moves by
    $\delta (H^{-2})_{ii} \le \delta a_i / \sigma^2$.
    """
    H, mask = factor.H, posterior.mask
    if mask is not None:
        weights, a = jnp.where(mask[:, None], weights, 0.0), jnp.where(mask, a, 1.0)
    smallest = jnp.min(H.noise if mask is None else jnp.where(mask, H.noise, jnp.inf))
    residual = posterior.residual.reshape(weights.shape) - H.matmul(weights)
    slope = 0.5 * (weights.shape[1] + jnp.sum(weights**2, axis=1) / a) / a
    solved = jnp.linalg.norm(slope) * jnp.max(solves.residual_norm)
    solved = solved + jnp.linalg.norm(weights / a[:, None]) * jnp.linalg.norm(residual)
    operator = factor.operator
    recomputed = operator.operator if isinstance(operator, StoredOperator) else operator
    tiles = recomputed.tile_dtype if isinstance(recomputed, KernelOperator) else H.X.dtype
    delta = jnp.finfo(tiles).eps * jnp.max(H.kernel_diagonal())
    return (solved + delta * jnp.sum(slope * a)) / smallest
