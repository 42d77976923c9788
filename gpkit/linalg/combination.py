"""A combination of Krylov vectors with coefficients from the small matrix, as one operation.

f(A) v is such a combination. Written as a product of coefficients and basis, its gradient
would build the cotangent of the basis, an outer product of the size of the basis itself;
here its rows are made one by one as the adjoint asks for them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gpkit._types import Array, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.primitive import pullback, pushforward, with_adjoint

# A decomposition with its large parts dropped, and what f is closed over -> coefficients of
# the combination, and one more number without derivative.
_Coefficients = Callable[[list, Any], tuple[Array, Array]]


def combine(
    maps: krylov.Maps, coefficients: _Coefficients, args: tuple[PyTree, Array, list]
) -> tuple[Array, Any, Array]:
    """``(c @ basis, decomposition, figure)`` with ``c, figure = coefficients(...)``.

    `args` are the operands of the operator, the start vector, and the arrays that
    `coefficients` needs besides.
    """
    run = with_adjoint(
        partial(_forward, maps, coefficients),
        partial(_tangent, maps, coefficients),
        partial(_adjoint, maps, coefficients),
    )
    return run(*args)


def _forward(
    maps: krylov.Maps, coefficients: _Coefficients, operands: PyTree, v: Array, captured: list
) -> tuple[Array, Any, Array]:
    steps = maps.forward(operands, v)
    weights, figure = coefficients(captured, _small(steps))
    return weights @ steps.basis, steps, figure


def _tangent(
    maps: krylov.Maps, coefficients: _Coefficients, args: tuple, out: tuple, dargs: tuple
) -> tuple:
    (operands, v, captured), (_, steps, _) = args, out
    doperands, dv, dcaptured = dargs
    dsteps = maps.tangent((operands, v), steps, (doperands, dv))
    small, dsmall = (captured, _small(steps)), (dcaptured, _small(dsteps))
    weights, _ = coefficients(*small)
    dweights, _ = pushforward(coefficients, small, dsmall)
    return dweights @ steps.basis + weights @ dsteps.basis, dsteps, None


def _adjoint(
    maps: krylov.Maps, coefficients: _Coefficients, args: tuple, out: tuple, cotangent: tuple
) -> tuple:
    (operands, v, captured), (_, steps, figure) = args, out
    g_value, g_steps, _ = cotangent
    if g_value is None:
        g_captured = jax.tree.map(lambda _: None, captured)
        return *maps.adjoint((operands, v), steps, g_steps), g_captured
    small = (captured, _small(steps))
    weights, _ = coefficients(*small)
    g_weights = steps.basis @ g_value
    g_weights = g_weights if jnp.iscomplexobj(weights) else g_weights.real
    g_captured, g_small = pullback(coefficients, small, (g_weights, jnp.zeros_like(figure)))
    g_steps = jax.tree.map(krylov.plus, g_steps, g_small, is_leaf=lambda x: x is None)
    rows = _Rows(g_steps.basis, weights, g_value, real=jnp.isrealobj(steps.basis))
    return *maps.adjoint((operands, v), steps, g_steps._replace(basis=rows)), g_captured


class _Rows:
    """A matrix plus an outer product, by rows."""

    def __init__(self, matrix: Array | None, weights: Array, vector: Array, *, real: bool):
        self._matrix, self._weights, self._vector, self._real = matrix, weights, vector, real

    def __getitem__(self, k: Any) -> Array:
        row = self._weights[k] * self._vector
        row = row.real if self._real else row
        return row if self._matrix is None else row + self._matrix[k]


def _small(steps: Any) -> Any:
    return steps._replace(basis=None, residual=None)
