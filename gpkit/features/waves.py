"""Stationary and periodic kernels: waves of random frequency."""

from functools import singledispatch

import jax
import jax.numpy as jnp

from gpkit._types import Array, Inputs, PRNGKeyArray, PyTree
from gpkit.features.directions import normal_rows
from gpkit.features.forms import Polar, draw, exact_count, matmul, no_features, origin, polar
from gpkit.kernels.base import per_column, read
from gpkit.kernels.periodic import Cosine, Periodic, SpectralMixture
from gpkit.kernels.stationary import (
    RBF,
    AbstractStationary,
    Matern12,
    Matern32,
    Matern52,
    PoweredExponential,
    RationalQuadratic,
    inverse_lengthscale,
)


@singledispatch
def width(kernel: AbstractStationary, shape: tuple[int, ...], key: PRNGKeyArray) -> Array:
    r"""Draws of w with $f(s) = \mathrm{E} \exp(-w^2 s / 2)$ for the profile f of the kernel.

    A stationary kernel is a mixture of RBF kernels; its frequencies are standard normal
    vectors times such numbers. Raises TypeError for a kernel whose law of w is not known.
    """
    raise no_features(kernel)


@draw.register
def _(kernel: AbstractStationary, X, count, key):
    directions, widths = jax.random.split(key)
    frequencies = normal_rows(directions, count, X.shape[1], X.dtype)
    w = width(kernel, (count,), widths).astype(X.dtype)
    # A heavy tail may overflow; beyond this a phase has lost all digits anyhow.
    return origin(X), frequencies * jnp.minimum(w, 1 / jnp.finfo(X.dtype).eps)[:, None]


@polar.register
def _(kernel: AbstractStationary, drawn, X):
    centre, frequencies = drawn
    scaled = (X - centre) * inverse_lengthscale(kernel.lengthscale, X)
    return jnp.ones((1, 1), X.dtype), matmul(scaled, frequencies.T)


@width.register
def _(kernel: RBF, shape, key):
    return jnp.ones(shape)


@width.register
def _(kernel: Matern12, shape, key):
    return _student(1, shape, key)


@width.register
def _(kernel: Matern32, shape, key):
    return _student(3, shape, key)


@width.register
def _(kernel: Matern52, shape, key):
    return _student(5, shape, key)


def _student(freedom: int, shape: tuple[int, ...], key: PRNGKeyArray) -> Array:
    # Frequencies of Matern-nu follow Student's t law with 2 nu degrees of freedom.
    lengths = jnp.linalg.norm(jax.random.normal(key, (*shape, freedom)), axis=-1)
    return freedom**0.5 / lengths


@width.register
def _(kernel: RationalQuadratic, shape, key):
    alpha = read(kernel.alpha, jnp.zeros(()))
    return jnp.sqrt(jax.random.gamma(key, alpha, shape) / alpha)


@width.register
def _(kernel: PoweredExponential, shape, key):
    # exp(-s^b) is the Laplace transform of a positive stable law (Kanter 1975, theorem 4.1).
    b = 0.5 * read(kernel.power, jnp.zeros(()))
    angle, rate = jax.random.split(key)
    u = jax.random.uniform(angle, shape, minval=jnp.finfo(b.dtype).eps, maxval=jnp.pi)
    tilt = jnp.sin((1 - b) * u) / jax.random.exponential(rate, shape)
    stable = jnp.sin(b * u) / jnp.sin(u) ** (1 / b) * tilt ** ((1 - b) / b)
    return jnp.sqrt(2 * stable)


@draw.register
def _(kernel: Periodic, X, count, key):
    # exp((cos t - 1) r) is the characteristic function of a difference of two Poisson numbers.
    rate = per_column(kernel.lengthscale, X, "lengthscale") ** -2 * jnp.ones_like(X[0])
    shape = (2, count, X.shape[1])
    first, second = jax.random.poisson(key, jax.lax.stop_gradient(rate) / 2, shape)
    return origin(X), (first - second).astype(X.dtype)


@polar.register
def _(kernel: Periodic, drawn, X):
    return _waves(kernel.period, drawn, X)


@draw.register
def _(kernel: Cosine, X, count, key):
    return origin(X), jax.random.rademacher(key, (count, X.shape[1]), X.dtype)


@polar.register
def _(kernel: Cosine, drawn, X):
    return _waves(kernel.period, drawn, X)


@exact_count.register
def _(kernel: Cosine, columns):
    return 1 if columns == 1 else None


def _waves(period: PyTree, drawn: PyTree, X: Inputs) -> Polar:
    centre, multiples = drawn
    angles = 2 * jnp.pi / per_column(period, X, "period") * (X - centre)
    return jnp.ones((1, 1), X.dtype), matmul(angles, multiples.T)


@draw.register
def _(kernel: SpectralMixture, X, count, key):
    order, shift, sides, waves = jax.random.split(key, 4)
    share = jnp.cumsum(read(kernel.weights, X))
    # Systematic sampling: every part has its share of the features, up to one.
    places = (jnp.arange(count) + jax.random.uniform(shift, dtype=X.dtype)) / count
    part = jnp.searchsorted(share, jax.random.permutation(order, places) * share[-1])
    shape = (count, X.shape[1])
    part = jnp.minimum(part, share.shape[0] - 1)
    signed = jax.random.rademacher(sides, shape, X.dtype)
    return origin(X), part, signed, jax.random.normal(waves, shape, X.dtype)


@polar.register
def _(kernel: SpectralMixture, drawn, X):
    centre, part, signed, normal = drawn
    means, scales = read(kernel.means, X), read(kernel.scales, X)
    if means.shape[-1] != X.shape[-1]:
        raise ValueError(f"means are for {means.shape[-1]} columns, the inputs have {X.shape[-1]}")
    frequencies = 2 * jnp.pi * (signed * means[part] + normal * scales[part])
    amplitude = jnp.sqrt(jnp.sum(read(kernel.weights, X)))
    return amplitude[None, None], matmul(X - centre, frequencies.T)
