"""Derivatives that never run through a solver loop.

`implicit_solve` gives x = A(params)^{-1} b its implicit derivative,

    dx = A^{-1} (db - dA x),

in forward and reverse mode and at every order. `with_stored_gradient` is for scalars whose
gradient is a by-product of computing them: the backward pass only scales it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from gpkit._types import Array, Float, PyTree
from gpkit.linalg.primitive import hoist


class Operands(NamedTuple):
    """What a product depends on: explicit parameters and values it was closed over."""

    params: tuple[PyTree, ...]
    closed_over: list[Array]


def open_closure(
    function: Callable[..., Any], v: PyTree, *params: PyTree
) -> tuple[Callable[[PyTree, Operands], Any], Operands]:
    """`function(v, *params)` as `product(v, operands)`, closed-over tracers made explicit.

    A custom derivative rule must not close over what is differentiated; this lifts it out, so
    that parameters may be passed or closed over alike. `product` holds for the shape of `v`.
    """
    pure, captured = hoist(function, v, *params)

    def product(v: PyTree, operands: Operands) -> Any:
        return pure(operands.closed_over, v, *operands.params)

    return product, Operands(params, captured)


def freeze(function: Callable[..., Any], *example: PyTree) -> Callable[..., Any]:
    """`function` with everything it closes over taken as data: no derivative runs through it.

    Holds for arguments of the shapes and dtypes of `example`.
    """
    pure, captured = hoist(function, *example)
    captured = jax.lax.stop_gradient(captured)
    return lambda *args: pure(captured, *args)


def on_vectors(
    matvec: Callable[..., PyTree], b: PyTree
) -> tuple[Callable[..., Array], Array, Callable[[Array], PyTree]]:
    """The same problem on an array: a pytree becomes one vector; arrays pass unchanged."""
    if isinstance(b, jax.Array | np.ndarray):
        return matvec, jnp.asarray(b), lambda x: x
    flat, unravel = ravel_pytree(b)

    def on_flat(v: Array, *params: PyTree) -> Array:
        return ravel_pytree(matvec(unravel(v), *params))[0]

    return on_flat, flat, unravel


def implicit_solve(
    solve: Callable[[Array, Operands], Any],
    linear_solve: Callable[[Array, Operands], Array],
    product: Callable[[Array, Operands], Array],
    b: Array,
    operands: Operands,
) -> Any:
    """A result whose field `solution` is A^{-1} b, for Hermitian A, with its derivative.

    `solve(b, operands)` is the forward computation (it may use a warm start and report what it
    likes); `linear_solve(r, operands)` solves for the tangents and cotangents. All other
    fields of the result have derivative zero.
    """

    @jax.custom_jvp
    def run(b: Array, operands: Operands) -> Any:
        return solve(b, operands)

    @run.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        (b, operands), (db, doperands) = primals, tangents
        result = run(b, operands)
        _, shift = jax.jvp(lambda o: product(result.solution, o), (operands,), (doperands,))
        tangent = _linear(product, linear_solve, db - shift, operands)
        return result, jax.tree.map(zero_tangent, result)._replace(solution=tangent)

    return run(b, operands)


def _linear(product: Callable, linear_solve: Callable, r: Array, operands: Operands) -> Array:
    """A^{-1} r as a map linear in r, which JAX can transpose and differentiate again.

    The transpose of a Hermitian A is its conjugate, hence the two conjugations.
    """
    frozen = jax.lax.stop_gradient(operands)
    return jax.lax.custom_linear_solve(
        lambda v: product(v, operands),
        r,
        solve=lambda _, r: linear_solve(r, frozen),
        transpose_solve=lambda _, r: linear_solve(r.conj(), frozen).conj(),
    )


def with_stored_gradient(
    value_and_gradient: Callable[..., tuple[Float[Array, ""], tuple, Any]], *params: PyTree
) -> tuple[Float[Array, ""], Any]:
    """A scalar whose gradient is computed with it; the backward pass only scales it.

    `value_and_gradient(*params)` returns `(value, gradients, aux)`: the scalar, one gradient
    for each of `params` (same tree and shapes), and anything worth reporting, such as solver
    statuses, with derivative zero. Returns `(value, aux)`. Because every solve happens in the
    forward pass, its status reaches the caller. Forward mode works too; second derivatives are
    those of the `gradients` computation, so it must itself be differentiable.
    """

    @jax.custom_jvp
    def run(params: tuple) -> tuple[Array, Any]:
        value, _, aux = value_and_gradient(*params)
        return value, aux

    @run.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        value, gradients, aux = value_and_gradient(*primals[0])
        tangent = _pairing(gradients, tangents[0])
        return (value, aux), (tangent.astype(value.dtype), jax.tree.map(zero_tangent, aux))

    return run(params)


def first_order_only(tree: PyTree, message: str) -> PyTree:
    """The same arrays; differentiating them raises NotImplementedError with this message.

    For what enters a solver loop that gives its gradient itself: differentiating the loop again
    would be wrong or endless.
    """

    @jax.custom_jvp
    def same(tree: PyTree) -> PyTree:
        return tree

    @same.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        raise NotImplementedError(message)

    return same(tree)


def _pairing(gradients: PyTree, tangents: PyTree) -> Array:
    """Sum over leaves of gradient times tangent; integer leaves have no tangent."""
    pairs = zip(jax.tree.leaves(gradients), jax.tree.leaves(tangents), strict=True)
    terms = [jnp.sum(g * t).real for g, t in pairs if t.dtype != jax.dtypes.float0]
    return sum(terms, start=jnp.zeros(()))


def zero_tangent(x: Array) -> Array | np.ndarray:
    """The zero tangent of an array; integers have tangents of JAX's empty type."""
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.zeros_like(x)
    return np.zeros(x.shape, jax.dtypes.float0)
