r"""Gauss and Gauss-Radau quadrature of e_1^T f(T) e_1 for a tridiagonal T, differentiable."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.linalg.divided import hermitian_function
from gpkit.linalg.serial import eigh

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
    polynomials of degree 2K - 1. The derivative with respect to T is that of
    `hermitian_function`: coinciding nodes are harmless.

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
    corner = node + last**2 / end
    matrix = _tridiagonal(jnp.append(diagonal, corner), jnp.append(offdiagonal, last))
    return _rule(function, matrix, floor)


def _rule(function: Function, matrix: Array, floor: Array) -> Rule:
    value = hermitian_function(lambda x: function(jnp.maximum(x, floor)), matrix)[0, 0]
    nodes, vectors = eigh(jax.lax.stop_gradient(matrix))
    return Rule(value, nodes, vectors[0] ** 2)


def _tridiagonal(diagonal: Array, offdiagonal: Array) -> Array:
    upper = jnp.diag(offdiagonal, 1)
    return jnp.diag(diagonal) + upper + upper.T
