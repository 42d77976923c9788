"""Conjugate gradients for many right-hand sides, with a status for each of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PyTree
from gpkit.linalg.cg_loop import CG, Problem, like, norms, run
from gpkit.linalg.implicit import (
    Operands,
    freeze,
    implicit_solve,
    on_vectors,
    open_closure,
    with_stored_gradient,
)


def cg(
    matvec: MatVec,
    b: PyTree,
    *params: PyTree,
    x0: PyTree | None = None,
    preconditioner: Callable[[Array], Array] | None = None,
    rtol: float | Float[Array, " k"] = 1e-6,
    atol: float | Float[Array, " k"] = 0.0,
    max_steps: int = 1000,
    patience: int = 500,
    depth: int = 0,
) -> CG:
    r"""Solve A x = b for a Hermitian positive definite A known by its products.

    Minimises the A-norm of the error over the Krylov space of P^{-1} A. Column j ends when
    its true residual is at most max(rtol_j |b_j|, atol_j); it is then frozen while the others
    go on, each step costing one product with the whole block. When the recursive residual has
    converged but the true one has not, the iteration restarts from the true residual, until a
    restart no longer halves it (`STAGNATED`: the limit of the arithmetic).

    Args:
        matvec: `matvec(v, *params)`, A times v, of the shape of `b`; may close over arrays.
        b: right-hand side, (n,) or n x k, or a pytree (then one right-hand side).
        params: what A depends on; differentiated, as are closed-over values.
        x0: warm start of the shape of `b`; taken as data, no derivative runs through it.
        preconditioner: v -> P^{-1} v with P Hermitian positive definite; taken as data.
        rtol, atol: tolerances of the 2-norm of the residual, one or one per column.
        max_steps: steps at most, over all restarts (`MAX_STEPS`).
        patience: steps without a new smallest residual before a column is `STAGNATED`.
        depth: how many steps to keep the Lanczos coefficients of. They are those of
            W A W^H with W^H W = P^{-1}, started at W (b - A x0).

    Other statuses: `INDEFINITE` (p^H A p or r^H P^{-1} r negative), `BREAKDOWN` (p^H A p zero to
    rounding), `NON_FINITE`. A column that fails keeps its last finite iterate.

    Derivatives are implicit, forward and reverse, of every order: each costs one more solve
    with the same settings, whose status is not reported; see `quadratic_form` for a form
    without a backward solve.

    Cost: one product with the whole block for each step, about sqrt(cond) steps to gain a digit;
    memory 5 blocks of the size of b.

    Raises:
        ValueError: wrong shapes, or limits that are not positive.

    Source: Hestenes and Stiefel 1952; coefficients: Golub and Van Loan 2013, section 11.3.
    """
    options = Options(x0, preconditioner, rtol, atol, max_steps, patience, depth)
    return solve_hermitian(run, matvec, b, params, options)


class Options(NamedTuple):
    """The options of `cg` and `minres`."""

    x0: PyTree | None
    preconditioner: Callable[[Array], Array] | None
    rtol: float | Float[Array, " k"]
    atol: float | Float[Array, " k"]
    max_steps: int
    patience: int
    depth: int


def solve_hermitian(
    loop: Callable[[Problem, Array, Array | None], CG],
    matvec: MatVec,
    b: PyTree,
    params: tuple,
    options: Options,
) -> CG:
    """A^{-1} b by `loop`, which knows arrays only, with the implicit derivative."""
    _check(b, options)
    matvec, rhs, unravel = on_vectors(matvec, b)
    start = options.x0
    start = None if start is None else jax.lax.stop_gradient(on_vectors(matvec, start)[1])
    product, operands = open_closure(matvec, rhs, *params)
    given = options.preconditioner
    precondition = (lambda v: v) if given is None else freeze(given, rhs)

    def solve(r: Array, operands: Operands, x0: Array | None, depth: int) -> CG:
        block, shape = r.reshape(r.shape[0], -1), r.shape
        problem = Problem(
            product=lambda v: product(v.reshape(shape), operands).reshape(block.shape),
            precondition=lambda v: precondition(v.reshape(shape)).reshape(block.shape),
            target=jnp.maximum(options.rtol * norms(block), options.atol),
            max_steps=options.max_steps,
            patience=options.patience,
            depth=depth,
            flexible=False,
        )
        return like(loop(problem, block, None if x0 is None else x0.reshape(block.shape)), shape)

    result = implicit_solve(
        lambda r, operands: solve(r, operands, start, options.depth),
        lambda r, operands: solve(r, operands, None, 0).solution,
        product,
        rhs,
        operands,
    )
    return result._replace(solution=unravel(result.solution), residual=unravel(result.residual))


class QuadraticForm(NamedTuple):
    """`value` is b^H A^{-1} b summed over columns; `solve` reports the one solve behind it."""

    value: Float[Array, ""]
    solve: CG


def quadratic_form(matvec: MatVec, b: Array, *params: PyTree, **options: Any) -> QuadraticForm:
    r"""tr(b^H A^{-1} b) with its gradient from the same solve; options are those of `cg`.

    With x the computed solution, the value is 2 Re tr(b^H x) - tr(x^H A x), a lower bound whose
    error is the squared A-norm of the error of x (second order in the residual). Its gradient,
    2x for b and -x^H dA x for the parameters, is computed in the forward pass and only scaled
    in the backward pass, so that `solve.status` covers it too. Real matrices.

    Cost: that of `cg`, one more product, and the derivative of one.

    Raises: as `cg`.

    Source: the lower bound is the maximum of 2 Re b^H x - x^H A x over x, at the computed x.
    """
    product, operands = open_closure(matvec, b, *params)

    def value_and_gradient(b: Array, operands: Operands) -> tuple[Array, tuple, CG]:
        result = cg(product, b, operands, **options)
        x = result.solution
        energy, pullback = jax.vjp(lambda o: jnp.sum(x * product(x, o)), operands)
        (sensitivity,) = pullback(-jnp.ones_like(energy))
        return 2 * jnp.sum(b * x) - energy, (2 * x, sensitivity), result

    value, result = with_stored_gradient(value_and_gradient, b, operands)
    return QuadraticForm(value, jax.lax.stop_gradient(result))


def _check(b: PyTree, options: Options) -> None:
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(b)]
    x0, max_steps, patience = options.x0, options.max_steps, options.patience
    if x0 is not None and [jnp.shape(leaf) for leaf in jax.tree.leaves(x0)] != shapes:
        raise ValueError(f"x0 must have the shape of b, {shapes}; got another one")
    if len(shapes) == 1 and len(shapes[0]) not in (1, 2):
        raise ValueError(f"b must be a vector (n,) or a block (n, k), got shape {shapes[0]}")
    if max_steps < 1 or patience < 1:
        raise ValueError(f"max_steps and patience must be positive, got {max_steps}, {patience}")
    if options.depth < 0:
        raise ValueError(
            f"depth (number of Lanczos coefficients) must be >= 0, got {options.depth}"
        )
