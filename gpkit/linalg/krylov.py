"""What the Krylov decompositions share: flat operators, adjoint products, breakdown."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from gpkit._types import Array, Float, Int, MatVec, PyTree
from gpkit.linalg.primitive import hoist, pullback
from gpkit.results import Status

# A new basis vector shorter than this many roundings of the operator is noise.
_BREAKDOWN_ROUNDINGS = 10.0


class FlatOperator(NamedTuple):
    """``apply(operands, x)``: a pure function from vector to vector, and its operands.

    `operands` holds the parameters and everything the product was closed over; `ravel` and
    `unravel` go between the user's pytree and a vector.
    """

    apply: Callable[[PyTree, Array], Array]
    operands: PyTree
    vector: Array
    unravel: Callable[[Array], PyTree]

    def unravel_rows(self, rows: Float[Array, "k n"]) -> PyTree:
        """The user's structure with a leading axis, one entry per row."""
        return jax.vmap(self.unravel)(rows)


def flatten(matvec: MatVec, v: PyTree, params: tuple) -> FlatOperator:
    """The product ``matvec(v, *params)`` on vectors, in the wider dtype of `v` and the product.

    Raises `TypeError` for a `v` without floating-point dtype and `ValueError` if the product
    does not have the structure and shape of `v`.
    """
    v = jax.tree.map(jnp.asarray, v)
    dtype = jnp.result_type(*jax.tree.leaves(v))
    if not jnp.issubdtype(dtype, jnp.inexact):
        raise TypeError(f"v must hold floating-point numbers, got {dtype}; convert it first")
    image = jax.eval_shape(matvec, v, *params)
    if jax.tree.map(jnp.shape, v) != jax.tree.map(jnp.shape, image):
        raise ValueError(
            f"matvec(v, *params) must return the structure and shape of v, {_shapes(v)}; "
            f"it returned {_shapes(image)}"
        )
    dtype = jnp.result_type(dtype, *jax.tree.leaves(image))
    v = jax.tree.map(lambda x: x.astype(dtype), v)
    vector, unravel = ravel_pytree(v)
    pure, captured = hoist(matvec, v, *params)

    def apply(operands: PyTree, x: Array) -> Array:
        constants, arguments = operands
        return ravel_pytree(pure(constants, unravel(x), *arguments))[0].astype(dtype)

    return FlatOperator(apply, (captured, params), vector, unravel)


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


def zero_gradient(operands: PyTree) -> PyTree:
    """The start of a sum of operand gradients; ``None`` for what has none."""
    return jax.tree.map(
        lambda x: jnp.zeros_like(x) if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else None,
        operands,
    )


def add(a: PyTree, b: PyTree) -> PyTree:
    """Leaf by leaf a + b."""
    return jax.tree.map(jnp.add, a, b)


def inner(x: Array, y: Array) -> Array:
    """Re(x^H y)."""
    return jnp.real(jnp.vdot(x, y))


def reciprocal(x: Array) -> Array:
    """1 / x, and 0 at 0: a vector of length zero has no direction."""
    return jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1), 0)


def normalise(u: Array, scale: Array) -> tuple[Array, Array, Array]:
    """``(u, length, direction)``, all exactly zero if `u` is rounding noise next to `scale`.

    NaN passes through, so that it is reported and not mistaken for a breakdown.
    """
    length = jnp.linalg.norm(u)
    noise = _BREAKDOWN_ROUNDINGS * jnp.finfo(u.dtype).eps * scale
    dead = (length <= noise) | (length == 0)
    u, length = jnp.where(dead, 0, u), jnp.where(dead, 0, length)
    return u, length, u * reciprocal_or_nan(length)


def reciprocal_or_nan(x: Array) -> Array:
    """1 / x, 0 at 0 and NaN at NaN."""
    return jnp.where(x == 0, 0, 1 / jnp.where(x == 0, 1, x))


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
    return jax.tree.map(lambda x: f"{x.dtype}{list(jnp.shape(x))}", tree)
