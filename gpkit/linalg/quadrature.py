r"""Gauss and Gauss-Radau quadrature of e_1^T f(T) e_1 for a tridiagonal T, differentiable."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int

Function = Callable[[Array], Array]


class Rule(NamedTuple):
    """Value sum_i w_i f(node_i), with nodes and weights as data."""

    value: Float[Array, ""]
    nodes: Float[Array, " m"]
    weights: Float[Array, " m"]


def gauss(
    function: Function,
    diagonal: Float[Array, " K"],
    offdiagonal: Float[Array, " K-1"],
    floor: Float[Array, ""],
) -> Rule:
    r"""The K-point Gauss rule of the measure that T stands for; nodes are its Ritz values.

    `function` is applied elementwise, to nodes raised to at least `floor`. Exact for
    polynomials of degree 2K - 1. The derivative with respect to T is taken by divided
    differences of the function, so coinciding nodes are harmless.

    Source: Golub and Meurant 2010, sections 6.2 and 7.1.
    """
    return _rule(function, _tridiagonal(diagonal, offdiagonal), floor)


def gauss_radau(
    function: Function,
    diagonal: Float[Array, " K"],
    offdiagonal: Float[Array, " K-1"],
    last: Float[Array, ""],
    node: Float[Array, ""],
    floor: Float[Array, ""],
) -> Rule:
    r"""The Gauss rule with one more node, prescribed at the lower end of the spectrum.

    `last` is beta_K, the length of the residual after K Lanczos steps. For functions whose
    derivatives alternate in sign (log, sqrt, inverse, exp(-x)) this rule and `gauss` lie
    on opposite sides of the exact integral if `node` is below the spectrum. If
    `last` is zero then both are exact and equal.

    Source: Golub and Meurant 2010, section 6.2 (modified last coefficient).
    """
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(diagonal)) + jnp.abs(last))
    tiny = jnp.finfo(diagonal.dtype).eps * scale
    node = jax.lax.stop_gradient(node)
    squares = jnp.concatenate([jnp.zeros_like(diagonal[:1]), offdiagonal**2])

    def pivot(before: Array, entries: tuple) -> tuple[Array, None]:
        alpha, square = entries
        # Positive as long as the node lies below the Ritz values; rounding may break that.
        return jnp.maximum(alpha - node - square / before, tiny), None

    end, _ = jax.lax.scan(pivot, jnp.ones_like(diagonal[0]), (diagonal, squares))
    corner = jnp.where(last > 0, node + last**2 / end, 3 * scale)
    matrix = _tridiagonal(jnp.append(diagonal, corner), jnp.append(offdiagonal, last))
    return _rule(function, matrix, floor)


def decouple(
    diagonal: Float[Array, " K"], offdiagonal: Float[Array, " K-1"], num_steps: Int[Array, ""]
) -> Float[Array, " K"]:
    """The diagonal with everything after `num_steps` replaced by distinct large numbers.

    They have no weight in the quadrature, and being distinct they leave the second
    derivative of the eigenvalue problem finite.
    """
    index = jnp.arange(diagonal.size)
    edge = jnp.max(jnp.abs(diagonal)) + 2 * jnp.max(jnp.abs(offdiagonal), initial=0)
    return jnp.where(index < num_steps, diagonal, jax.lax.stop_gradient(edge) * (2.0 + index))


def _rule(function: Function, matrix: Array, floor: Array) -> Rule:
    value, nodes, weights = _integrate(function, matrix, jax.lax.stop_gradient(floor))
    return Rule(value, jax.lax.stop_gradient(nodes), jax.lax.stop_gradient(weights))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _integrate(function: Function, matrix: Array, floor: Array) -> tuple[Array, Array, Array]:
    nodes, vectors = jnp.linalg.eigh(matrix)
    weights = vectors[0] ** 2
    return jnp.sum(weights * function(jnp.maximum(nodes, floor))), nodes, weights


@_integrate.defjvp
def _(function: Function, primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    (matrix, floor), (direction, _) = primals, tangents
    nodes, vectors = jnp.linalg.eigh(matrix)
    first = vectors[0]
    mixed = vectors.T @ direction @ vectors * _divided(function, nodes, floor)
    out = jnp.sum(first**2 * function(jnp.maximum(nodes, floor))), nodes, first**2
    return out, (first @ mixed @ first, jnp.zeros_like(nodes), jnp.zeros_like(nodes))


def _divided(function: Function, nodes: Array, floor: Array) -> Array:
    """Divided differences f[a, b], with the derivative in the middle where a is close to b.

    Daleckii and Krein 1965; Higham 2008, theorem 3.11. The threshold balances the rounding of
    the difference against the error of the midpoint, both of about eps^(2/3).
    """

    def clipped(x: Array) -> Array:
        return function(jnp.maximum(x, floor))

    a, b = nodes[:, None], nodes[None, :]
    near = jnp.abs(a - b) <= jnp.cbrt(jnp.finfo(nodes.dtype).eps) * (jnp.abs(a) + jnp.abs(b))
    middle = 0.5 * (a + b)
    _, slope = jax.jvp(clipped, (middle,), (jnp.ones_like(middle),))
    quotient = (clipped(a) - clipped(b)) / jnp.where(near, 1, a - b)
    return jnp.where(near, slope, quotient)


def _tridiagonal(diagonal: Array, offdiagonal: Array) -> Array:
    upper = jnp.diag(offdiagonal, 1)
    return jnp.diag(diagonal) + upper + upper.T
