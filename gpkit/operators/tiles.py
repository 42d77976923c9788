"""Kernel matrices row block by row block.

A tile of a few rows stays in the cache while a kernel tree is evaluated on it, and in
reverse mode each tile is recomputed and contracted with its cotangent at once, so that
neither an n x n x parameters array nor a second n x n buffer exists.
"""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs
from gpkit.kernels.base import AbstractKernel

_TILE_ROWS = 128


def gram(kernel: AbstractKernel, X: Inputs, Z: Inputs) -> Float[Array, "n m"]:
    """The matrix k(X, Z), differentiable at the memory of a tile beyond the result."""
    n, m = X.shape[0], Z.shape[0]
    rows = min(n, _TILE_ROWS)
    count = -(-n // rows)
    if count <= 2:
        return kernel.gram(X, Z)
    padded = jnp.pad(X, ((0, count * rows - n), (0, 0)))
    tile = jax.checkpoint(lambda x: kernel.gram(x, Z))
    blocks = jax.lax.map(tile, padded.reshape(count, rows, X.shape[1]))
    return blocks.reshape(count * rows, m)[:n]
