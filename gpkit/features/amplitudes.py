"""Kernels of where the points are: random amplitudes, no phase."""

from functools import reduce
from operator import mul

import jax
import jax.numpy as jnp

from gpkit._types import Array, Inputs
from gpkit.features.directions import normal_rows, sphere_rows
from gpkit.features.forms import draw, exact_count, matmul, polar
from gpkit.features.hashing import column_hashes, row_hashes, signs
from gpkit.kernels.base import Constant, per_column, read
from gpkit.kernels.categorical import Exchangeable, Hamming
from gpkit.kernels.nonstationary import ArcCosine, Linear, Polynomial


@draw.register
def _(kernel: Constant, X, count, key):
    return None


@polar.register
def _(kernel: Constant, drawn, X):
    return jnp.sqrt(read(kernel.variance, X))[None, None], None


@exact_count.register
def _(kernel: Constant, columns):
    return 1


@draw.register
def _(kernel: Linear, X, count, key):
    return sphere_rows(key, count, X.shape[1], X.dtype)


@polar.register
def _(kernel: Linear, drawn, X):
    offset = 0.0 if kernel.offset is None else per_column(kernel.offset, X, "offset")
    scaled = (X - offset) * jnp.sqrt(per_column(kernel.variance, X, "variance"))
    return matmul(scaled, drawn.T), None


@exact_count.register
def _(kernel: Linear, columns):
    return columns  # orthogonal rows as many as columns


@draw.register
def _(kernel: Polynomial, X, count, key):
    rows = lambda k: sphere_rows(k, count, X.shape[1] + 1, X.dtype)  # noqa: E731
    return [rows(k) for k in jax.random.split(key, kernel.degree)]


@polar.register
def _(kernel: Polynomial, drawn, X):
    lifted = _lifted(X, read(kernel.offset, X))
    return reduce(mul, (matmul(lifted, rows.T) for rows in drawn)), None


@exact_count.register
def _(kernel: Polynomial, columns):
    return columns + 1 if kernel.degree == 1 else None


@draw.register
def _(kernel: ArcCosine, X, count, key):
    return normal_rows(key, count, X.shape[1] + 1, X.dtype)


@polar.register
def _(kernel: ArcCosine, drawn, X):
    # The hidden layer itself (Cho and Saul 2009, equation 1).
    weight = per_column(kernel.weight_variance, X, "weight_variance")
    lifted = _lifted(X * jnp.sqrt(weight), read(kernel.bias_variance, X))
    layer = matmul(lifted, drawn.T)
    return jnp.sqrt(2.0).astype(X.dtype) * jnp.where(layer > 0, layer**kernel.order, 0), None


# ------------------------------------------------------------------------------- categories
#
# A feature is a random sign of the category, or with the probability of agreement the same for
# all: of amplitude 1, so that the variance is exact, and for categories never seen before.


@draw.register
def _(kernel: Exchangeable, X, count, key):
    hashed, uniform = jax.random.split(key)
    return hashed, jax.random.uniform(uniform, (count,), X.dtype)


@polar.register
def _(kernel: Exchangeable, drawn, X):
    key, uniform = drawn
    own = signs(row_hashes(key, X), uniform.shape[0], X.dtype)
    return jnp.where(uniform < read(kernel.rho, X), 1.0, own), None


@draw.register
def _(kernel: Hamming, X, count, key):
    hashed, uniform = jax.random.split(key)
    return hashed, jax.random.uniform(uniform, (X.shape[1], count), X.dtype)


@polar.register
def _(kernel: Hamming, drawn, X):
    key, uniform = drawn
    alike = uniform < jnp.exp(-1 / read(kernel.lengthscale, X))
    columns = (
        jnp.where(alike[j], 1.0, signs(hashes, uniform.shape[1], X.dtype))
        for j, hashes in enumerate(column_hashes(key, X))
    )
    return reduce(mul, columns), None


def _lifted(X: Inputs, bias: Array) -> Array:
    """X with one more column, the root of a bias."""
    column = jnp.broadcast_to(jnp.sqrt(bias), (X.shape[0], 1)).astype(X.dtype)
    return jnp.concatenate([column, X], axis=1)
