r"""f(A) v without the basis: the vectors are made again instead of kept.

With T and the coefficients c = \|v\| f(T) e_1 from a first run of the three-term recurrence, a
second run adds up f(A) v = sum_k c_k q_k, two vectors at a time (two-pass Lanczos; Borici
2000, Frommer and Simoncini 2008). In the gradient a run gives q_k . g for the cotangent g, from
which follow the cotangents of c and T; then the adjoint of `lanczos_checkpointed` goes back,
segment by segment, with c_k g added to the cotangent of q_k.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from gpkit._types import Array, MatVec, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.checkpointed import (
    Kept,
    Plan,
    adjoint,
    combination,
    forward,
    projections,
    tangent,
)
from gpkit.linalg.funm import MatrixFunction, applied, hermitian_coefficients
from gpkit.linalg.primitive import hoist, pullback, pushforward, with_adjoint
from gpkit.linalg.tridiagonal import Lanczos


def funm_lanczos_checkpointed(
    f: Callable[[Array], Array],
    matvec: MatVec,
    v: PyTree,
    *params: PyTree,
    depth: int,
    segment: int | None = None,
) -> MatrixFunction:
    """f(A) v for Hermitian A in the memory of a few vectors, value and gradient.

    Value and derivatives are those of ``funm_lanczos(..., reortho="none")``.

    **Arguments:** as for `funm_lanczos`; `segment` as for `lanczos_checkpointed`.

    **Cost:** 2 `depth` products forward; fewer than 2 `depth` more for a gradient, and `depth`
    products with the adjoint. Memory: 2 depth / s + s vectors for a gradient, with s =
    ceil(sqrt(2 depth)) by default.

    **Breakdown:** as for `funm_lanczos`.

    **Raises:** as `lanczos_checkpointed`.

    **Source:** see the module.
    """
    flat = krylov.flatten_square(matvec, v, params)
    plan = Plan.of(krylov.check_depth(depth, flat.vector.size), segment)
    pure, captured = hoist(f, flat.vector.real)
    coefficients = partial(_coefficients, pure)
    run = with_adjoint(
        partial(_forward, flat.apply, plan, coefficients),
        partial(_tangent, flat.apply, plan, coefficients),
        partial(_adjoint, flat.apply, plan, coefficients),
    )
    value, kept = run(flat.operands, flat.vector, captured)
    return applied(flat, value, kept.steps)


def _coefficients(f: Callable, captured: list, steps: Lanczos) -> Array:
    return hermitian_coefficients(f, captured, steps)[0]


def _small(steps: Lanczos) -> Lanczos:
    return steps._replace(residual=None)


def _forward(
    apply: Callable, plan: Plan, coefficients: Callable, operands: PyTree, v: Array, captured: list
) -> tuple[Array, Kept]:
    kept = forward(apply, plan, operands, v)
    weights = coefficients(captured, _small(kept.steps))
    return combination(apply, operands, v, kept.steps, weights), kept


def _tangent(
    apply: Callable, plan: Plan, coefficients: Callable, args: tuple, out: tuple, dargs: tuple
) -> tuple[Array, Kept]:
    (operands, v, captured), (_, kept) = args, out
    doperands, dv, dcaptured = dargs
    small = (captured, _small(kept.steps))
    weights = coefficients(*small)
    dkept, moved = tangent(apply, plan, (operands, v), kept, (doperands, dv), weights)
    dweights = pushforward(coefficients, small, (dcaptured, _small(dkept.steps)))
    return moved + combination(apply, operands, v, kept.steps, dweights), dkept


def _adjoint(
    apply: Callable, plan: Plan, coefficients: Callable, args: tuple, out: tuple, cotangent: tuple
) -> tuple[PyTree, Array, list]:
    (operands, v, captured), (_, kept) = args, out
    g_value, g_kept = cotangent
    if g_value is None:
        nothing = jax.tree.map(lambda _: None, captured)
        return *adjoint(apply, plan, (operands, v), kept, g_kept), nothing
    small = (captured, _small(kept.steps))
    weights = coefficients(*small)
    g_weights = projections(apply, operands, v, kept.steps, g_value)
    g_weights = g_weights if jnp.iscomplexobj(weights) else g_weights.real
    g_captured, g_small = pullback(coefficients, small, g_weights)
    g_steps = jax.tree.map(krylov.plus, g_kept.steps, g_small, is_leaf=lambda x: x is None)

    def row(k: Array) -> Array:
        g_q = weights[k] * g_value
        return g_q.conj() if jnp.iscomplexobj(v) else g_q.real

    g_kept = g_kept._replace(steps=g_steps)
    return *adjoint(apply, plan, (operands, v), kept, g_kept, row), g_captured
