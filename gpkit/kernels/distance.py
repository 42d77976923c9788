r"""Squared distances by direct differences: exactly zero between equal rows.

$\|x\|^2 + \|z\|^2 - 2 x^\top z$ would be one matrix product, but it cancels: in float32 it
gives 3e-5 instead of 0 at duplicate rows, which a square root then makes 5e-3. Differences
come before any scaling, since a compiler may fuse a scaling into the subtraction, with a
rounding error of its own for each of the two equal rows.
"""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float

# Up to this many columns the sum is unrolled, which XLA fuses into one pass over the tile.
UNROLLED = 32
CHUNK = 16


def squared_distance(
    X: Float[Array, "n d"], Z: Float[Array, "m d"], weights: Float[Array, "*d"]
) -> Float[Array, "n m"]:
    r"""$s_{ij} = \sum_k w_k (X_{ik} - Z_{jk})^2$; memory O(n m) also in its derivative.

    `weights` has one entry per column, or shape () for one weight of all.
    """
    d = X.shape[1]
    if jnp.ndim(weights) == 0:
        return weights * squared_distance(X, Z, jnp.ones((d,), jnp.result_type(weights)))
    if d <= UNROLLED:
        return _unrolled(X, Z, weights)
    head = d - d % CHUNK
    scanned = _scanned(X[:, :head], Z[:, :head], weights[:head])
    return scanned + _unrolled(X[:, head:], Z[:, head:], weights[head:])


def _unrolled(X: Array, Z: Array, weights: Array) -> Array:
    total = jnp.zeros((X.shape[0], Z.shape[0]), jnp.result_type(X, Z, weights))
    for j in range(X.shape[1]):
        difference = X[:, None, j] - Z[None, :, j]
        total = total + weights[j] * (difference * difference)
    return total


def _scanned(X: Array, Z: Array, weights: Array) -> Array:
    """The same in chunks of columns, each recomputed when it is differentiated."""
    chunks = X.shape[1] // CHUNK

    def split(A: Array) -> Array:
        return jnp.moveaxis(A.reshape(A.shape[0], chunks, CHUNK), 1, 0)

    step = jax.checkpoint(lambda total, chunk: (total + _unrolled(*chunk), None))
    start = jnp.zeros((X.shape[0], Z.shape[0]), jnp.result_type(X, Z, weights))
    return jax.lax.scan(step, start, (split(X), split(Z), weights.reshape(chunks, CHUNK)))[0]
