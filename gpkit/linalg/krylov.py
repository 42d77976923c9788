"""What the Krylov decompositions share: flat operators, adjoint products, breakdown."""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from gpkit._types import Array, Float, Int, MatVec, PyTree
from gpkit.linalg.primitive import hoist, pullback
from gpkit.results import Status

# A new basis vector shorter than this many roundings of the operator is noise.
_BREAKDOWN_ROUNDINGS = 10.0
_BLOCK = 16


class FlatOperator(NamedTuple):
    """``apply(operands, x)``: a pure function from vector to vector, and its operands.

    `operands` holds the parameters and everything the product was closed over; `unravel` and
    `unravel_image` lead from vectors back to the user's pytrees.
    """

    apply: Callable[[PyTree, Array], Array]
    operands: PyTree
    vector: Array
    num_rows: int
    unravel: Callable[[Array], PyTree]
    unravel_image: Callable[[Array], PyTree]


class Maps(NamedTuple):
    """A decomposition of vectors, its derivative and the transpose: see `with_adjoint`."""

    forward: Callable
    tangent: Callable
    adjoint: Callable


def flatten(matvec: MatVec, v: PyTree, params: tuple) -> FlatOperator:
    """The product ``matvec(v, *params)`` on vectors; it may be rectangular.

    Raises `TypeError` for a `v` without floating-point dtype.
    """
    v, dtype = _widen(matvec, v, params)
    image = jax.eval_shape(matvec, v, *params)
    vector, unravel = ravel_pytree(v)
    zeros, unravel_image = ravel_pytree(jax.tree.map(lambda y: jnp.zeros(y.shape, dtype), image))
    pure, captured = hoist(matvec, v, *params)

    def apply(operands: PyTree, x: Array) -> Array:
        constants, arguments = operands
        return ravel_pytree(pure(constants, unravel(x), *arguments))[0].astype(dtype)

    return FlatOperator(apply, (captured, params), vector, zeros.size, unravel, unravel_image)


def flatten_square(matvec: MatVec, v: PyTree, params: tuple) -> FlatOperator:
    """`flatten`; raises `ValueError` if the product has not the structure and shape of `v`."""
    image = jax.eval_shape(matvec, v, *params)
    if jax.tree.map(jnp.shape, v) != jax.tree.map(jnp.shape, image):
        raise ValueError(
            f"matvec(v, *params) must return the structure and shape of v, {_shapes(v)}; "
            f"it returned {_shapes(image)}"
        )
    return flatten(matvec, v, params)


def _widen(matvec: MatVec, v: PyTree, params: tuple) -> tuple[PyTree, Any]:
    """`v` in the wider dtype of itself and of its product, and that dtype."""
    v = jax.tree.map(jnp.asarray, v)
    dtype = jnp.result_type(*jax.tree.leaves(v))
    if not jnp.issubdtype(dtype, jnp.inexact):
        raise TypeError(f"v must hold floating-point numbers, got {dtype}; convert it first")
    dtype = jnp.result_type(dtype, *jax.tree.leaves(jax.eval_shape(matvec, v, *params)))
    return jax.tree.map(lambda x: x.astype(dtype), v), dtype


def check_depth(depth: int, limit: int) -> int:
    """`depth` as an integer between 1 and `limit`, or `ValueError`."""
    depth = operator.index(depth)
    if not 1 <= depth <= limit:
        raise ValueError(
            f"depth must lie between 1 and the smallest dimension of the operator, {limit}; "
            f"got {depth}"
        )
    return depth


def check_reortho(reortho: str) -> str:
    """`reortho` if it is "full" or "none", or `ValueError`."""
    if reortho not in ("full", "none"):
        raise ValueError(f'reortho must be "full" or "none", got {reortho!r}')
    return reortho


def adjoint_product(apply: Callable, operands: PyTree, x: Array, y: Array) -> tuple[PyTree, Array]:
    """Gradient of Re(y^H A x) with respect to the operands, and A^H y.

    The first is in JAX's convention, ready to be added up and returned.
    """
    doperands, image = pullback(apply, (operands, x), jnp.conj(y))
    return doperands, jnp.conj(image)


def transposed_product(apply: Callable, operands: PyTree, x: Array, y: Array) -> Array:
    """A^H y, where x is any vector that A takes."""
    _, transposed = jax.vjp(partial(apply, operands), x)
    # Alone: fused with what makes y, a dense product would run as a scalar loop.
    return jnp.conj(transposed(jnp.conj(jax.lax.optimization_barrier(y)))[0])


def products_gradient(
    apply: Callable, operands: PyTree, xs: Float[Array, "c n"], ys: Float[Array, "c m"]
) -> PyTree:
    """Gradient of Re(sum_i y_i^H A x_i) with respect to the operands, in JAX's convention.

    All products at once: a dense matrix gets its gradient by one product of matrices, an
    operator that is made anew for each product is made once.
    """
    images = lambda operands: jax.vmap(partial(apply, operands))(xs)  # noqa: E731
    return pullback(images, (operands,), jnp.conj(ys))[0]


def rows_gradient(
    apply: Callable, operands: PyTree, xs: Float[Array, "K n"], ys: Float[Array, "K m"]
) -> PyTree:
    """`products_gradient` of many rows, block by block (see `_block_length`)."""
    depth, n = xs.shape
    length = _block_length(operands, depth, n)
    if length == depth:
        return products_gradient(apply, operands, xs, ys)

    def block(gradient: PyTree, first: Array) -> tuple[PyTree, None]:
        start = jnp.minimum(first, depth - length)
        x, y = (jax.lax.dynamic_slice_in_dim(rows, start, length) for rows in (xs, ys))
        # The last block starts earlier to be full; its first rows have been counted.
        y = jnp.where(jnp.arange(length)[:, None] < first - start, 0, y)
        return add(gradient, products_gradient(apply, operands, x, y)), None

    firsts = jnp.arange(0, depth, length)
    return jax.lax.scan(block, zero_gradient(operands), firsts)[0]


