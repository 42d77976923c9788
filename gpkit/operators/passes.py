r"""One pass over the tiles of a kernel matrix: a product, or the gradient of a bilinear form.

Each tile is evaluated, used and forgotten. Between a set and itself only the tiles on and
below the diagonal are evaluated, each used on both sides.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, PyTree
from gpkit.kernels.base import AbstractKernel
from gpkit.operators.forms import prepared, tile, wide
from gpkit.operators.grid import Grid, fill, multiply, put, take


def product(
    kernel: AbstractKernel,
    X: Inputs,
    Z: Inputs | None,
    V: Float[Array, "m k"],
    *,
    grid: Grid,
    dtype: Any,
) -> Float[Array, "n k"]:
    """k(X, Z) V, tiles in `dtype`, summed in wide precision; Z None is X, at half the work."""
    at = evaluator(kernel, X, Z, grid, dtype, _is_wide(dtype))
    V = fill(V.astype(dtype), grid.padded()[1])
    return multiply(grid, lambda i, j, _: at(i, j), None, V, wide())[: grid.n]


def all_tiles(
    kernel: AbstractKernel,
    X: Inputs,
    deflation: Float[Array, "n r"] | None,
    *,
    grid: Grid,
    dtype: Any,
) -> Float[Array, "tiles rows rows"]:
    """Every tile of k(X, X), less the product of the deflation with its transpose if given.

    The difference is taken in wide precision and rounded to `dtype`, so that distances may be a
    few units of that precision off, which takes a third of the time.
    """
    exact = deflation is None and _is_wide(dtype)
    at = evaluator(kernel, X, None, grid, dtype if deflation is None else wide(), exact)
    if deflation is None:
        return jax.lax.map(lambda start: at(start[0], start[1]), jnp.asarray(grid.starts()))
    factor = fill(deflation.astype(wide()), grid.padded()[0])

    def rest(start: Array) -> Array:
        i, j = start
        low = take(factor, i, grid.rows) @ take(factor, j, grid.columns).T
        return (at(i, j) - low).astype(dtype)

    return jax.lax.map(rest, jnp.asarray(grid.starts()))


def bilinear_gradient(
    kernel: AbstractKernel,
    X: Inputs,
    Z: Inputs | None,
    U: Float[Array, "n k"],
    W: Float[Array, "m k"],
    *,
    grid: Grid,
    dtype: Any,
) -> tuple[PyTree, Inputs, Inputs | None]:
    r"""Gradient of $\sum_k u_k^\top k(X, Z)\, w_k$ with respect to the kernel's arrays, X and Z.

    The weight of an entry of the matrix is that of $U W^\top$, so that the sum over right-hand
    sides is one more matrix product per tile. What a tile gives for its features is added up in
    wide precision, since norms cancel there; the features are differentiated once, at the end.
    """
    weights = _weights(U.astype(dtype), W.astype(dtype), grid)
    return _contract(kernel, X, Z, weights, grid, dtype, _is_wide(dtype))


def quadratic_gradient(
    kernel: AbstractKernel,
    X: Inputs,
    S: Float[Array, "n k"],
    c: Float[Array, " k"],
    *,
    grid: Grid,
    dtype: Any,
) -> tuple[PyTree, Inputs]:
    r"""Gradient of $\sum_k c_k s_k^\top k(X, X)\, s_k$: half as wide as a bilinear form.

    Distances by the matrix product alone: what it cancels is small beside what the sum does.
    """
    rows = grid.padded()[0]
    weights = fill((2 * c * S).astype(dtype), rows), fill(S.astype(dtype), rows)
    return _contract(kernel, X, None, weights, grid, dtype, exact=False)[:2]


def _contract(
    kernel: AbstractKernel,
    X: Inputs,
    Z: Inputs | None,
    weights: tuple[Array, Array],
    grid: Grid,
    dtype: Any,
    exact: bool,
) -> tuple[PyTree, Inputs, Inputs | None]:
    """Gradient of the sum of all entries times weights, which are given by their two factors.

    Of a symmetric matrix the weights are those of an entry and its mirror image together.
    """
    params, static = eqx.partition(kernel, eqx.is_inexact_array)
    features = lambda p, X, Z: _features(eqx.combine(p, static), X, Z, grid)  # noqa: E731
    (left, right), back = jax.vjp(features, params, X, Z)

    def step(sums: tuple, start: Array) -> tuple[tuple, None]:
        i, j = start
        x, z = take(left, i, grid.rows), take(right, j, grid.columns)
        u, w = take(weights[0], i, grid.rows), take(weights[1], j, grid.columns)
        values = lambda p, x, z: tile(eqx.combine(p, static), x, z, dtype, exact)  # noqa: E731
        _, pull = jax.vjp(values, params, x, z)
        if grid.symmetric:
            u = jnp.where(i == j, 0.5, 1.0).astype(dtype) * u
        weight = jnp.matmul(u, w.T, precision=jax.lax.Precision.HIGHEST)
        dparams, dx, dz = pull(weight)
        total = jax.tree.map(lambda a, b: a + b.astype(a.dtype), sums[0], dparams)
        return (total, put(sums[1], dx, i), put(sums[2], dz, j)), None

    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, wide()), (params, left, right))
    (dparams, dleft, dright), _ = jax.lax.scan(step, zeros, jnp.asarray(grid.starts()))
    dprepared, dX, dZ = back(_like((dleft, dright), (left, right)))
    return jax.tree.map(lambda a, b: a.astype(b.dtype) + b, dparams, dprepared), dX, dZ


def evaluator(
    kernel: AbstractKernel, X: Inputs, Z: Inputs | None, grid: Grid, dtype: Any, exact: bool
) -> Callable[[Array, Array], Array]:
    """The tile that begins at a row and a column."""
    left, right = _features(kernel, X, Z, grid)

    def at(i: Array, j: Array) -> Array:
        return tile(kernel, take(left, i, grid.rows), take(right, j, grid.columns), dtype, exact)

    return at


def _is_wide(dtype: Any) -> bool:
    return jnp.dtype(dtype) == wide()


def _features(
    kernel: AbstractKernel, X: Inputs, Z: Inputs | None, grid: Grid
) -> tuple[PyTree, PyTree]:
    """Features of all points, in rows that fill whole tiles with copies of the last point."""
    n, m = grid.padded()
    left = fill(X, n, "edge")
    right = left if Z is None else fill(Z, m, "edge")
    # The barrier keeps what was prepared per point from moving into the loop over pairs.
    return jax.lax.optimization_barrier(prepared(kernel, left, right))


def _weights(U: Array, W: Array, grid: Grid) -> tuple[Array, Array]:
    """Factors of the weights of tiles; of symmetric ones both halves, u w' + w u'."""
    n, m = grid.padded()
    U, W = fill(U, n), fill(W, m)
    if not grid.symmetric:
        return U, W
    return jnp.concatenate([U, W], axis=1), jnp.concatenate([W, U], axis=1)


def _like(tree: PyTree, example: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: a.astype(b.dtype), tree, example)
