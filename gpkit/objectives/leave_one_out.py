r"""Leave-one-out scores in closed form: what each row says of the model fitted to the rest."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from gpkit._types import Array, Bool, Float, Inputs, Scalar, Targets
from gpkit.model import GP
from gpkit.objectives.stochastic_leave_one_out import stochastic_nlpd
from gpkit.posterior import Posterior, condition, leave_one_out_errors
from gpkit.results import Estimate
from gpkit.solvers.base import AbstractSolver
from gpkit.solvers.dense import DenseFactor
from gpkit.solvers.iterative_factor import IterativeFactor


def leave_one_out_log_density(posterior: Posterior) -> Float[Array, "n ..."]:
    r"""$\log p(y_i \mid X, y_{-i}, \text{model})$ of every observation, in nats.

    Rasmussen and Williams (2006), equation 5.10. Rows outside the mask give 0.
    """
    error, variance = leave_one_out_errors(posterior.factor, posterior.weights)
    square = error**2 / variance
    return _masked(posterior, -0.5 * (square + jnp.log(variance) + math.log(2 * math.pi)))


def leave_one_out_crps(posterior: Posterior) -> Float[Array, "n ..."]:
    r"""Continuous ranked probability score of every leave-one-out prediction; lower is better.

    $\sigma\,[z(2\Phi(z) - 1) + 2\varphi(z) - \pi^{-1/2}]$ (Gneiting and Raftery 2007,
    equation 21), in the units of y. Rows outside the mask give 0.
    """
    error, variance = leave_one_out_errors(posterior.factor, posterior.weights)
    std = jnp.sqrt(variance)
    z = error / std
    score = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi)
    return _masked(posterior, std * score)


def leave_one_out_nlpd(
    model: GP,
    X: Inputs,
    y: Targets,
    *,
    solver: AbstractSolver | None = None,
    noise_variance: Float[Array, " n"] | None = None,
    mask: Bool[Array, " n"] | None = None,
    key: Array | None = None,
    num_probes: int = 32,
) -> Estimate:
    r"""$-\sum_i \log p(y_i \mid X, y_{-i}, \text{model})$: total negative log predictive density.

    Lower is better; in nats, total over rows (and targets). Hyperparameters are not refitted.

    Under an iterative solver, which needs a `key`, the diagonal of the inverse covariance is
    estimated from `num_probes` probes (`gpkit.linalg.inverse_diagonal_estimate`): the samples of
    the estimate are jackknife pseudo-values, one a probe, whose mean is free of the bias of first
    order that the logarithm and the quotient bring. Its cost is that of a solve with
    `num_probes` columns.
    """
    posterior = condition(
        model, X, y, solver=solver, noise_variance=noise_variance, mask=mask, key=key
    )
    # Without a key no iterative factor is made.
    if isinstance(posterior.factor, IterativeFactor) and key is not None:
        return stochastic_nlpd(posterior, posterior.factor, key=key, num_probes=num_probes)
    total = -jnp.sum(leave_one_out_log_density(posterior))
    noise = model.noise.diagonal(posterior.X)
    if noise_variance is not None:
        noise = noise + jnp.asarray(noise_variance, noise.dtype)
    bound = _error_bound(posterior, noise)
    return Estimate.exact(total, error_bound=bound, status=posterior.status)


def _error_bound(posterior: Posterior, noise: Float[Array, " n"]) -> Scalar:
    r"""Bound on the effect of jitter and rounding on the total, in nats; infinite if unknown.

    Let A = H + E be what was factorised, $\lVert E\rVert \le \delta$, $\sigma$ the smallest
    noise variance and $a_i = (A^{-1})_{ii}$. A row scores $\tfrac12(z_i^2 - \log a_i)$ with
    $z_i = \alpha_i / \sqrt{a_i}$. As for the log evidence, E moves $a_i$ by at most
    $\rho\, a_i$ with $\rho = \tfrac\delta\sigma(1 + \tfrac\delta\sigma)$, and $\alpha_i$ by at
    most $\rho \sqrt{\sigma a_i} \lVert\alpha\rVert$.
    """
    factor, weights = posterior.factor, posterior.weights
    if not isinstance(factor, DenseFactor):
        return jnp.asarray(jnp.inf, noise.dtype)
    eps, n = jnp.finfo(noise.dtype).eps, len(noise)
    largest = jnp.max(jnp.sum(factor.factor**2, axis=1))
    delta = factor.jitter + eps * math.sqrt(n) * largest
    if posterior.mask is not None:
        noise = jnp.where(posterior.mask, noise, jnp.inf)
    smallest = jnp.min(noise)
    smallest = jnp.where(smallest > 0, smallest, eps * largest)
    rho = delta / smallest * (1 + delta / smallest)
    error, variance = leave_one_out_errors(factor, weights)
    z = jnp.abs(error) / jnp.sqrt(variance)
    shift = rho * jnp.sqrt(smallest) * jnp.linalg.norm(weights, axis=0)
    spread = 0.5 * rho * (1 + z**2) + shift * z + 0.5 * shift**2
    summing = eps * math.sqrt(n) * (1 + z**2 + jnp.abs(jnp.log(variance)))
    return jax.lax.stop_gradient(jnp.sum((1 + rho) * spread + summing))


def _masked(posterior: Posterior, scores: Array) -> Array:
    if posterior.mask is None:
        return scores
    mask = posterior.mask if scores.ndim == 1 else posterior.mask[:, None]
    return jnp.where(mask, scores, 0.0)
