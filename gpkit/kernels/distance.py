r"""Functions of the differences between two sets of points, column by column.

$\|x\|^2 + \|z\|^2 - 2 x^\top z$ would be one matrix product, but it cancels: in float32 it
gives 3e-5 instead of 0 at duplicate rows, which a square root then makes 5e-3. Differences
come before any scaling, since a compiler may fuse a scaling into the subtraction, with a
rounding error of its own for each of the two equal rows.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float

# Up to this many columns the fold is unrolled, which XLA fuses into one pass over the tile.
UNROLLED = 32
CHUNK = 16


def squared_distance(
    X: Float[Array, "n d"], Z: Float[Array, "m d"], weights: Float[Array, "*d"]
) -> Float[Array, "n m"]:
    r"""$s_{ij} = \sum_k w_k (X_{ik} - Z_{jk})^2$, exactly zero between equal rows.

    `weights` has one entry per column, or shape () for one weight of all.
    """
    start = jnp.zeros((X.shape[0], Z.shape[0]), jnp.result_type(X, Z, weights))
    if jnp.ndim(weights) == 0:
        return weights * fold_columns(lambda s, x, z: s + _square(x, z), start, X.T, Z.T)
    return fold_columns(lambda s, x, z, w: s + w * _square(x, z), start, X.T, Z.T, weights)


def near_origin(X: Float[Array, "n d"], Z: Float[Array, "m d"]) -> tuple[Array, Array]:
    """Both shifted by the first row of Z: no change to a function of differences.

    Sines and cosines of a phase lose the digits of its whole turns. For years such as 1996
    that moved a likelihood gradient of condition 1e8 in its sixth digit.
    """
    origin = jax.lax.stop_gradient(Z[:1])
    return X - origin, Z - origin


def cosine_product(A: Float[Array, "n d"], B: Float[Array, "m d"]) -> Float[Array, "n m"]:
    r"""$\prod_k \cos(A_{ik} - B_{jk})$ of angles in radians.

    $\cos(a - b) = \cos a \cos b + \sin a \sin b$ needs cosines of points and none of pairs,
    which are many and slow. Each column is a matrix product of rank two, because XLA would
    move the cosines of anything elementwise back into the loop over pairs.
    """

    def times(product: Array, column: tuple[Array, Array]) -> tuple[Array, None]:
        left, right = column
        return product * jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST), None

    left = jnp.stack([jnp.cos(A), jnp.sin(A)]).transpose(2, 1, 0)
    right = jnp.stack([jnp.cos(B), jnp.sin(B)]).transpose(2, 0, 1)
    start = jnp.ones((A.shape[0], B.shape[0]), jnp.result_type(A, B))
    return jax.lax.scan(jax.checkpoint(times), start, (left, right))[0]


def _square(x: Array, z: Array) -> Array:
    difference = x[:, None] - z[None, :]
    return difference * difference


def fold_columns(step: Callable[..., Array], start: Array, *columns: Array) -> Array:
    """``step(..., column 0), column 1) ...`` over the first axis of all `columns`.

    Beyond `UNROLLED` columns they go in chunks that are recomputed in reverse mode, so
    that the memory is that of the result in the derivative too.
    """
    d = columns[0].shape[0]
    head = 0 if d <= UNROLLED else d - d % CHUNK

    def unrolled(total: Array, chunk: tuple[Array, ...]) -> Array:
        for j in range(chunk[0].shape[0]):
            total = step(total, *(c[j] for c in chunk))
        return total

    if head:
        chunks = tuple(c[:head].reshape(head // CHUNK, CHUNK, *c.shape[1:]) for c in columns)
        body = jax.checkpoint(lambda total, chunk: (unrolled(total, chunk), None))
        start = jax.lax.scan(body, start, chunks)[0]
    return unrolled(start, tuple(c[head:] for c in columns))
