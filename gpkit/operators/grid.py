"""How a matrix is cut into tiles, and sums over what the tiles contribute."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, PyTree

# A tile, given where its rows and columns begin and its entry in what is scanned with it.
TileAt = Callable[[Array, Array, PyTree], Array]


class Grid(NamedTuple):
    """Tiles of `rows` x `columns` over an n x m matrix.

    Of a symmetric one (m is n, columns is rows) only the tiles on and below the diagonal.
    """

    n: int
    m: int
    rows: int
    columns: int
    symmetric: bool

    def starts(self) -> np.ndarray:
        """First row and first column of every tile, shape (tiles, 2)."""
        i, j = np.indices((-(-self.n // self.rows), -(-self.m // self.columns))).reshape(2, -1)
        pairs = np.stack([i * self.rows, j * self.columns], axis=1).astype(np.int32)
        return pairs[i >= j] if self.symmetric else pairs

    def padded(self) -> tuple[int, int]:
        """Numbers of rows and columns that whole tiles cover."""
        return -(-self.n // self.rows) * self.rows, -(-self.m // self.columns) * self.columns


def cut(n: int, m: int | None, rows: int) -> Grid:
    """Tiles of at most `rows` rows and columns, all nearly full; m None is symmetric."""
    height = _even(n, rows)
    if m is None:
        return Grid(n, n, height, height, True)
    return Grid(n, m, height, _even(m, rows), False)


def _even(n: int, rows: int) -> int:
    return -(-n // max(1, -(-n // rows)))


def fill(A: Array, length: int, mode: str = "constant") -> Array:
    """A with rows added at its end: zeros, or for ``mode="edge"`` copies of its last row."""
    return jnp.pad(A, ((0, length - A.shape[0]), *[(0, 0)] * (A.ndim - 1)), mode=mode)


def take(tree: PyTree, start: Array, size: int, axis: int = 0) -> PyTree:
    """Rows `start` to `start + size` of every array."""
    return jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size, axis), tree)


def put(tree: PyTree, parts: PyTree, start: Array, axis: int = 0) -> PyTree:
    """The arrays with `parts` added from `start` on, in their own precision."""

    def one(a: Array, part: Array) -> Array:
        old = jax.lax.dynamic_slice_in_dim(a, start, part.shape[axis], axis)
        new = old + part.astype(a.dtype)
        return jax.lax.dynamic_update_slice_in_dim(a, new, start, axis)

    return jax.tree.map(one, tree, parts)


def multiply(grid: Grid, tile_at: TileAt, scanned: PyTree, V: Array, wide: jnp.dtype) -> Array:
    """The matrix times V, tile products in the precision of V, summed in `wide`.

    V has as many rows as whole tiles cover, zero beyond the matrix, and so has the result.
    """
    n, k = grid.padded()[0], V.shape[1]
    VT = jax.lax.optimization_barrier(V.T)

    @jax.checkpoint
    def parts(i: Array, j: Array, entry: PyTree) -> tuple[Array, Array]:
        K = tile_at(i, j, entry)
        own = _dot(K, take(V, j, grid.columns))
        if not grid.symmetric:
            return own, jnp.zeros((k, 0), V.dtype)
        # From the left and stored transposed: XLA would copy the tile for its transpose.
        mirrored = _dot(take(VT, i, grid.rows, 1), K)
        return own, jnp.where(i == j, 0.0, mirrored)

    def step(sums: tuple[Array, Array], item: tuple) -> tuple[tuple[Array, Array], None]:
        (i, j), entry = item
        own, mirrored = parts(i, j, entry)
        return (put(sums[0], own, i), put(sums[1], mirrored, j, 1)), None

    sums = jnp.zeros((n, k), wide), jnp.zeros((k, n if grid.symmetric else 0), wide)
    items = jnp.asarray(grid.starts()), scanned
    own, mirrored = jax.lax.scan(step, sums, items)[0]
    return own + jax.lax.optimization_barrier(mirrored).T if grid.symmetric else own


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
