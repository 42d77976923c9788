"""Mixed precision: most products in low precision, the residual and the answer in high."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gpkit._types import Array, Float, MatVec, PyTree
from gpkit.linalg.cg_loop import CG, Problem, like, norms, run
from gpkit.linalg.implicit import Operands, freeze, implicit_solve, open_closure


def mixed_precision_cg(
    matvec: MatVec,
    b: Float[Array, "n *k"],
    *params: PyTree,
    low_dtype: DTypeLike = jnp.float32,
    low_matvec: MatVec | None = None,
    shift: float | Float[Array, ""] | None = None,
    preconditioner: Callable[[Array], Array] | None = None,
    rtol: float | Float[Array, " k"] = 1e-10,
    atol: float | Float[Array, " k"] = 0.0,
    max_steps: int = 200,
    inner_rtol: float = 1e-2,
    inner_max_steps: int = 1000,
) -> CG:
    r"""Solve A x = b to the accuracy of b's dtype with few products in that dtype.

    Flexible conjugate gradients in high precision, preconditioned by a loose conjugate
    gradient solve with A + shift I in low precision. The shift, of the size of the rounding
    errors of the low-precision products, keeps that operator definite; only eigenvalues
    below it are left to the outer iteration, so that condition numbers well beyond the
    inverse of the low precision are within reach (plain refinement diverges there).

    Args:
        matvec: `matvec(v, *params)`, A v, in the dtype of v; block or vector as b is.
        low_dtype: dtype of the inner products.
        low_matvec: the product in low precision; by default `matvec` with v and the floating
            point leaves of `params` cast to `low_dtype` (arrays closed over are not cast).
        shift: by default one rounding unit of the norm of A, from 8 power iterations.
        preconditioner: v -> P^{-1} v for the inner solve, in low precision; data.
        rtol, atol, max_steps: as in `cg`; each step is one product in high precision and
            an inner solve to `inner_rtol` with at most `inner_max_steps` low products.

    Statuses, restarts from the true residual and derivatives are those of `cg`; in the
    result, `num_products` counts the products in high precision.

    Cost: a few products in high precision, and for each an inner solve in low precision; memory 5
    blocks of the size of b in each.

    Raises: nothing of its own; shapes that do not fit fail in the product.

    Source: Higham and Mary 2022, section 8 (iterative refinement in Krylov form); flexible
    conjugate gradients: Golub and Ye 1999.
    """
    product, operands = open_closure(matvec, b, *params)
    low_b = b.astype(low_dtype)
    low_params = _cast(params, low_dtype)
    low_product, low_operands = open_closure(low_matvec or matvec, low_b, *low_params)
    captured = jax.lax.stop_gradient(low_operands.closed_over)
    low_precondition = freeze(preconditioner or (lambda v: v), low_b)

    def solve(r: Array, operands: Operands) -> CG:
        shape, block = r.shape, r.reshape(r.shape[0], -1)
        low = Operands(_cast(operands.params, low_dtype), captured)

        def low_apply(v: Array) -> Array:
            return low_product(v.reshape(shape), low).reshape(block.shape).astype(low_dtype)

        lift = _rounding(low_apply, block.astype(low_dtype)) if shift is None else shift
        lift = jax.lax.stop_gradient(jnp.asarray(lift, low_dtype))
        inner = Problem(
            product=lambda v: low_apply(v) + lift * v,
            precondition=lambda v: low_precondition(v.reshape(shape)).reshape(block.shape),
            target=jnp.full(block.shape[1:], inner_rtol, low_dtype),
            max_steps=inner_max_steps,
            patience=inner_max_steps,
            depth=0,
            flexible=False,
        )

        def approximate_inverse(r: Array) -> Array:
            length = norms(r)
            length = jnp.where(length > 0, length, 1)
            z = run(inner, (r / length).astype(low_dtype), None).solution.astype(r.dtype)
            # Rounding can make the first curvature negative: then no preconditioner this time.
            return jnp.where(jnp.any(z != 0, axis=0), z * length, r)

        outer = Problem(
            product=lambda v: product(v.reshape(shape), operands).reshape(block.shape),
            precondition=approximate_inverse,
            target=jnp.maximum(rtol * norms(block), atol),
            max_steps=max_steps,
            patience=max_steps,
            depth=0,
            flexible=True,
        )
        return like(run(outer, block, None), shape)

    return implicit_solve(solve, lambda r, o: solve(r, o).solution, product, b, operands)


def _rounding(apply: Callable[[Array], Array], block: Array) -> Array:
    """One rounding unit of the norm of the operator, estimated by power iterations."""
    n = block.shape[0]
    start = jnp.broadcast_to(jnp.cos(jnp.arange(n, dtype=block.dtype) ** 2)[:, None], block.shape)

    def step(_: int, state: tuple) -> tuple:
        v, _ = state
        w = apply(v / norms(v))
        return w, jnp.max(norms(w))

    _, norm = jax.lax.fori_loop(0, 8, step, (start, jnp.ones((), block.real.dtype)))
    return jnp.finfo(block.dtype).eps * norm


def _cast(tree: PyTree, dtype: DTypeLike) -> PyTree:
    """Floating point leaves in another dtype, as data."""

    def leaf(x: Array) -> Array:
        floating = jnp.issubdtype(jnp.result_type(x), jnp.floating)
        return jax.lax.stop_gradient(jnp.asarray(x, dtype)) if floating else x

    return jax.tree.map(leaf, tree)
