"""Kernel matrices tile by tile.

A tile stays in the cache while a kernel tree is evaluated on it, and in reverse mode each
tile is recomputed and contracted with its cotangent at once, so that neither an
n x n x parameters array nor a second n x n buffer exists.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Float, Inputs
from gpkit.kernels.base import AbstractKernel

_TILE_ROWS = 128
# Below this half a matrix is not worth the longer program.
_LARGE = 1024
_WHOLE = 4096


def gram(kernel: AbstractKernel, X: Inputs, Z: Inputs) -> Float[Array, "n m"]:
    """The matrix k(X, Z), differentiable at the memory of a tile beyond the result."""
    n, m = X.shape[0], Z.shape[0]
    rows = min(n, _TILE_ROWS)
    count = -(-n // rows)
    if count <= 2:
        return kernel.gram(X, Z)
    tile = jax.checkpoint(lambda x: kernel.gram(x, Z))
    blocks = jax.lax.map(tile, _in_tiles(X, rows))
    return blocks.reshape(count * rows, m)[:n]


def gram_lower(kernel: AbstractKernel, X: Inputs) -> Float[Array, "n n"]:
    """The lower triangle of k(X, X); what stands above the diagonal is unspecified.

    From `_LARGE` rows on its derivatives cost half of those of `gram`: no tile above the
    diagonal is touched.
    """
    return gram(kernel, X, X) if X.shape[0] < _LARGE else _square(kernel, X)


@eqx.filter_custom_jvp
def _square(kernel: AbstractKernel, X: Inputs) -> Array:
    # One elementwise pass over the whole matrix runs on all cores; writing tiles into it
    # does not, and costs more than the half that it saves. A tree of several terms may hold
    # a matrix a term, which only moderate sizes can afford.
    return kernel.gram(X, X) if X.shape[0] <= _WHOLE else gram(kernel, X, X)


@_square.def_jvp
def _square_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _square(*primals), eqx.filter_jvp(_lower_tiles, primals, tangents)[1]


def _lower_tiles(kernel: AbstractKernel, X: Inputs) -> Array:
    """The same matrix with zeros in all tiles above the diagonal.

    The transpose cuts the cotangent into tiles once and contracts them one by one.
    """
    n, rows = X.shape[0], 2 * _TILE_ROWS
    count = -(-n // rows)
    x = _in_tiles(X, rows)
    tile = jax.checkpoint(lambda pair: kernel.gram(x[pair[0]], x[pair[1]]))
    pairs = np.stack(np.tril_indices(count), axis=1).astype(np.int32)
    tiles = jax.lax.map(tile, jnp.asarray(pairs))
    strips = []
    for i in range(count):
        first = i * (i + 1) // 2
        strip = tiles[first : first + i + 1].transpose(1, 0, 2).reshape(rows, (i + 1) * rows)
        strip = strip[: n - i * rows, :n]
        strips.append(jnp.pad(strip, ((0, 0), (0, n - strip.shape[1]))))
    return jnp.concatenate(strips)


def _in_tiles(X: Array, rows: int) -> Array:
    count = -(-X.shape[0] // rows)
    return jnp.pad(X, ((0, count * rows - X.shape[0]), (0, 0))).reshape(count, rows, X.shape[1])
