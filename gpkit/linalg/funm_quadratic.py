r"""Quadratic forms v^H f(A) v of a Hermitian A, with a choice of gradient.

K Lanczos steps give $\|v\|^2 e_1^\top f(T) e_1$, a Gauss rule for the spectral measure of v.

- ``gradient="adjoint"``: the derivative of that number, exact for the K steps made.
- ``gradient="frozen"``: an approximation of the true derivative with the basis held fixed,

$$\operatorname{Re} \sum_{jk} X_{jk}\, q_j^H (dA)\, q_k, \qquad
X = \|v\|^2 L_f(T, e_1 e_1^\top),$$

  L_f the derivative of f. It needs no second recursion, has no sequential dependence and
  no division by small off-diagonals, so loss of orthogonality does not amplify; it converges
  at about half the rate of the value, where the adjoint keeps the rate of the value. For
  forms u^H f(A) v this is the estimator of Singh, Barros and Li (2026, arXiv 2605.12801).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.divided import hermitian_function
from gpkit.linalg.funm import MatrixFunction, filled
from gpkit.linalg.primitive import hoist, pullback, pushforward, with_adjoint
from gpkit.linalg.tridiagonal import Lanczos
from gpkit.linalg.tridiagonal import maps as lanczos_maps
from gpkit.results import Status, worst


def funm_quadratic(
    f: Callable[[Array], Array],
    matvec: MatVec,
    v: PyTree,
    *params: PyTree,
    depth: int,
    reortho: str = "full",
    gradient: str = "adjoint",
) -> MatrixFunction:
    """v^H f(A) v for Hermitian A.

    **Arguments:** `f` is an elementwise function of real arrays with real values, as for
    `funm_lanczos`; `gradient` is "adjoint" or "frozen", see the module; the others as
    for `lanczos`. Forward mode, reverse mode and second order follow the chosen gradient.

    **Cost:** those of `lanczos`; the gradient of "frozen" takes 2 K^2 n flops and K products
    that do not depend on one another.

    **Breakdown:** value and derivatives are exact.

    **Raises:** as `lanczos`, and `ValueError` for a wrong `gradient`.

    **Source:** Golub and Meurant 2010, chapter 7; gradients: see the module.
    """
    if gradient not in ("adjoint", "frozen"):
        raise ValueError(f'gradient must be "adjoint" or "frozen", got {gradient!r}')
    flat = krylov.flatten_square(matvec, v, params)
    depth = krylov.check_depth(depth, flat.vector.size)
    full = krylov.check_reortho(reortho) == "full"
    pure, captured = hoist(f, flat.vector.real)
    decomposition = lanczos_maps(flat.apply, depth, full)
    if gradient == "adjoint":
        steps = with_adjoint(*decomposition)(flat.operands, flat.vector)
        value = _gauss(pure, captured, steps)
    else:
        run = with_adjoint(
            partial(_forward, decomposition, pure),
            partial(_tangent, decomposition, flat.apply, pure),
            partial(_adjoint, decomposition, flat.apply, pure),
        )
        value, steps = run(flat.operands, flat.vector, captured)
    finite = jnp.where(jnp.isfinite(value), Status.SUCCESS, Status.NON_FINITE)
    return MatrixFunction(value, steps.num_steps, worst(steps.status, finite))


def _dense(f: Callable, captured: list, steps: Lanczos) -> Float[Array, "K K"]:
    return hermitian_function(partial(f, captured), filled(steps))


def _gauss(f: Callable, captured: list, steps: Lanczos) -> Float[Array, ""]:
    return steps.norm**2 * _dense(f, captured, steps)[0, 0]


# The form with frozen basis: the decomposition is an output too, with its true derivative,
# so that second derivatives are those of the first derivative.


def _forward(
    maps: krylov.Maps, f: Callable, operands: PyTree, v: Array, captured: list
) -> tuple[Array, Lanczos]:
    steps = maps.forward(operands, v)
    return _gauss(f, captured, steps), steps


def _tangent(
    maps: krylov.Maps, apply: Callable, f: Callable, args: tuple, out: tuple, dargs: tuple
) -> tuple[Array, Lanczos]:
    (operands, v, captured), (_, steps) = args, out
    doperands, dv, dcaptured = dargs
    pairs = _pairs(f, captured, steps)

    def step(total: Array, k: Array) -> tuple[Array, None]:
        image = pushforward(apply, (operands, steps.basis[k]), (doperands, None))
        return total + krylov.inner(pairs[k] @ steps.basis, image), None

    depth = steps.diagonal.size
    dvalue, _ = jax.lax.scan(step, jnp.zeros_like(steps.norm), jnp.arange(depth))
    if dv is not None:
        dvalue = dvalue + 2 * krylov.inner(_action(f, captured, steps), dv)
    form = partial(_gauss, f)
    dvalue = dvalue + pushforward(form, (captured, steps), (dcaptured, _nothing(steps)))
    return dvalue, maps.tangent((operands, v), steps, (doperands, dv))


def _adjoint(
    maps: krylov.Maps, apply: Callable, f: Callable, args: tuple, out: tuple, cotangent: tuple
) -> tuple[PyTree, Array, list]:
    (operands, v, captured), (_, steps) = args, out
    g_value, g_steps = cotangent
    g_operands, g_v, g_captured = krylov.zero_gradient(operands), jnp.zeros_like(v), None
    if g_value is not None:
        pairs = g_value * _pairs(f, captured, steps)

        g_operands = krylov.rows_gradient(apply, operands, steps.basis, pairs @ steps.basis)
        g_v = 2 * g_value * _action(f, captured, steps).conj()
        g_captured, _ = pullback(partial(_gauss, f), (captured, steps), g_value)
    if jax.tree.leaves(g_steps):
        more, more_v = maps.adjoint((operands, v), steps, g_steps)
        g_operands, g_v = krylov.add(g_operands, more), g_v + more_v
    return g_operands, g_v, _or_nothing(g_captured, captured)


def _pairs(f: Callable, captured: list, steps: Lanczos) -> Float[Array, "K K"]:
    """X = |v|^2 L_f(T, e_1 e_1^T)."""
    corner = jnp.zeros_like(filled(steps)).at[0, 0].set(steps.norm**2)
    return pushforward(
        partial(hermitian_function, partial(f, captured)), (filled(steps),), (corner,)
    )


def _action(f: Callable, captured: list, steps: Lanczos) -> Array:
    """f(A) v."""
    return steps.norm * _dense(f, captured, steps)[0] @ steps.basis


def _nothing(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda _: None, tree)


def _or_nothing(tree: PyTree, like: PyTree) -> PyTree:
    return _nothing(like) if tree is None else tree
