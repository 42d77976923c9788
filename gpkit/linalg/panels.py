r"""Cholesky factors and triangular inverses whose flops are matrix products.

Both go by panels of columns or rows. Inside a panel a loop takes small blocks, so that the
program has one copy of the small steps per panel. LAPACK sees the small blocks only: it
factors them on one thread, while for larger ones its threads stay awake after the call and
take the cores from the products that follow.

**Source:** Higham, "Accuracy and Stability of Numerical Algorithms" (2002), sections 10.1,
13.2 (block algorithms) and 14.2 (triangular inverses, method 2 by blocks of rows).
"""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float

# From this size on panels beat one library call by more than their longer compilation.
LARGE = 2048
# The size below which OpenBLAS keeps a factorisation on the calling thread is 64.
_BLOCK = 62
_COLUMNS = 4 * _BLOCK
_ROWS = 8 * _BLOCK
_PIECES = 3


def cholesky_by_panels(a: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Lower Cholesky factor of the lower triangle of a; NaN where it does not exist.

    **Cost:** $n^3/3 + 3 b n^2$ flops with panels of b = 248 columns.
    """
    n = a.shape[0]
    factor = jnp.zeros_like(a)
    for start in range(0, n, _COLUMNS):
        end = min(start + _COLUMNS, n)
        size = end - start
        panel = a[start:, start:end]
        if start:
            panel = panel - factor[start:, :start] @ factor[start:end, :start].T
        corner, inverse = (x[:size, :size] for x in _factor_corner(_padded(panel[:size])))
        below = _solve_right(panel[size:], corner, inverse)
        done = jnp.concatenate([corner, below])
        factor = jax.lax.dynamic_update_slice(factor, done, (start, start))
    return factor


def inverse_by_panels(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a lower triangular matrix, zeros above its diagonal.

    **Cost:** about $n^3/3$ flops.
    """
    n = factor.shape[0]
    starts = range(0, n, _ROWS)
    corners = [factor[s : s + _ROWS, s : s + _ROWS] for s in starts]
    size = _ROWS if n > _ROWS else None
    corners = jnp.stack([*corners[:-1], _padded(corners[-1], size)])
    corners = _invert_blocks(corners)
    # Rows of the factor are needed until they are overwritten: fresh memory costs as much as
    # a fifth of the products.
    inverse = factor
    for i, start in enumerate(starts):
        end = min(start + _ROWS, n)
        corner = corners[i, : end - start, : end - start]
        if start:
            rows = -(corner @ inverse[start:end, :start])
            rows = _times_lower(rows, inverse[:start, :start])
            inverse = jax.lax.dynamic_update_slice(inverse, rows, (start, 0))
        inverse = jax.lax.dynamic_update_slice(inverse, corner, (start, start))
    return inverse


def _factor_corner(corner: Array) -> tuple[Array, Array]:
    """Lower factor of a square block and the inverse of the factor; left-looking."""
    rows = jnp.arange(corner.shape[0])[:, None]
    block = min(_BLOCK, corner.shape[0])

    def step(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        factor, inverse = state
        start = k * block
        done = jax.lax.dynamic_slice_in_dim(factor, start, block, 0)
        columns = jax.lax.dynamic_slice_in_dim(corner, start, block, 1) - factor @ done.T
        leaf = jax.lax.dynamic_slice_in_dim(columns, start, block, 0)
        leaf = jax.lax.linalg.cholesky(leaf, symmetrize_input=False)
        leaf_inverse = _substitute(leaf[None])[0]
        below = jnp.where(rows >= start, _solve_right(columns, leaf, leaf_inverse), 0.0)
        below = jax.lax.dynamic_update_slice_in_dim(below, leaf, start, 0)
        left = -leaf_inverse @ (done @ inverse)
        left = jax.lax.dynamic_update_slice_in_dim(left, leaf_inverse, start, 1)
        return (
            jax.lax.dynamic_update_slice_in_dim(factor, below, start, 1),
            jax.lax.dynamic_update_slice_in_dim(inverse, left, start, 0),
        )

    zeros = jnp.zeros_like(corner)
    return jax.lax.fori_loop(0, corner.shape[0] // block, step, (zeros, zeros))


def _solve_right(b: Array, factor: Array, inverse: Array) -> Array:
    """b factor^-T from the inverse of the factor, with one step of refinement.

    A product with an explicit inverse alone is not backward stable: the factor of a nearly
    singular covariance would lose its last digits.
    """
    x = b @ inverse.T
    return x + (b - x @ factor.T) @ inverse.T


def _invert_blocks(corners: Array) -> Array:
    """Inverses of a stack of lower triangular matrices, by rows of small blocks."""
    size = corners.shape[1]
    block = min(_BLOCK, size)
    starts = range(0, size, block)
    leaves = jnp.stack([corners[:, s : s + block, s : s + block] for s in starts], axis=1)
    leaves = _substitute(leaves.reshape(-1, block, block)).reshape(leaves.shape)
    inverse = jnp.zeros_like(corners)
    for k, start in enumerate(starts):
        if start:
            rows = corners[:, start : start + block, :start] @ inverse[:, :start, :start]
            rows = -(leaves[:, k] @ rows)
            inverse = jax.lax.dynamic_update_slice(inverse, rows, (0, start, 0))
        inverse = jax.lax.dynamic_update_slice(inverse, leaves[:, k], (0, start, start))
    return inverse


def _substitute(leaves: Array) -> Array:
    """Inverses of a stack of small lower triangular matrices, row after row."""
    scale = 1.0 / jnp.diagonal(leaves, axis1=1, axis2=2)
    below = jnp.tril(leaves, -1)

    def step(i: Array, inverse: Array) -> Array:
        row = jax.lax.dynamic_slice_in_dim(below, i, 1, 1)
        factor = jax.lax.dynamic_slice_in_dim(scale, i, 1, 1)
        row = -factor[:, :, None] * (row @ inverse)
        row = jax.lax.dynamic_update_slice_in_dim(row, factor[:, :, None], i, 2)
        return jax.lax.dynamic_update_slice_in_dim(inverse, row, i, 1)

    return jax.lax.fori_loop(0, leaves.shape[1], step, jnp.zeros_like(leaves))


def _times_lower(rows: Array, lower: Array) -> Array:
    """rows @ lower in pieces of columns, each of which skips the zeros above its first."""
    n = lower.shape[0]
    width = max(_ROWS, -(-n // _PIECES))
    pieces = [rows[:, s:] @ lower[s:, s : s + width] for s in range(0, n, width)]
    return jnp.concatenate(pieces, axis=1)


def _padded(corner: Array, size: int | None = None) -> Array:
    """A square block with ones on the diagonal of what is added to fill its small blocks."""
    n = corner.shape[0]
    size = size or (n if n <= _BLOCK else -(-n // _BLOCK) * _BLOCK)
    padded = jnp.pad(corner, (0, size - n))
    extra = jnp.arange(size) >= n
    return padded + jnp.diag(extra.astype(corner.dtype))
