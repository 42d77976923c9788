r"""A kernel tree in two steps: what depends on one point is prepared once, the rest per tile.

A stationary kernel prepares its scaled points, augmented by their squared norms, so that the
squared distances of a tile are one matrix product, $s = [-2x, |x|^2, 1]\,[z, 1, |z|^2]^\top$.
That product runs in float64 where it is enabled, also when the tile is float32: it costs less
than the exponentials, and its cancellation, some $10^{-15} (|x|^2 + |z|^2)$, then lies below
the rounding of the tile. Sums, products, scales and selections pass through. Any other
kernel prepares nothing and evaluates its own matrix in the widest precision at hand.
"""

from functools import reduce, singledispatch
from operator import add, mul
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Float, Inputs, PyTree
from gpkit.kernels.base import AbstractKernel, Constant, Product, Scale, Sum, per_column, read
from gpkit.kernels.derivatives import within_range
from gpkit.kernels.distance import squared_distance
from gpkit.kernels.nonstationary import ChangePoint, Linear
from gpkit.kernels.periodic import Periodic
from gpkit.kernels.stationary import (
    AbstractStationary,
    Matern12,
    PoweredExponential,
    inverse_lengthscale,
)
from gpkit.kernels.transforms import Select

# A matrix product has lost 8 digits of a squared distance that is this much smaller than the
# squared norms. Tiles with such a pair take direct differences.
CANCELLED = 1e-6
# Rounding units of the squared norms within which a squared distance is that of equal rows.
EQUAL_ROWS = 32


def wide() -> Any:
    """The widest floating point type that is enabled."""
    return jnp.result_type(float)


@singledispatch
def prepared(kernel: AbstractKernel, X: Inputs, Z: Inputs) -> tuple[PyTree, PyTree]:
    """Features of the points on the left and on the right of a tile, one row per point."""
    return X.astype(wide()), Z.astype(wide())


@singledispatch
def tile(
    kernel: AbstractKernel, x: PyTree, z: PyTree, dtype: Any, exact: bool
) -> Float[Array, "b c"]:
    """Kernel values between points with these features, in precision `dtype`.

    `exact` asks for squared distances of full relative precision; without it their absolute error
    is some rounding units of the squared norms, in wide precision, and equal rows are at zero.
    """
    return kernel.gram(x, z).astype(dtype)


# ------------------------------------------------------------------- functions of distance


@prepared.register
def _(kernel: AbstractStationary, X, Z):
    X, Z = _centred(X, Z)
    return _augmented(X, Z, inverse_lengthscale(kernel.lengthscale, X))


@tile.register
def _(kernel: AbstractStationary, x, z, dtype, exact):
    rough = isinstance(kernel, Matern12 | PoweredExponential)
    s = _distances(x, z, exact or rough)
    return kernel.profile(within_range(s.astype(dtype)))


@prepared.register
def _(kernel: Periodic, X, Z):
    X, Z = _centred(X, Z)
    rate = 2 * jnp.pi / per_column(kernel.period, X, "period")
    inverse = 1 / (per_column(kernel.lengthscale, X, "lengthscale") * jnp.ones_like(X[0]))
    circle = lambda A: jnp.concatenate([jnp.cos(rate * A), jnp.sin(rate * A)], axis=-1)  # noqa: E731
    return _augmented(circle(X), circle(Z), jnp.tile(inverse, 2))


@tile.register
def _(kernel: Periodic, x, z, dtype, exact):
    s = _distances(x, z, exact)
    return jnp.exp(-0.5 * within_range(s.astype(dtype)))


def _centred(X: Array, Z: Array) -> tuple[Array, Array]:
    """Both about the mean of Z, in wide precision: smaller norms cancel less."""
    X, Z = X.astype(wide()), Z.astype(wide())
    origin = jax.lax.stop_gradient(jnp.mean(Z, axis=0))
    return X - origin, Z - origin


def _augmented(X: Array, Z: Array, scale: Array) -> tuple[Array, Array]:
    x, z = X * scale, Z * scale
    p, q = (jnp.sum(a * a, axis=-1, keepdims=True) for a in (x, z))
    one = jnp.ones_like
    return jnp.concatenate([-2 * x, p, one(p)], 1), jnp.concatenate([z, one(q), q], 1)


def _distances(x: Array, z: Array, exact: bool) -> Array:
    """Squared distances from augmented points, zero between equal rows."""
    if wide() == jnp.float32:
        return _direct(x, z)
    return _with_differences(x, z) if exact else _snapped(x, z)


def _snapped(x: Array, z: Array) -> Array:
    # Norms a few rounding units short leave equal rows below zero, where a profile is cut off:
    # cheaper than a comparison for each pair.
    shrink = jnp.ones(x.shape[1], x.dtype).at[-2:].add(-EQUAL_ROWS * jnp.finfo(x.dtype).eps)
    return _product(x * shrink, z)


