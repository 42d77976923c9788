r"""Alternating projections: linear systems by exact solves with blocks of rows.

A step solves the equations of the block whose residual is largest, an orthogonal projection in
the energy norm; an epoch of as many steps as there are blocks touches as many entries of
the matrix as one product. Blocks see short-range structure, however ill-conditioned; what is
smooth over many blocks they see last. For that there is one more subspace, `coarse`, onto whose
complement every step is projected at no entry of the matrix, and after every epoch the energy norm
of the error is minimised over what the epoch did and the step before, as in conjugate gradients.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gpkit._types import Array, Float, Int
from gpkit.results import Status

Columns = Callable[[Int[Array, " s"], Float[Array, "s k"]], Float[Array, "n k"]]
Block = Callable[[Int[Array, " s"]], Float[Array, "s s"]]


class Projections(NamedTuple):
    """A solution with the norm of its true residual and a status, per column.

    `num_passes` counts entries of the matrix that were evaluated, in products with the whole of
    it; the diagonal blocks, factorised once, are not among them.
    """

    solution: Float[Array, "n k"]
    residual_norm: Float[Array, " k"]
    num_passes: Int[Array, ""]
    status: Int[Array, " k"]


class _State(NamedTuple):
    x: Array
    r: Array
    before: Array  # the step of the last epoch
    image: Array  # the matrix times it
    best: Array
    waiting: Int[Array, " k"]
    passes: Int[Array, ""]
    done: Array


def alternating_projections(
    columns: Columns,
    block: Block,
    b: Float[Array, "n k"],
    *,
    block_size: int,
    x0: Float[Array, "n k"] | None = None,
    coarse: Float[Array, "n r"] | None = None,
    rtol: float = 1e-6,
    max_epochs: int = 200,
    patience: int = 20,
) -> Projections:
    r"""Solve A x = b for symmetric positive definite A known by slabs of its columns.

    Args:
        columns: `columns(indices, V)`, the product $A_{:,S} V$, n x k.
        block: `block(indices)`, the square $A_{S,S}$.
        b: right-hand sides.
        block_size: rows of a block, neighbours in the order of the rows: order them in space.
        x0: warm start.
        coarse: independent columns that span what is smooth, such as a partial Cholesky factor;
            costs one pass with r columns at the start and two blocks n x r.
        rtol: a column ends when its true residual is at most rtol times its norm.
        max_epochs: epochs at most (`MAX_STEPS`).
        patience: epochs without a new smallest residual before a column is `STAGNATED`.

    Other statuses: `NOT_POSITIVE_DEFINITE` where a block has no Cholesky factor, `NON_FINITE`.
    The energy norm of the error never rises. Nothing is differentiated.

    Cost: for an epoch one pass over the matrix; memory n block_size for the factors of the
    blocks, whose computation takes n block_size^2 / 3 flops.

    Raises:
        ValueError: block_size outside of 1..n, or b not n x k.

    Source: Wu, Wenger, Jones, Pleiss and Gardner 2024 (arXiv 2310.17137), algorithm 1; the
    choice of blocks: Gauss and Southwell; minimisation over both steps: Knyazev 2001.
    """
    if b.ndim != 2 or not 1 <= block_size <= b.shape[0]:
        raise ValueError(
            f"b must be a block (n, k) and block_size lie in 1..n, got {b.shape}, {block_size}"
        )
    indices = _partition(b.shape[0], block_size)
    target = rtol * jnp.linalg.norm(b, axis=0)

    def product(V: Array) -> Array:
        def add(total: Array, some: tuple[Array, Array]) -> tuple[Array, None]:
            rows, keep = some
            return total + columns(rows, keep[:, None] * V[rows]), None

        return jax.lax.scan(add, jnp.zeros_like(V), (indices, _owned(indices, b.dtype)))[0]

    subspace = None if coarse is None else _subspace(coarse, product)
    factors = jax.lax.map(lambda rows: _factor(block(rows), rows, subspace), indices)

    def going(s: _State) -> Array:
        return ~s.done & (s.passes < limit)

    def epoch(s: _State) -> _State:
        active = jnp.linalg.norm(s.r, axis=0) > target
        r = jnp.where(active, s.r, 0.0)
        swept, left = _sweep(columns, indices, factors, subspace, r)
        step, image = _best_step([(swept, r - left), (s.before, s.image)], s.r)
        x, r = s.x + step, s.r - image
        norm = jnp.linalg.norm(r, axis=0)
        claimed = jnp.all((norm <= target) | (s.waiting >= patience))
        # The recursion drifts: what it claims is computed.
        r = jax.lax.cond(claimed, lambda: b - product(x), lambda: r)
        norm = jnp.linalg.norm(r, axis=0)
        better = norm < 0.999 * s.best
        waiting = jnp.where(better | (norm <= target), 0, s.waiting + 1)
        done = jnp.all((norm <= target) | (waiting > patience)) | ~jnp.all(jnp.isfinite(norm))
        best = jnp.minimum(norm, s.best)
        return _State(x, r, step, image, best, waiting, s.passes + 1 + claimed, done)

    x = jnp.zeros_like(b) if x0 is None else x0
    r = b if x0 is None else b - product(x0)
    extra = (x0 is not None) + (coarse is not None)
    limit = max_epochs + extra
    norm = jnp.linalg.norm(r, axis=0)
    zero = jnp.zeros_like(b)
    start = _State(
        x, r, zero, zero, norm, jnp.zeros(b.shape[1], jnp.int32),
        jnp.asarray(extra, jnp.int32), jnp.all(norm <= target),
    )  # fmt: skip
    end = jax.lax.while_loop(going, epoch, start)
    norm = jnp.linalg.norm(b - product(end.x), axis=0)
    return Projections(end.x, norm, end.passes + 1, _status(norm, target, end, factors, patience))


def _partition(n: int, size: int) -> Int[Array, "blocks size"]:
    """Neighbouring rows; the last block overlaps the one before it."""
    starts = jnp.minimum(jnp.arange(-(-n // size)) * size, n - size)
    return starts[:, None] + jnp.arange(size)


def _owned(indices: Array, dtype: jnp.dtype) -> Float[Array, "blocks size"]:
    """One where a row is met first, zero in the overlap."""
    before = jnp.concatenate([jnp.full(1, -1, indices.dtype), indices[:-1, -1]])
    return (indices > before[:, None]).astype(dtype)


class _Subspace(NamedTuple):
    """Orthonormal columns, the matrix times them, and the Cholesky factor of its part there."""

    basis: Float[Array, "n r"]
    image: Float[Array, "n r"]
    lower: Float[Array, "r r"]


def _subspace(coarse: Array, product: Callable[[Array], Array]) -> _Subspace:
    basis, _ = jnp.linalg.qr(coarse)
    image = product(basis)
    small = basis.T @ image
    return _Subspace(basis, image, jnp.linalg.cholesky(0.5 * (small + small.T)))


def _factor(A: Array, rows: Array, subspace: _Subspace | None) -> Array:
    """Cholesky factor of a block, of what the subspace leaves of it if there is one.

    A step in the block followed by one in the subspace is the best step in both together: the
    energy of the rows once the subspace has answered is that of a Schur complement.
    """
    if subspace is None:
        return jnp.linalg.cholesky(A)
    half = solve_triangular(subspace.lower, subspace.image[rows].T, lower=True)
    left = A - half.T @ half
    # The complement is a difference: its rounding errors are those of the block.
    eps = jnp.finfo(A.dtype).eps
    return jnp.linalg.cholesky(left + eps * jnp.trace(A) * jnp.eye(A.shape[0], dtype=A.dtype))


def _solve(lower: Array, r: Array) -> Array:
    half = solve_triangular(lower, r, lower=True)
    return solve_triangular(lower, half, lower=True, trans="T")


def _sweep(
    columns: Columns, indices: Array, factors: Array, subspace: _Subspace | None, r: Array
) -> tuple[Array, Array]:
    """One epoch from zero: the step, and the residual that it leaves of r."""

    def smooth(step: Array, r: Array) -> tuple[Array, Array]:
        if subspace is None:
            return step, r
        change = _solve(subspace.lower, subspace.basis.T @ r)
        return step + subspace.basis @ change, r - subspace.image @ change

    def one(_: int, state: tuple) -> tuple:
        step, r = smooth(*state)
        sizes = jnp.sum(jnp.sum(r**2, axis=1)[indices], axis=1)
        chosen = jnp.argmax(sizes)
        rows = indices[chosen]
        change = _solve(factors[chosen], r[rows])
        return step.at[rows].add(change), r - columns(rows, change)

    return smooth(*jax.lax.fori_loop(0, indices.shape[0], one, (jnp.zeros_like(r), r)))


def _best_step(pairs: list[tuple[Array, Array]], r: Array) -> tuple[Array, Array]:
    """The combination of directions, given with their images, of least error in energy."""
    D, AD = (jnp.stack(parts) for parts in zip(*pairs, strict=True))
    gram, right = jnp.einsum("ink,jnk->kij", D, AD), jnp.einsum("ink,nk->ki", D, r)
    scale = jnp.sqrt(jnp.maximum(jnp.diagonal(gram, axis1=1, axis2=2), 0.0))
    scale = jnp.where(scale > 0, 1 / jnp.where(scale > 0, scale, 1.0), 0.0)
    gram = gram * scale[:, :, None] * scale[:, None, :]
    # Directions that are zero or dependent: a small shift leaves the step a descent.
    shift = 16 * jnp.finfo(r.dtype).eps * jnp.eye(len(pairs))
    gram = 0.5 * (gram + gram.transpose(0, 2, 1)) + jnp.where(
        scale[:, :, None] == 0, jnp.eye(len(pairs)), shift
    )
    weights = scale * jnp.linalg.solve(gram, (scale * right)[:, :, None])[:, :, 0]
    combine = lambda M: jnp.einsum("ki,ink->nk", weights, M)  # noqa: E731
    return combine(D), combine(AD)


def _status(norm: Array, target: Array, end: _State, factors: Array, patience: int) -> Array:
    status = jnp.where(end.waiting > patience, Status.STAGNATED, Status.MAX_STEPS)
    status = jnp.where(norm <= target, Status.SUCCESS, status)
    status = jnp.where(jnp.isfinite(norm), status, Status.NON_FINITE)
    definite = jnp.all(jnp.isfinite(factors))
    return jnp.where(definite, status, Status.NOT_POSITIVE_DEFINITE).astype(jnp.int32)
