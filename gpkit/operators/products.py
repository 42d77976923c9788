"""Products with a kernel matrix that is never formed."""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs
from gpkit.kernels.base import AbstractKernel

_TILE_ROWS = 128


def kernel_matmul(
    kernel: AbstractKernel, X: Inputs, Z: Inputs, V: Float[Array, "m k"]
) -> Float[Array, "n k"]:
    """k(X, Z) V, a block of rows at a time, differentiable at the memory of a block."""
    n = X.shape[0]
    rows = min(n, _TILE_ROWS)
    count = -(-n // rows)
    padded = jnp.pad(X, ((0, count * rows - n), (0, 0)))
    block = jax.checkpoint(lambda x, V: kernel.gram(x, Z) @ V)
    blocks = jax.lax.map(lambda x: block(x, V), padded.reshape(count, rows, X.shape[1]))
    return blocks.reshape(count * rows, V.shape[1])[:n]
