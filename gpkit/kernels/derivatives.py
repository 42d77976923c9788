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
    """Square root (0 below zero) whose derivative at zero is 0 instead of infinity."""
    return _root(jnp.asarray(s))


def over(numerator: Array | float, denominator: Array) -> Array:
    """The quotient, and 0 with zero derivatives where the denominator is zero."""
    return numerator * _reciprocal(jnp.asarray(denominator))


@jax.custom_jvp
def below_overflow(s: Array) -> Array:
    """The squared distance, where it is infinite a very large number instead.

    A tiny lengthscale makes infinite distances, and infinity times the zero of a kernel
    there is NaN. The derivative passes unchanged: it meets the zero slope of the kernel.
    """
    return jnp.minimum(s, float(jnp.finfo(s.dtype).max) ** 0.75)


below_overflow.defjvps(lambda ds, out, s: ds)


@jax.custom_jvp
def within_range(s: Array) -> Array:
    """The squared distance held between 0 and a very large number.

    Rounding makes some distances of equal rows negative. The derivative passes unchanged: its
    second order at zero distance is the curvature of the kernel.
    """
    return jnp.clip(s, 0.0, float(jnp.finfo(s.dtype).max) ** 0.75)


within_range.defjvps(lambda ds, out, s: ds)


# Neither function below branches on ``s > 0``: a compiled program may compute s twice, once with a
# fused multiply-add, and get 0 in one place and 1e-33 in another. Two such comparisons can
# disagree, and the root of a zero became 1 that way. Without branches the error stays 1e-17.


@jax.custom_jvp
def _root(s: Array) -> Array:
    return jnp.sqrt(jnp.maximum(s, 0))


_root.defjvps(lambda ds, out, s: 0.5 * _reciprocal(out) * ds)


@jax.custom_jvp
def _reciprocal(d: Array) -> Array:
    return d / jnp.maximum(d * d, jnp.finfo(d.dtype).tiny)


_reciprocal.defjvps(lambda dd, out, d: -(_reciprocal(d) ** 2) * dd)
