"""Kernel matrices that are evaluated anew, tile by tile, in every product."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, PyTree
from gpkit.kernels.base import AbstractKernel, as_inputs
from gpkit.linalg.primitive import pushforward, with_adjoint
from gpkit.operators.base import AbstractKernelOperator, as_columns
from gpkit.operators.forms import prepared
from gpkit.operators.grid import Grid, cut
from gpkit.operators.memory import ROWS, parse_memory, tile_rows
from gpkit.operators.passes import bilinear_gradient, product, quadratic_gradient


@final
class KernelOperator(AbstractKernelOperator):
    r"""The matrix $k(X, Z)$ by its products, at the memory of a tile.

    Args:
        kernel: any kernel.
        X, Z: points, n x d and m x d; without Z the matrix is $k(X, X)$, whose products cost
            half, since every tile is used on both sides of the diagonal.
        dtype: precision of tiles and of their products; that of X by default. Tiles in float32
            with X in float64 are mixed precision: distances, what is summed over tiles and the
            result stay in float64. Beside float64 tiles the error of an entry is some 1e-7 of
            the variance and the time a third to a half.
        memory: bytes, or a size such as ``"2GB"``, for everything that a product or gradient
            needs beside its operands; without it tiles are as large as suits the cache.

    A product differentiates in forward and reverse mode and to second order, by one more pass
    over the tiles: with respect to the kernel's parameters, X, Z and the columns.

    Raises ValueError for points of other shapes, and at the first product where `memory` is
    too small for the smallest tile.
    """

    kernel: AbstractKernel
    X: Inputs
    Z: Inputs | None
    tile_dtype: Any = eqx.field(static=True)
    memory: int | None = eqx.field(static=True)

    def __init__(
        self,
        kernel: AbstractKernel,
        X: Inputs,
        Z: Inputs | None = None,
        *,
        dtype: Any = None,
        memory: str | int | None = None,
    ):
        self.kernel = kernel
        self.X = as_inputs(X, "X")
        self.Z = None if Z is None else as_inputs(Z, "Z")
        if self.Z is not None and self.Z.shape[1] != self.X.shape[1]:
            raise ValueError(
                f"X has {self.X.shape[1]} columns and Z has {self.Z.shape[1]}: they must agree"
            )
        self.tile_dtype = jnp.dtype(self.X.dtype if dtype is None else dtype)
        if not jnp.issubdtype(self.tile_dtype, jnp.floating):
            raise ValueError(f"dtype must be a floating point type, got {self.tile_dtype}")
        self.memory = None if memory is None else parse_memory(memory)

    def matmul(self, V):
        V = as_columns(V, self.shape[1], "V")
        return _matmul(self, V.reshape(V.shape[0], -1)).reshape(-1, *V.shape[1:])

    def bilinear_gradient(
        self, U: Float[Array, "n ..."], W: Float[Array, "m ..."]
    ) -> "KernelOperator":
        r"""Gradient of $\sum_k u_k^\top k(X, Z)\, w_k$ in one pass over the tiles.

        An operator in whose arrays stand the derivatives with respect to them: parameters (as
        they are stored), X and Z. The pass costs some two products of equal width.
        """
        U, W = as_columns(U, self.shape[0], "U"), as_columns(W, self.shape[1], "W")
        if U.shape[1:] != W.shape[1:]:
            raise ValueError(f"U and W must have equally many columns, got {U.shape}, {W.shape}")
        return _gradient(self, U.reshape(U.shape[0], -1), W.reshape(W.shape[0], -1))

    def quadratic_gradient(self, S: Float[Array, "n k"], c: Float[Array, " k"]) -> "KernelOperator":
        r"""Gradient of $\sum_k c_k s_k^\top k(X, X)\, s_k$, as `bilinear_gradient` gives it.

        Where both vectors of a pair are the same, half the width is enough. ValueError where
        the operator has a Z.
        """
        S, c = as_columns(S, self.shape[0], "S"), as_columns(c, S.shape[1], "c")
        if self.Z is not None:
            raise ValueError("a quadratic form is one of k(X, X): leave Z out of the operator")
        return _quadratic(self, S, c)

    def transpose(self) -> "KernelOperator":
        """The matrix $k(Z, X)$."""
        if self.Z is None:
            return self
        return eqx.tree_at(lambda op: (op.X, op.Z), self, (self.Z, self.X))

    def grid(self, columns: int) -> Grid:
        """The tiles of a product with that many columns."""
        n, m = self.shape
        if self.memory is None:
            return cut(n, None if self.Z is None else m, ROWS)
        left, right = jax.eval_shape(prepared, self.kernel, self.X, self.X)
        width = sum(leaf.size // n for leaf in jax.tree.leaves((left, right)))
        # In a gradient features and columns have sums beside them, and columns come twice.
        vectors = 2 * width + 6 * columns + 2 * self.X.shape[1]
        return cut(n, None if self.Z is None else m, tile_rows(max(n, m), vectors, self.memory))


@eqx.filter_jit
def _matmul(operator: KernelOperator, V: Array) -> Array:
    arrays, static = eqx.partition(operator, eqx.is_array)

    def forward(arrays: PyTree, V: Array) -> Array:
        return kernel_product(eqx.combine(arrays, static), V)

    def tangent(args: tuple, out: Array, dargs: tuple) -> Array:
        return pushforward(forward, args, dargs)

    def adjoint(args: tuple, out: Array, cotangent: Array) -> tuple:
        op, V = eqx.combine(args[0], static), args[1]
        transposed = op.transpose().matmul(cotangent)
        return slopes(op, cotangent, V), transposed.astype(V.dtype)

    return with_adjoint(forward, tangent, adjoint)(arrays, V)


@eqx.filter_jit
def _gradient(operator: KernelOperator, U: Array, W: Array) -> KernelOperator:
    return eqx.combine(slopes(operator, U, W), operator)


@eqx.filter_jit
def _quadratic(operator: KernelOperator, S: Array, c: Array) -> KernelOperator:
    kernel, X, dtype = operator.kernel, operator.X, operator.tile_dtype
    found = quadratic_gradient(kernel, X, S, c, grid=operator.grid(S.shape[1]), dtype=dtype)
    zeros = eqx.tree_at(lambda op: (op.kernel, op.X), operator, found)
    return eqx.combine(zeros, operator)


def kernel_product(operator: KernelOperator, V: Array) -> Array:
    """The product with the columns of V, differentiated by what is in it."""
    kernel, X, Z = operator.kernel, operator.X, operator.Z
    out = product(kernel, X, Z, V, grid=operator.grid(V.shape[1]), dtype=operator.tile_dtype)
    return out.astype(jnp.result_type(X, V))


def slopes(operator: KernelOperator, U: Array, W: Array) -> KernelOperator:
    """The floating point arrays of `KernelOperator.bilinear_gradient`, None elsewhere."""
    kernel, X, Z = operator.kernel, operator.X, operator.Z
    grid, dtype = operator.grid(U.shape[1]), operator.tile_dtype
    found = bilinear_gradient(kernel, X, Z, U, W, grid=grid, dtype=dtype)
    where = lambda op: (op.kernel, op.X, op.Z)  # noqa: E731
    return eqx.tree_at(where, operator, found, is_leaf=lambda leaf: leaf is None)
