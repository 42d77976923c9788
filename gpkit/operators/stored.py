"""Kernel matrices whose tiles are evaluated once and kept."""

from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, PyTree
from gpkit.kernels.base import AbstractKernel
from gpkit.linalg.primitive import pushforward, with_adjoint
from gpkit.operators.base import AbstractKernelOperator, as_columns
from gpkit.operators.forms import wide
from gpkit.operators.grid import Grid, fill, multiply
from gpkit.operators.memory import parse_memory, size
from gpkit.operators.passes import all_tiles
from gpkit.operators.recomputed import KernelOperator, kernel_product, slopes


@final
class StoredOperator(AbstractKernelOperator):
    """The symmetric matrix of a `KernelOperator`, kept: its tiles on and below the diagonal.

    A product reads every tile once, some times faster than evaluating it anew, and keeps half
    of n^2 numbers in the operator's tile precision. Derivatives are those of the operator, by
    passes that evaluate tiles anew.

    Args:
        operator: the matrix $k(X, X)$.
        memory: ceiling on the bytes kept, or a size such as ``"2GB"``; none by default.
        deflation: an n x r factor L of a low-rank part of the matrix, data. The tiles then hold
            $k(X, X) - L L^\top$, evaluated in wide precision and rounded afterwards, and products
            add $L L^\top V$ in the precision of L: the rounding of a tile is relative to what
            is left of the matrix, orders of magnitude below that of its largest entries
            where a few pivots of a partial Cholesky factorisation take out those.

    Raises ValueError where the tiles need more than `memory`, or the operator has a Z.
    """

    kernel: AbstractKernel
    X: Inputs
    Z: None
    operator: KernelOperator
    tiles: Float[Array, "tiles rows rows"]
    deflation: Float[Array, "n r"] | None
    grid: Grid = eqx.field(static=True)

    def __init__(
        self,
        operator: KernelOperator,
        *,
        memory: str | int | None = None,
        deflation: Float[Array, "n r"] | None = None,
    ):
        if operator.Z is not None:
            raise ValueError("only a symmetric matrix is stored: leave Z out of the operator")
        self.grid = operator.grid(1)
        needed = stored_bytes(operator)
        if memory is not None and needed > parse_memory(memory):
            raise ValueError(
                f"the tiles of {operator.shape[0]} rows need {size(needed)}, more than the memory "
                f"of {size(parse_memory(memory))}: use the KernelOperator as it is, or one with "
                "dtype='float32'"
            )
        self.kernel, self.X, self.Z = operator.kernel, operator.X, None
        self.operator = operator
        self.deflation = jax.lax.stop_gradient(deflation)
        self.tiles = _evaluate(operator, self.deflation, self.grid)

    def matmul(self, V):
        V = as_columns(V, self.shape[1], "V")
        columns = V.reshape(V.shape[0], -1)
        out = _matmul(self.operator, self.tiles, columns, self.grid)
        if self.deflation is not None:
            out = out + self.deflation @ (self.deflation.T @ columns)
        return out.reshape(-1, *V.shape[1:])


def stored_bytes(operator: KernelOperator) -> int:
    """Bytes that a `StoredOperator` of this operator keeps."""
    grid = operator.grid(1)
    return len(grid.starts()) * grid.rows * grid.columns * operator.tile_dtype.itemsize


@eqx.filter_jit
def _evaluate(operator: KernelOperator, deflation: Array | None, grid: Grid) -> Array:
    kernel, X, dtype = operator.kernel, operator.X, operator.tile_dtype
    return jax.lax.stop_gradient(all_tiles(kernel, X, deflation, grid=grid, dtype=dtype))


@eqx.filter_jit
def _matmul(operator: KernelOperator, tiles: Array, V: Array, grid: Grid) -> Array:
    arrays, static = eqx.partition(operator, eqx.is_array)
    return _product(static, grid)(arrays, tiles, V)


def _product(static: PyTree, grid: Grid) -> Callable[..., Array]:
    """``product(arrays, tiles, V)`` of the parts of an operator, its tiles being constants."""

    def forward(arrays: PyTree, tiles: Array, V: Array) -> Array:
        padded = fill(V.astype(tiles.dtype), grid.padded()[1])
        out = multiply(grid, lambda i, j, K: K, tiles, padded, wide())[: grid.n]
        return out.astype(jnp.result_type(arrays.X, V))

    def tangent(args: tuple, out: Array, dargs: tuple) -> Array:
        (arrays, tiles, V), (darrays, _, dV) = args, dargs
        total = jnp.zeros_like(out) if dV is None else again(arrays, tiles, dV)
        if jax.tree.leaves(darrays):
            moved = lambda arrays: kernel_product(eqx.combine(arrays, static), V)  # noqa: E731
            total = total + pushforward(moved, (arrays,), (darrays,))
        return total

    def adjoint(args: tuple, out: Array, cotangent: Array) -> tuple:
        arrays, tiles, V = args
        gradient = slopes(eqx.combine(arrays, static), cotangent, V)
        return gradient, None, again(arrays, tiles, cotangent).astype(V.dtype)

    again = with_adjoint(forward, tangent, adjoint)
    return again
