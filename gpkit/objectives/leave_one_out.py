r"""Leave-one-out scores in closed form: what each row says of the model fitted to the rest."""

import math

import jax.numpy as jnp
from jax.scipy.stats import norm

from gpkit._types import Array, Bool, Float, Inputs, Targets
from gpkit.model import GP
from gpkit.posterior import Posterior, condition, leave_one_out_errors
from gpkit.results import Estimate
from gpkit.solvers.base import AbstractSolver


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
) -> Estimate:
    r"""$-\sum_i \log p(y_i \mid X, y_{-i}, \text{model})$: total negative log predictive density.

    Lower is better; in nats, total over rows (and targets). Hyperparameters are not refitted.
    """
    posterior = condition(
        model, X, y, solver=solver, noise_variance=noise_variance, mask=mask, key=key
    )
    total = -jnp.sum(leave_one_out_log_density(posterior))
    return Estimate.exact(total, status=posterior.status)


def _masked(posterior: Posterior, scores: Array) -> Array:
    if posterior.mask is None:
        return scores
    mask = posterior.mask if scores.ndim == 1 else posterior.mask[:, None]
    return jnp.where(mask, scores, 0.0)
