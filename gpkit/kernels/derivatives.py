r"""Functions of a squared distance that carry their analytic derivative.

Where $\sqrt s$ enters a smooth kernel, the chain rule meets $\infty \cdot 0$ at $s = 0$. The
rule is broken up here: the derivative in $s$ is given as a formula, and terms that are
infinite at zero are replaced by 0 there, since the factor $(\partial s)^2$ that multiplies
them vanishes faster.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gpkit._types import Array

Profile = Callable[[Array], Array]


def with_derivatives(f: Profile, df: Profile, ddf: Profile) -> Profile:
    """The elementwise function `f` that differentiates to `df`, and `df` to `ddf`."""
    first = jax.custom_jvp(df)
    first.defjvps(lambda ds, out, s: ddf(s) * ds)
    value = jax.custom_jvp(f)
    value.defjvps(lambda ds, out, s: first(s) * ds)
    return value


def root(s: Array) -> Array:
    """Square root whose derivative at zero is 0 instead of infinity."""
    return jnp.where(s > 0, jnp.sqrt(jnp.where(s > 0, s, 1.0)), 0.0)


def over(numerator: Array, denominator: Array) -> Array:
    """The quotient, and 0 with zero derivatives where the denominator is not positive."""
    inside = denominator > 0
    return jnp.where(inside, numerator / jnp.where(inside, denominator, 1.0), 0.0)