@jax.custom_jvp
def _with_differences(x: Array, z: Array) -> Array:
    s = _product(x, z)
    cancelled = jnp.any(s < CANCELLED * (x[:, -2:-1] + z[:, -1]))
    return jax.lax.cond(cancelled, lambda: _direct(x, z), lambda: s)


# The derivative is that of the product, which is right everywhere: a branch would keep what
# direct differences need in reverse.
@_with_differences.defjvp
def _with_differences_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _with_differences(*primals), jax.jvp(_product, primals, tangents)[1]


def _direct(x: Array, z: Array) -> Array:
    """Squared distances by differences: multiplying by a power of two does not round."""
    return squared_distance(-0.5 * x[:, :-2], z[:, :-2], jnp.ones((), x.dtype))


def _product(x: Array, z: Array) -> Array:
    # The barrier keeps the derivative in z a product of the wide cotangent from its left: XLA
    # would copy the transposed tile otherwise, at several times the cost of the product.
    columns = jax.lax.optimization_barrier(z.T)
    return jnp.matmul(x, columns, precision=jax.lax.Precision.HIGHEST)


# ----------------------------------------------------------------------------- composition


@prepared.register
def _(kernel: Sum, X, Z):
    return _each(kernel.terms, X, Z)


@tile.register
def _(kernel: Sum, x, z, dtype, exact):
    parts = zip(kernel.terms, x, z, strict=True)
    return reduce(add, (tile(k, a, b, dtype, exact) for k, a, b in parts))


@prepared.register
def _(kernel: Product, X, Z):
    return _each(kernel.factors, X, Z)


@tile.register
def _(kernel: Product, x, z, dtype, exact):
    parts = zip(kernel.factors, x, z, strict=True)
    return reduce(mul, (tile(k, a, b, dtype, exact) for k, a, b in parts))


@prepared.register
def _(kernel: Scale, X, Z):
    return prepared(kernel.kernel, X, Z)


@tile.register
def _(kernel: Scale, x, z, dtype, exact):
    inner = tile(kernel.kernel, x, z, dtype, exact)
    return _spread(read(kernel.variance, inner), inner.shape[1]) * inner


@prepared.register
def _(kernel: Select, X, Z):
    columns = np.asarray(kernel.columns)
    return prepared(kernel.kernel, X[:, columns], Z[:, columns])


@tile.register
def _(kernel: Select, x, z, dtype, exact):
    return tile(kernel.kernel, x, z, dtype, exact)


@prepared.register
def _(kernel: ChangePoint, X, Z):
    left, right = _each((kernel.left, kernel.right), X, Z)
    w, v = (_weight(kernel, A.astype(wide())) for A in (X, Z))
    return (w, *left), (v, *right)


@tile.register
def _(kernel: ChangePoint, x, z, dtype, exact):
    (w, *x), (v, *z) = x, z
    w, v = w.astype(dtype)[:, None], v.astype(dtype)[None, :]
    parts = zip((kernel.left, kernel.right), x, z, strict=True)
    left, right = (tile(k, a, b, dtype, exact) for k, a, b in parts)
    return (1 - w) * (1 - v) * left + w * v * right


@prepared.register
def _(kernel: Constant, X, Z):
    return X[:, :0], Z[:, :0]


@tile.register
def _(kernel: Constant, x, z, dtype, exact):
    value = read(kernel.variance, jnp.zeros((), dtype))
    return jnp.broadcast_to(value, (x.shape[0], z.shape[0]))


@prepared.register
def _(kernel: Linear, X, Z):
    X, Z = X.astype(wide()), Z.astype(wide())
    variance = per_column(kernel.variance, X, "variance")
    offset = 0.0 if kernel.offset is None else per_column(kernel.offset, X, "offset")
    return variance * (X - offset), Z - offset


@tile.register
def _(kernel: Linear, x, z, dtype, exact):
    # Nothing cancels here: the precision of the tile is enough.
    return _product(x.astype(dtype), z.astype(dtype))


def _spread(value: Array, columns: int) -> Array:
    """A number as a row, so that its derivative sums over rows first.

    The compiler turns a sum down columns into vector instructions, that of a whole tile into
    one addition after the other; the barrier keeps the two sums apart.
    """
    return jax.lax.optimization_barrier(jnp.broadcast_to(value, (columns,)))


def _each(kernels: tuple, X: Inputs, Z: Inputs) -> tuple[tuple, tuple]:
    """Features of several kernels, all left ones and all right ones."""
    left, right = zip(*(prepared(k, X, Z) for k in kernels), strict=True)
    return left, right


def _weight(kernel: ChangePoint, X: Array) -> Array:
    distance = X[:, kernel.column] - read(kernel.location, X)
    return jax.nn.sigmoid(read(kernel.steepness, X) * distance)
