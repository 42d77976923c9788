r"""A Cholesky factor in tiles: half of n^2 numbers, factored in place, in any precision.

Made for matrices of which two copies do not fit memory, in single precision: as the
preconditioner of a hard system, and for quadratic forms of many columns. Nothing is differentiated.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.inverse import triangular_inverse
from gpkit.linalg.panels import cholesky_by_panels
from gpkit.results import Status


class TiledCholesky(eqx.Module):
    r"""$P = L L^\top$ with L in square tiles, row after row of the lower triangle.

    On the diagonal stand the inverses of the tiles of L. `largest` is an upper bound of the
    eigenvalues of P. All methods take n or n x k and compute in the precision of these, as if the
    tiles were exact, but for `quadratic`, which computes in that of the tiles.
    """

    tiles: Float[Array, "tiles r r"]
    largest: Scalar
    status: Int[Array, ""]
    n: int = eqx.field(static=True)

    def whiten(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """$L^{-1} v$."""
        return self._through(v, self._forward)

    def whiten_transpose(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        r"""$L^{-\top} v$."""
        return self._through(v, self._backward)

    def solve(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """$P^{-1} v$."""
        return self._through(v, lambda x: self._backward(self._forward(x)))

    def quadratic(self, v: Float[Array, "n k"]) -> Float[Array, " k"]:
        """$v_j^\\top P^{-1} v_j$ for every column: one pass over the tiles."""
        x = self._forward(self._cut(v.astype(self.tiles.dtype))).astype(v.dtype)
        return jnp.sum(x * x, axis=(0, 2))

    def logdet(self) -> Scalar:
        """log det P."""
        places = [i * (i + 3) // 2 for i in range(self._count())]
        corners = jnp.diagonal(self.tiles[jnp.asarray(places)], axis1=1, axis2=2)
        return -2 * jnp.sum(jnp.log(corners.astype(self.largest.dtype)))

    def floor(self, diagonal: Float[Array, " n"]) -> Scalar:
        r"""A number below every eigenvalue of $W A W^\top$, if A is at least this diagonal."""
        return jnp.min(diagonal) / self.largest

    def _count(self) -> int:
        return -(-self.n // self.tiles.shape[1])

    def _through(self, v: Array, apply: Callable[[Array], Array]) -> Array:
        x = apply(self._cut(v.reshape(v.shape[0], -1)))
        rows = jnp.swapaxes(x, 1, 2).reshape(-1, x.shape[1])[: self.n]
        return rows.reshape(v.shape).astype(v.dtype)

    def _cut(self, v: Array) -> Array:
        """Blocks of rows, transposed: products with tiles are then from the left."""
        count, rows = self._count(), self.tiles.shape[1]
        padded = jnp.pad(v, ((0, count * rows - self.n), (0, 0)))
        return jnp.swapaxes(padded.reshape(count, rows, -1), 1, 2)

    def _tile(self, i: Array, j: Array, like: Array) -> Array:
        return self.tiles[_place(i, j)].astype(like.dtype)

    def _forward(self, x: Array) -> Array:
        def block(i: Array, x: Array) -> Array:
            def less(k: Array, rest: Array) -> Array:
                return rest - _dot(x[k], self._tile(i, k, x).T)

            rest = jax.lax.fori_loop(0, i, less, x[i])
            return x.at[i].set(_dot(rest, self._tile(i, i, x).T))

        return jax.lax.fori_loop(0, self._count(), block, x)

    def _backward(self, x: Array) -> Array:
        count = self._count()

        def block(step: Array, x: Array) -> Array:
            i = count - 1 - step

            def less(k: Array, rest: Array) -> Array:
                return rest - _dot(x[k], self._tile(k, i, x))

            rest = jax.lax.fori_loop(i + 1, count, less, x[i])
            return x.at[i].set(_dot(rest, self._tile(i, i, x)))

        return jax.lax.fori_loop(0, count, block, x)


def tiled_cholesky(tiles: Float[Array, "tiles r r"], n: int) -> TiledCholesky:
    r"""The factor of a symmetric positive definite matrix given by its lower tiles.

    `tiles` are those on and below the diagonal, row after row; what they hold beyond row and
    column n must be that of the identity. Given as a donated argument they are overwritten.

    **Status** `NOT_POSITIVE_DEFINITE` where there is no factor in this precision; NaN then.

    **Cost:** $n^3 / 3$ flops, all of them products of tiles but for $n r^2$.

    **Source:** Golub and Van Loan 2013, section 4.2.9 (block Cholesky, by columns of tiles).
    """
    count = -(-n // tiles.shape[1])
    corners = jnp.asarray([i * (i + 3) // 2 for i in range(count)])
    largest = jnp.sum(jnp.diagonal(tiles[corners], axis1=1, axis2=2).astype(float))

    def column(j: Array, tiles: Array) -> Array:
        def updated(i: Array, tiles: Array) -> Array:
            def less(k: Array, rest: Array) -> Array:
                return rest - _dot(tiles[_place(i, k)], tiles[_place(j, k)].T)

            return jax.lax.fori_loop(0, j, less, tiles[_place(i, j)])

        inverse = triangular_inverse(cholesky_by_panels(updated(j, tiles)))
        tiles = tiles.at[_place(j, j)].set(inverse)

        def below(i: Array, tiles: Array) -> Array:
            return tiles.at[_place(i, j)].set(_dot(updated(i, tiles), inverse.T))

        return jax.lax.fori_loop(j + 1, count, below, tiles)

    tiles = jax.lax.fori_loop(0, count, column, tiles)
    finite = jnp.isfinite(jnp.sum(tiles[-1]))
    status = jnp.where(finite, Status.SUCCESS, Status.NOT_POSITIVE_DEFINITE).astype(jnp.int32)
    return TiledCholesky(tiles, largest, status, n)


def _place(i: Array, j: Array) -> Array:
    return i * (i + 1) // 2 + j


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
