"""The lower tiles of a covariance, noise included: what a tiled Cholesky factor is made of."""

from typing import Any

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.operators.covariance import Covariance
from gpkit.operators.forms import wide
from gpkit.operators.grid import cut, take
from gpkit.operators.passes import evaluator

# Larger than tiles of products: fewer of them, and products of tiles are nearer to their rate.
_ROWS = 1024


def covariance_tiles(H: Covariance, *, dtype: Any) -> Float[Array, "tiles r r"]:
    """Tiles of H on and below its diagonal, evaluated and rounded to `dtype`; data.

    Beyond the last row, and in rows outside of the mask, they are those of the identity.
    """
    H = jax.lax.stop_gradient(H)
    n = H.X.shape[0]
    grid = cut(n, None, _ROWS)
    at = evaluator(H.kernel, H.X, None, grid, wide(), exact=False)
    extra = grid.padded()[0] - n
    counted = jnp.ones(n, bool) if H.mask is None else H.mask
    counted = jnp.pad(counted, (0, extra))
    diagonal = jnp.where(counted, jnp.pad(H.noise, (0, extra)), 1.0)

    def one(start: Array) -> Array:
        i, j = start
        inside = take(counted, i, grid.rows)[:, None] & take(counted, j, grid.columns)
        tile = jnp.where(inside, at(i, j), 0.0)
        corner = jnp.where(i == j, 1.0, 0.0) * jnp.diag(take(diagonal, i, grid.rows))
        return (tile + corner).astype(dtype)

    return jax.lax.map(one, jnp.asarray(grid.starts()))


def covariance_tile_bytes(n: int, dtype: Any) -> int:
    """Bytes of `covariance_tiles`."""
    grid = cut(n, None, _ROWS)
    return len(grid.starts()) * grid.rows**2 * jnp.dtype(dtype).itemsize
