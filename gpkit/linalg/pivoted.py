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

_MAX_PANELS = 4
_NARROWEST_PANEL = 192


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
    columns: Columns,
    diagonal: Float[Array, " n"],
    *,
    rank: int,
    rtol: float | Float[Array, ""] | None = None,
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
    block_size: int = 64,
    rtol: float | Float[Array, ""] | None = None,
) -> PartialCholesky:
    """Partial Cholesky factorisation with pivots drawn in proportion to the residual diagonal.

    Near-optimal in expectation: rank r/e + r log(1/e) suffices for (1 + e) times the best
    rank-r trace error. Proposals are thinned by rejection, which keeps the law of one-by-one
    sampling while the work is done by matrix products.

    Arguments as in `pivoted_cholesky`; `key` draws the pivots, at most `block_size` in a round
        of proposals that are a quarter more.

    Cost: `rank` columns of K and a quarter more for proposals that are not taken (more where
    the residual sits in few rows); 5/4 n rank^2 flops for a large rank; memory n rank, twice
    at the end.

    Raises:
        ValueError: rank outside of 0..n, or block_size below 1.

    Source: Chen, Epperly, Tropp and Webber 2025 (arXiv 2207.06503); blocks with rejection:
    Epperly, Tropp and Webber 2024 (arXiv 2410.03969), algorithm 2.1.
    """
    if block_size < 1:
        raise ValueError(f"block_size must be positive, got {block_size}")
    block_size = min(block_size, max(rank, 1))
    num_proposals = block_size + block_size // 4
    columns, diagonal, limit = _prepare(columns, diagonal, rank, rtol, num_proposals)
    if rank == 0:
        return _nothing(diagonal)
    # One loop per panel of columns, so that products skip the panels that are still empty.
    count = min(_MAX_PANELS, max(1, rank // max(_NARROWEST_PANEL, block_size)))
    state, panels, pivots = _State(diagonal, jnp.zeros((), jnp.int32), key), [], []
    for i in range(count):
        width = rank * (i + 1) // count - rank * i // count
        sizes = _Sizes(width, block_size, num_proposals)
        state, panel, taken = _fill(columns, limit, panels, state, sizes)
        panels.append(panel)
        pivots.append(taken)
    status = _outcome(diagonal, state.residual)
    factor, taken = jnp.concatenate(panels, axis=1), jnp.concatenate(pivots)
    return PartialCholesky(factor, taken, state.num_pivots, state.residual, status)


class _State(NamedTuple):
    residual: Array
    num_pivots: Array
    key: Array


class _Sizes(NamedTuple):
    """Columns of a panel, of them in one round at most, and proposals in a round."""

    width: int
    block: int
    proposals: int


def _fill(
    columns: Columns, limit: Array, before: list[Array], state: _State, sizes: _Sizes
) -> tuple[_State, Array, Array]:
    """The next columns of the factor and their pivots, after the panels `before`."""
    n = state.residual.shape[0]
    width, block_size, num_proposals = sizes

    def unfinished(s: tuple) -> Array:
        (d, _, _), _, _, count = s
        return (count < width) & (jnp.max(d) > limit) & jnp.isfinite(jnp.sum(d))

    def round_of_proposals(s: tuple) -> tuple:
        (d, total, key), panel, pivots, count = s
        key, pick, thin = jax.random.split(key, 3)
        cumulative = jnp.cumsum(d)
        draws = jax.random.uniform(pick, (num_proposals,), d.dtype) * cumulative[-1]
        proposals = jnp.minimum(jnp.searchsorted(cumulative, draws, side="right"), n - 1)
        block, filled = columns(proposals), [*before, panel]
        rows = [part[proposals] for part in filled]
        inverse, accepted = _thin(block[proposals] - sum(x @ x.T for x in rows), thin)
        accepted = accepted & (jnp.cumsum(accepted) <= jnp.minimum(width - count, block_size))
        # Accepted proposals go to columns `count`, ... of the panel: near its end the block of
        # new columns starts earlier, with zeros in front.
        start = jnp.minimum(count, width - block_size)
        place = jnp.where(accepted, count - start + jnp.cumsum(accepted) - 1, block_size)
        mix = jnp.zeros((num_proposals, block_size), d.dtype)
        mix = mix.at[:, place].add(inverse.T, mode="drop")
        new = block @ mix - sum(x @ (y.T @ mix) for x, y in zip(filled, rows, strict=True))
        d = jnp.maximum(d - jnp.sum(new**2, axis=1), 0)
        d = d.at[jnp.where(accepted, proposals, n)].set(0, mode="drop")
        old = jax.lax.dynamic_slice_in_dim(panel, start, block_size, axis=1)
        panel = jax.lax.dynamic_update_slice_in_dim(panel, old + new, start, axis=1)
        place = jnp.where(accepted, start + place, width)
        pivots = pivots.at[place].set(proposals.astype(jnp.int32), mode="drop")
        more = jnp.sum(accepted, dtype=jnp.int32)
        return _State(d, total + more, key), panel, pivots, count + more

    panel = jnp.zeros((n, width), state.residual.dtype)
    start = (state, panel, jnp.full((width,), -1, jnp.int32), jnp.zeros((), jnp.int32))
    state, panel, pivots, _ = jax.lax.while_loop(unfinished, round_of_proposals, start)
    return state, panel, pivots


def _thin(h: Float[Array, "b b"], key: PRNGKeyArray) -> tuple[Float[Array, "b b"], Array]:
    """Which proposals are kept, and the inverse of the Cholesky factor of their rows of `h`.

    Proposal i is kept with probability h_ii now / h_ii at first. Rows and columns of the
    inverse that belong to others are zero.
    """
    draws = jax.random.uniform(key, h.shape[:1], h.dtype)
    first = jnp.diag(h)

    def step(i: Array, s: tuple) -> tuple:
        lower, inverse, rest, accepted = s
        keep = (draws[i] * first[i] < rest[i]) & (rest[i] > 0)
        scale = jnp.where(keep, 1 / jnp.sqrt(jnp.where(keep, rest[i], 1)), 0)
        row = scale * (-lower[i] @ inverse).at[i].set(1)
        column = scale * (h[:, i] - lower @ lower[i])
        lower, inverse = lower.at[:, i].set(column), inverse.at[i].set(row)
        return lower, inverse, rest - column**2, accepted.at[i].set(keep)

    nothing = jnp.zeros_like(h)
    start = (nothing, nothing, first, jnp.zeros(h.shape[:1], bool))
    _, inverse, _, accepted = jax.lax.fori_loop(0, h.shape[0], step, start)
    return inverse, accepted


def _prepare(
    columns: Columns,
    diagonal: Array,
    rank: int,
    rtol: float | Float[Array, ""] | None,
    num_indices: int,
) -> tuple[Columns, Array, Array]:
    diagonal = jax.lax.stop_gradient(jnp.asarray(diagonal))
    n = diagonal.shape[0]
    if not 0 <= rank <= n:
        raise ValueError(f"rank must lie in 0..n = {n}, got {rank}")
    relative = n * float(jnp.finfo(diagonal.dtype).eps) if rtol is None else rtol
    frozen = freeze(columns, jnp.zeros((num_indices,), jnp.int32))
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
