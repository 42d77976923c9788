r"""A picture of a covariance that makes iterations few and single precision enough."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.factorisation import cholesky
from gpkit.linalg.pivoted import randomly_pivoted_cholesky
from gpkit.linalg.preconditioners import LowRankPlusDiagonal, partial_cholesky_plus_diagonal
from gpkit.linalg.tiled import TiledCholesky, tiled_cholesky
from gpkit.linalg.triangular import trsm
from gpkit.operators.assembled import covariance_tile_bytes, covariance_tiles
from gpkit.operators.covariance import Covariance
from gpkit.results import Status, worst

# Pivots that are taken out of stored tiles: enough for what is left to be of the size of
# the short-range part of the kernel, at the cost of one narrow matrix product a tile.
_DEFLATED = 32
_BLOCK = 64
# Pivots below this share of the smallest noise variance change nothing that the noise does not.
_NEGLIGIBLE = 1e-2
# Rounding units of the largest eigenvalue by which the noise of a whole factor is raised.
_ROUNDED = 2.0
# Added to the matrix of the pivots, in units of its diagonal: pivots chosen for other parameters
# may be dependent under these.
_JITTER = 1e-10
# The rank of a preconditioner that is a whole factor.
FULL = "full"
# Nominal rate of two cores in float32 products.
_FLOPS = 250e9


@final
class Preconditioner(eqx.Module):
    r"""P near H, as data: $L L^\top + \Sigma$ with a partial Cholesky factor L of $K(X, X)$,

    or a whole Cholesky factor of H in single precision. `pivots` are the rows of the columns of the
    partial factor, -1 where there are fewer. `status` is that of the factorisation.
    """

    matrix: LowRankPlusDiagonal | TiledCholesky
    pivots: Int[Array, " r"]
    status: Int[Array, ""]


def default_rank(n: int) -> int:
    r"""$4 \sqrt n$ columns: forming P costs $6 n r^2$ flops, a few products with the matrix."""
    return min(n, round(4 * n**0.5))


def full_fits(n: int, memory: int) -> bool:
    """Whether tiles, their factor and a copy of one fit this many bytes, and two minutes."""
    fits = 3 * covariance_tile_bytes(n, jnp.float32) <= memory
    return fits and n**3 / 3 < 120 * _FLOPS


def precondition(H: Covariance, *, rank: int | str | None, key: Array) -> Preconditioner:
    r"""Randomly pivoted Cholesky of the kernel's part, plus the noise; data.

    `rank` None is `default_rank`. Pivoting ends early where what is left lies below a hundredth
    of the noise. "full" is the Cholesky factor in float32 of H, noise raised to what that precision
    resolves: $n^3 / 3$ flops and $2 n^2$ bytes, for noise so small that low rank leaves hundreds
    of steps.
    """
    H = jax.lax.stop_gradient(H)
    n = H.X.shape[0]
    full = rank == FULL
    rank = _DEFLATED if full else default_rank(n) if rank is None else rank
    rank = min(int(rank), n)
    noise = H.row_noise()
    diagonal = H.kernel_diagonal()
    rtol = jnp.maximum(
        _NEGLIGIBLE * jnp.min(noise) / jnp.max(diagonal), n * jnp.finfo(diagonal.dtype).eps
    )
    partial = randomly_pivoted_cholesky(
        H.kernel_columns, diagonal, rank=rank, key=key, block_size=min(_BLOCK, n), rtol=rtol
    )
    if not full:
        return _worst(from_pivots(H, partial.pivots), partial.status)
    raised = eqx.tree_at(lambda H: H.noise, H, jnp.maximum(noise, _resolved(H)))
    matrix = tiled_cholesky(covariance_tiles(raised, dtype=jnp.float32), n)
    status = jnp.where(jnp.min(noise) > 0, partial.status, Status.NOT_POSITIVE_DEFINITE)
    return Preconditioner(matrix, partial.pivots, worst(status, matrix.status))


def _resolved(H: Covariance) -> Scalar:
    """Some rounding units of float32 times the largest eigenvalue, by one step from ones."""
    ones = jnp.ones(H.X.shape[0], H.X.dtype)
    image = H.matmul(ones, operator=H.operator(dtype=jnp.float32))
    largest = jnp.linalg.norm(image) / jnp.linalg.norm(ones)
    return _ROUNDED * jnp.finfo(jnp.float32).eps * largest


def from_pivots(H: Covariance, pivots: Int[Array, " r"]) -> Preconditioner:
    r"""P with $L L^\top = K_{:S} (K_{SS} + \epsilon I)^{-1} K_{S:}$ for these pivots S.

    A smooth function of the parameters of H as long as the pivots stay, and below H, so that no
    eigenvalue of the whitened matrix lies below one.
    """
    noise = H.row_noise()
    factor = _partial_factor(H, pivots)
    status = jnp.where(jnp.min(noise) > 0, Status.SUCCESS, Status.NOT_POSITIVE_DEFINITE)
    finite = jnp.all(jnp.isfinite(factor))
    status = jnp.where(finite, status, Status.NON_FINITE).astype(jnp.int32)
    return Preconditioner(partial_cholesky_plus_diagonal(factor, noise), pivots, status)


def deflation(H: Covariance, pivots: Int[Array, " r"]) -> Float[Array, "n q"]:
    """What the first of these pivots explain of K, as a factor.

    It belongs to H itself, unlike a preconditioner that was made for other parameters: taken out
    of stored tiles, it must leave what is small.
    """
    return _partial_factor(jax.lax.stop_gradient(H), pivots[:_DEFLATED])


def pivot_block(H: Covariance, pivots: Int[Array, " r"]) -> Float[Array, "r r"]:
    r"""$K_{SS} + \epsilon I$; the identity where pivots are missing."""
    rows = jnp.maximum(pivots, 0)
    block = H.kernel.gram(H.X[rows], H.X[rows])
    if H.mask is not None:
        pivots = jnp.where(H.mask[rows], pivots, -1)
    used = pivots >= 0
    block = jnp.where(used[:, None] & used[None, :], block, 0.0)
    small = _JITTER * jnp.max(jnp.diagonal(block))
    return block + jnp.diag(jnp.where(used, small, 1.0))


def _partial_factor(H: Covariance, pivots: Int[Array, " r"]) -> Float[Array, "n r"]:
    columns = jnp.where(pivots >= 0, H.kernel_columns(jnp.maximum(pivots, 0)), 0.0)
    return trsm(cholesky(pivot_block(H, pivots)).factor, columns.T).T


def _worst(P: Preconditioner, status: Int[Array, ""]) -> Preconditioner:
    return Preconditioner(P.matrix, P.pivots, worst(P.status, status))
