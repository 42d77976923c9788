"""Partial Cholesky factorisations from a column oracle: the matrix is never formed.

The result is data: no derivative runs through pivots or values.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, PRNGKeyArray
from gpkit.linalg.implicit import freeze
from gpkit.results import Status

Columns = Callable[[Int[Array, " b"]], Float[Array, "n b"]]


class PartialCholesky(NamedTuple):
    """`factor @ factor.T` approximates K from below: K minus it is positive semidefinite.

    It is exact in the rows and columns of `pivots`. Only the first `num_pivots` columns are in
    use: fewer than the rank asked for if the residual diagonal fell below the tolerance
    (the rest of `factor` is zero, of `pivots` -1). `residual` is the diagonal of what is left;
    its sum is the trace norm error. `status`: `NON_FINITE` if NaN or infinity was met,
    `NOT_POSITIVE_DEFINITE` if the diagonal has a negative entry.
    """

    factor: Float[Array, "n rank"]
    pivots: Int[Array, " rank"]
    num_pivots: Int[Array, ""]
    residual: Float[Array, " n"]
    status: Int[Array, ""]


def pivoted_cholesky(
    columns: Columns, diagonal: Float[Array, " n"], *, rank: int, rtol: float | None = None
) -> PartialCholesky:
    """Partial Cholesky factorisation with the largest residual diagonal as next pivot.

    Args:
        columns: `columns(indices)` returns those columns of K, n x b for b indices.
        diagonal: the diagonal of K.
        rank: number of pivots, 0 to n.
        rtol: ends once the largest residual is at most rtol times the largest diagonal entry;
            n times the rounding unit by default.

    Cost: `rank` columns of K and 2 n rank^2 flops; memory n rank. Greedy pivots chase
    outliers; `randomly_pivoted_cholesky` is nearer to the best approximation for those.

    Raises:
        ValueError: rank outside of 0..n.

    Source: Harbrecht, Peters and Schneider 2012, algorithm 1.
    """
    columns, diagonal, limit = _prepare(columns, diagonal, rank, rtol, 1)
    n = diagonal.shape[0]
    if rank == 0:
        return _nothing(diagonal)

    def step(j: Array, s: tuple) -> tuple:
        factor, pivots, count, d = s
        p = jnp.argmax(d)
        live = d[p] > limit
        column = columns(p[None])[:, 0] - factor @ factor[p]
        column = jnp.where(live, column / jnp.sqrt(jnp.where(live, d[p], 1)), 0)
        d = jnp.maximum(d - column**2, 0).at[p].min(jnp.where(live, 0, jnp.inf))
        pivots = pivots.at[j].set(jnp.where(live, p, -1).astype(jnp.int32))
        return factor.at[:, j].set(column), pivots, count + live, d

    start = (
        jnp.zeros((n, rank), diagonal.dtype),
        jnp.full((rank,), -1, jnp.int32),
        jnp.zeros((), jnp.int32),
        diagonal,
    )
    factor, pivots, count, residual = jax.lax.fori_loop(0, rank, step, start)
    return PartialCholesky(factor, pivots, count, residual, _outcome(diagonal, residual))


def randomly_pivoted_cholesky(
    columns: Columns,
    diagonal: Float[Array, " n"],
    *,
    rank: int,
    key: PRNGKeyArray,
    block_size: int = 16,
    rtol: float | None = None,
) -> PartialCholesky:
    """Partial Cholesky factorisation with pivots drawn in proportion to the residual diagonal.

    Near-optimal in expectation: rank r/e + r log(1/e) suffices for (1 + e) times the best
    rank-r trace error. Blocks of `block_size` proposals are thinned by rejection, which keeps
    the law of one-by-one sampling while the work is done by matrix products.

    Arguments as in `pivoted_cholesky`; `key` draws the pivots.

    Cost: `rank` columns of K plus the rejected ones (few while the residual is spread out,
    at most `block_size` per round); 2 n rank^2 flops; memory n (rank + block_size).

    Raises:
        ValueError: rank outside of 0..n, or block_size below 1.

    Source: Chen, Epperly, Tropp and Webber 2025 (arXiv 2207.06503); blocks with rejection:
    Epperly, Tropp and Webber 2024 (arXiv 2410.03969), algorithm 2.1.
    """
    columns, diagonal, limit = _prepare(columns, diagonal, rank, rtol, block_size)
    n = diagonal.shape[0]
    if rank == 0:
        return _nothing(diagonal)

    def unfinished(s: tuple) -> Array:
        _, _, count, d, _ = s
        return (count < rank) & (jnp.max(d) > limit) & jnp.isfinite(jnp.sum(d))

    def round_of_proposals(s: tuple) -> tuple:
        factor, pivots, count, d, key = s
        key, pick, thin = jax.random.split(key, 3)
        cumulative = jnp.cumsum(d)
        draws = jax.random.uniform(pick, (block_size,), d.dtype) * cumulative[-1]
        proposals = jnp.minimum(jnp.searchsorted(cumulative, draws, side="right"), n - 1)
        block = columns(proposals) - factor @ factor[proposals].T
        lower, accepted = _thin(block[proposals], thin)
        accepted = accepted & (count + jnp.cumsum(accepted) <= rank)
        new = _triangular_columns(block, lower, accepted)
        order = jnp.argsort(~accepted, stable=True)
        chosen = jnp.where(accepted, proposals, -1).astype(jnp.int32)
        d = jnp.maximum(d - jnp.sum(new**2, axis=1), 0)
        d = d.at[jnp.where(accepted, proposals, n)].set(0, mode="drop")
        factor = jax.lax.dynamic_update_slice_in_dim(factor, new[:, order], count, axis=1)
        pivots = jax.lax.dynamic_update_slice_in_dim(pivots, chosen[order], count, axis=0)
        return factor, pivots, count + jnp.sum(accepted, dtype=jnp.int32), d, key

    start = (
        jnp.zeros((n, rank + block_size), diagonal.dtype),
        jnp.full((rank + block_size,), -1, jnp.int32),
        jnp.zeros((), jnp.int32),
        diagonal,
        key,
    )
    factor, pivots, count, residual, _ = jax.lax.while_loop(unfinished, round_of_proposals, start)
    status = _outcome(diagonal, residual)
    return PartialCholesky(factor[:, :rank], pivots[:rank], count, residual, status)


def _thin(h: Float[Array, "b b"], key: PRNGKeyArray) -> tuple[Float[Array, "b b"], Array]:
    """Cholesky of the accepted proposals: i is kept with probability h_ii now / h_ii at first."""
    draws = jax.random.uniform(key, h.shape[:1], h.dtype)
    first = jnp.diag(h)

    def step(i: Array, s: tuple) -> tuple:
        h, lower, accepted = s
        keep = (draws[i] * first[i] < h[i, i]) & (h[i, i] > 0)
        column = jnp.where(keep, h[:, i] / jnp.sqrt(jnp.where(keep, h[i, i], 1)), 0)
        h = h - jnp.outer(column, column)
        return h, lower.at[:, i].set(column), accepted.at[i].set(keep)

    start = (h, jnp.zeros_like(h), jnp.zeros(h.shape[:1], bool))
    _, lower, accepted = jax.lax.fori_loop(0, h.shape[0], step, start)
    return lower, accepted


def _triangular_columns(block: Array, lower: Array, accepted: Array) -> Array:
    """Columns of the factor that belong to the accepted proposals, zero for the others."""
    both = accepted[:, None] & accepted[None, :]
    triangle = jnp.where(both, jnp.tril(lower), jnp.eye(lower.shape[0], dtype=lower.dtype))
    columns = jnp.where(accepted, block, 0)
    return jax.scipy.linalg.solve_triangular(triangle, columns.T, lower=True).T


def _prepare(
    columns: Columns, diagonal: Array, rank: int, rtol: float | None, block_size: int
) -> tuple[Columns, Array, Array]:
    diagonal = jax.lax.stop_gradient(jnp.asarray(diagonal))
    n = diagonal.shape[0]
    if not 0 <= rank <= n:
        raise ValueError(f"rank must lie in 0..n = {n}, got {rank}")
    if block_size < 1:
        raise ValueError(f"block_size must be positive, got {block_size}")
    relative = n * float(jnp.finfo(diagonal.dtype).eps) if rtol is None else rtol
    frozen = freeze(columns, jnp.zeros((block_size,), jnp.int32))
    limit = relative * jnp.max(diagonal)
    return lambda indices: frozen(indices.astype(jnp.int32)), diagonal, limit


def _nothing(diagonal: Array) -> PartialCholesky:
    """The approximation by zero."""
    empty = jnp.zeros((0,), jnp.int32)
    factor = jnp.zeros((diagonal.shape[0], 0), diagonal.dtype)
    count = jnp.zeros((), jnp.int32)
    return PartialCholesky(factor, empty, count, diagonal, _outcome(diagonal, diagonal))


def _outcome(diagonal: Array, residual: Array) -> Array:
    status = jnp.where(jnp.any(diagonal < 0), Status.NOT_POSITIVE_DEFINITE, Status.SUCCESS)
    finite = jnp.isfinite(jnp.sum(diagonal)) & jnp.isfinite(jnp.sum(residual))
    return jnp.where(finite, status, Status.NON_FINITE).astype(jnp.int32)
