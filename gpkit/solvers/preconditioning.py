r"""A picture of a covariance that makes iterations few and single precision enough."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int
from gpkit.linalg.factorisation import cholesky
from gpkit.linalg.pivoted import randomly_pivoted_cholesky
from gpkit.linalg.preconditioners import LowRankPlusDiagonal, low_rank_plus_diagonal
from gpkit.linalg.tiled import TiledCholesky, tiled_cholesky
from gpkit.linalg.triangular import trsm
from gpkit.operators.assembled import covariance_tile_bytes, covariance_tiles
from gpkit.operators.covariance import Covariance
from gpkit.results import Status, worst

# Pivots that are taken out of stored tiles: enough for what is left to be of the size of
# the short-range part of the kernel, at the cost of one narrow matrix product a tile.
_DEFLATED = 64
_BLOCK = 64
# Pivots below this share of the smallest noise variance change nothing that the noise does not.
_NEGLIGIBLE = 1e-2
# The rank of a preconditioner that is a whole factor.
FULL = "full"
# Nominal rate of two cores in float32 products.
_FLOPS = 250e9


@final
class Preconditioner(eqx.Module):
    r"""P near H, as data: $L L^\top + \Sigma$ with a partial Cholesky factor L of $K(X, X)$,

    or a whole Cholesky factor of H in single precision. `pivots` are the rows of the first columns
    of the partial factor, -1 where there are fewer. `status` is that of the factorisation.
    """

    matrix: LowRankPlusDiagonal | TiledCholesky
    pivots: Int[Array, " r"]
    status: Int[Array, ""]


def default_rank(n: int) -> int:
    r"""$4 \sqrt n$ columns: forming P costs $6 n r^2$ flops, a few products with the matrix."""
    return min(n, round(4 * n**0.5))


def full_fits(n: int, memory: int) -> bool:
    """Whether tiles, their factor and a copy of one of them fit this many bytes, and a minute."""
    fits = 3 * covariance_tile_bytes(n, jnp.float32) <= memory
    return fits and n**3 / 3 < 60 * _FLOPS


def precondition(H: Covariance, *, rank: int | str | None, key: Array) -> Preconditioner:
    r"""Randomly pivoted Cholesky of the kernel's part, plus the noise; never differentiated.

    `rank` None is `default_rank`. Pivoting ends early where what is left lies below a hundredth
    of the noise. "full" is the Cholesky factor of H in float32: $n^3 / 3$ flops and $2 n^2$ bytes,
    for noise so small that low rank leaves hundreds of steps.
    """
    H = jax.lax.stop_gradient(H)
    n = H.X.shape[0]
    full = rank == FULL
    rank = _DEFLATED if full else default_rank(n) if rank is None else rank
    rank = min(int(rank), n)
    noise = H.noise if H.mask is None else jnp.where(H.mask, H.noise, 1.0)
    diagonal = H.kernel_diagonal()
    rtol = jnp.maximum(
        _NEGLIGIBLE * jnp.min(noise) / jnp.max(diagonal), n * jnp.finfo(diagonal.dtype).eps
    )
    partial = randomly_pivoted_cholesky(
        H.kernel_columns, diagonal, rank=rank, key=key, block_size=min(_BLOCK, n), rtol=rtol
    )
    pivots = partial.pivots[:_DEFLATED]
    status = jnp.where(jnp.min(noise) > 0, partial.status, Status.NOT_POSITIVE_DEFINITE)
    if full:
        matrix = tiled_cholesky(covariance_tiles(H, dtype=jnp.float32), n)
        return Preconditioner(matrix, pivots, worst(status, matrix.status))
    return Preconditioner(low_rank_plus_diagonal(partial.factor, noise), pivots, status)


def deflation(H: Covariance, pivots: Int[Array, " r"]) -> Float[Array, "n r"]:
    r"""L with $L L^\top = K_{:S} K_{SS}^{-1} K_{S:}$ for these pivots S: what they explain of K.

    Unlike the preconditioner it belongs to H itself: taken out of stored tiles, it must leave
    what is small.
    """
    H = jax.lax.stop_gradient(H)
    used = pivots >= 0
    rows = jnp.maximum(pivots, 0)
    columns = jnp.where(used, H.kernel_columns(rows), 0.0)
    block = jnp.where(used[:, None] & used[None, :], columns[rows], 0.0)
    factor = cholesky(block + jnp.diag(jnp.where(used, 0.0, 1.0))).factor
    return trsm(factor, columns.T).T
