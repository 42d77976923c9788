r"""Squared distances by direct differences: exactly zero between equal rows.

$\|x\|^2 + \|z\|^2 - 2 x^\top z$ would be one matrix product, but it cancels: in float32 it
gives 3e-5 instead of 0 at duplicate rows, which a square root then makes 5e-3.
"""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float

# Up to this many columns the sum is unrolled, which XLA fuses into one pass over the tile.
UNROLLED = 32
CHUNK = 16


def squared_distance(X: Float[Array, "n d"], Z: Float[Array, "m d"]) -> Float[Array, "n m"]:
    r"""$s_{ij} = \sum_k (X_{ik} - Z_{jk})^2$; memory O(n m) also in its derivative."""
    d = X.shape[1]
    if d <= UNROLLED:
        return _unrolled(X, Z)
    head = d - d % CHUNK
    return _scanned(X[:, :head], Z[:, :head]) + _unrolled(X[:, head:], Z[:, head:])


def _unrolled(X: Array, Z: Array) -> Array:
    total = jnp.zeros((X.shape[0], Z.shape[0]), jnp.result_type(X, Z))
    for j in range(X.shape[1]):
        difference = X[:, None, j] - Z[None, :, j]
        total = total + difference * difference
    return total


def _scanned(X: Array, Z: Array) -> Array:
    chunks = X.shape[1] // CHUNK
    split = lambda A: jnp.moveaxis(A.reshape(A.shape[0], chunks, CHUNK), 1, 0)  # noqa: E731
    step = jax.checkpoint(lambda total, xz: (total + _unrolled(*xz), None))
    start = jnp.zeros((X.shape[0], Z.shape[0]), jnp.result_type(X, Z))
    return jax.lax.scan(step, start, (split(X), split(Z)))[0]