def backwards(
    apply: Callable,
    operands: PyTree,
    size: tuple[int, ...],
    step: Callable,
    start: PyTree,
    pairs: Callable,
) -> tuple[PyTree, PyTree]:
    """Runs ``step(state, k) -> (state, multipliers)`` from k = K - 1 down to 0; `size` is (K, n).

    Returns the last state and the gradient of Re(sum_i y_i^H A x_i) with respect to the operands,
    over the rows of ``xs, ys = pairs(ks, multipliers)``. The multipliers of a block of steps are
    kept until its end and pulled back together.
    """
    depth, n = size
    length = _block_length(operands, depth, n)
    count = -(-depth // length)
    nothing = jax.tree.map(jnp.zeros_like, jax.eval_shape(step, start, 0)[1])

    def guarded(state: PyTree, k: Array) -> tuple[PyTree, PyTree]:
        # Steps below the first, which fill the last block, do nothing.
        return jax.lax.cond(k >= 0, step, lambda state, k: (state, nothing), state, k)

    def block(carry: tuple, first: Array) -> tuple[tuple, None]:
        state, gradient = carry
        ks = first + jnp.arange(length)
        one = step if depth % length == 0 else guarded
        state, multipliers = jax.lax.scan(one, state, ks, reverse=True)
        xs, ys = pairs(jnp.maximum(ks, 0), multipliers)
        return (state, add(gradient, products_gradient(apply, operands, xs, ys))), None

    if count == 1:
        state, multipliers = jax.lax.scan(step, start, jnp.arange(depth), reverse=True)
        return state, products_gradient(apply, operands, *pairs(slice(None), multipliers))
    firsts = depth - length * jnp.arange(1, count + 1)
    (state, gradient), _ = jax.lax.scan(block, (start, zero_gradient(operands)), firsts)
    return state, gradient


def _block_length(operands: PyTree, depth: int, n: int) -> int:
    """Steps in a block: as many as cost no more memory than the gradient, 16 at least.

    Then both costs of a block, an evaluation of the operator and a sum of gradients, are small
    next to its products. Among shorter blocks the one that fills the last one best.
    """
    most = max(_BLOCK, sum(jnp.size(x) for x in jax.tree.leaves(operands)) // n)
    if most >= depth:
        return depth
    return min(range(most, most // 2, -1), key=lambda length: -depth % length)


def zero_gradient(operands: PyTree) -> PyTree:
    """The start of a sum of operand gradients; ``None`` for what has none."""
    return jax.tree.map(
        lambda x: jnp.zeros_like(x) if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else None,
        operands,
    )


def add(a: PyTree, b: PyTree) -> PyTree:
    """Leaf by leaf a + b."""
    return jax.tree.map(jnp.add, a, b)


def plus(a: Array | None, b: Array | None) -> Array | None:
    """a + b, where ``None`` is a known zero."""
    return b if a is None else a if b is None else a + b


def conjugated(cotangent: Any, out: Any, names: tuple[str, ...]) -> tuple[Array, ...]:
    """The named cotangents, conjugated; zeros where they are ``None``."""
    pairs = [(getattr(cotangent, name), getattr(out, name)) for name in names]
    return tuple(jnp.zeros_like(y) if g is None else g.conj() for g, y in pairs)


def inner(x: Array, y: Array) -> Array:
    """Re(x^H y)."""
    return jnp.real(jnp.vdot(x, y))


def reciprocal(x: Array) -> Array:
    """1 / x, and 0 at 0: a vector of length zero has no direction."""
    return jnp.where(x == 0, 0, 1 / jnp.where(x == 0, 1, x))


def normalise(u: Array, scale: Array) -> tuple[Array, Array, Array]:
    """``(u, length, direction)``, all exactly zero if `u` is rounding noise next to `scale`.

    NaN passes through, so that it is reported and not mistaken for a breakdown.
    """
    length = jnp.linalg.norm(u)
    noise = _BREAKDOWN_ROUNDINGS * jnp.finfo(u.dtype).eps * scale
    dead = (length <= noise) | (length == 0)
    u, length = jnp.where(dead, 0, u), jnp.where(dead, 0, length)
    return u, length, u * reciprocal(length)


def normalise_tangent(du: Array, length: Array, direction: Array) -> tuple[Array, Array]:
    """Derivatives of length and direction of a vector; zero after a breakdown."""
    dlength = inner(direction, du)
    return dlength, (du - direction * dlength) * reciprocal(length)


def normalise_adjoint(dlength: Array, ddirection: Array, length: Array, direction: Array) -> Array:
    """Transpose of `normalise_tangent`: the gradient with respect to the vector."""
    along = inner(direction, ddirection)
    return (ddirection - direction * along) * reciprocal(length) + direction * dlength


def outcome(num_steps: Array, depth: int, *coefficients: Array) -> Int[Array, ""]:
    """Status of a decomposition from the number of steps made and its coefficients."""
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(c)) for c in coefficients]))
    early = jnp.where(num_steps < depth, Status.EARLY_BREAKDOWN, Status.SUCCESS)
    return jnp.where(finite, early, Status.NON_FINITE).astype(jnp.int32)


def _shapes(tree: PyTree) -> Any:
    return jax.tree.map(lambda x: list(jnp.shape(x)), tree)
