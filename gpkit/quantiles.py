"""Quantiles that JAX lacks."""

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc

from gpkit._types import Array, Float


@jax.jit
def student_t_quantile(p: Float[Array, ""], dof: Float[Array, ""]) -> Float[Array, ""]:
    """Quantile of Student's t for p > 1/2, by bisection on the incomplete beta function."""

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        cdf = 1.0 - 0.5 * betainc(0.5 * dof, 0.5, dof / (dof + middle * middle))
        return jnp.where(cdf < p, middle, low), jnp.where(cdf < p, high, middle)

    low, high = jax.lax.fori_loop(0, 100, halve, (jnp.asarray(0.0), jnp.asarray(1e12)))
    return jnp.where(dof > 0, 0.5 * (low + high), jnp.inf)
