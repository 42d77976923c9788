r"""Functions of large matrices: f(A) v and v^H f(A) v from products with A.

K steps of `lanczos` (Hermitian A) or `arnoldi` (any square A) from v give

$$f(A) v \approx \|v\|\, Q^\top f(T) e_1, \qquad v^H f(A) v \approx \|v\|^2 e_1^\top f(T) e_1$$

with the rows of Q as basis. The derivative is that of the approximation, by the adjoint of
the decomposition; on the small matrix it is taken by divided differences, so that
coinciding Ritz values (ghosts) give no NaN. K steps are exact for polynomials of
degree 2K - 1 in the quadratic form and K - 1 in the vector.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, MatVec, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.combination import combine
from gpkit.linalg.divided import general_function, hermitian_function
from gpkit.linalg.hessenberg import Arnoldi
from gpkit.linalg.hessenberg import maps as arnoldi_maps
from gpkit.linalg.primitive import hoist
from gpkit.linalg.tridiagonal import Lanczos
from gpkit.linalg.tridiagonal import maps as lanczos_maps
from gpkit.results import Status, worst


class MatrixFunction(NamedTuple):
    """A function of a matrix, applied; `status` as for the decomposition behind it.

    `Status.BREAKDOWN` if the small matrix has no usable eigenvectors (general matrices
    only), `Status.NON_FINITE` if the value is not finite, for instance where f is not
    defined at a Ritz value.
    """

    value: PyTree
    num_steps: Int[Array, ""]
    status: Int[Array, ""]


def funm_lanczos(
    f: Callable[[Array], Array],
    matvec: MatVec,
    v: PyTree,
    *params: PyTree,
    depth: int,
    reortho: str = "full",
) -> MatrixFunction:
    r"""f(A) v for Hermitian A.

    **Arguments:** `f` is an elementwise function of real arrays (``jnp.log``, ``jnp.exp``,
    ``jnp.sqrt``, ``jax.lax.rsqrt``, ``jnp.reciprocal``, ...), differentiable twice where
    derivatives are taken; it may close over traced arrays. The others as for `lanczos`.

    **Cost:** those of `lanczos`; a gradient keeps one K x n basis and no cotangent of it.

    **Breakdown:** the value is exact, and so is the derivative within the invariant space of v.
    No Krylov vector points out of it: towards its complement the derivative is that of p(A) v,
    where p interpolates f at the Ritz values. `status` says so (`EARLY_BREAKDOWN`). Exact there
    as well: `funm_quadratic`, and with it a known functional of f(A) v by polarisation,
    w^T f(A) v = ((v + w)^T f(A) (v + w) - (v - w)^T f(A) (v - w)) / 4.

    **Raises:** as `lanczos`.

    **Source:** Higham, Functions of Matrices, section 13.2.
    """
    flat = krylov.flatten_square(matvec, v, params)
    depth = krylov.check_depth(depth, flat.vector.size)
    full = krylov.check_reortho(reortho) == "full"
    pure, captured = hoist(f, flat.vector.real)
    value, steps, _ = combine(
        lanczos_maps(flat.apply, depth, full),
        partial(hermitian_coefficients, pure),
        (flat.operands, flat.vector, captured),
    )
    return applied(flat, value, steps)


def funm_arnoldi(
    f: Callable[[Array], Array],
    matvec: MatVec,
    v: PyTree,
    *params: PyTree,
    depth: int,
    reortho: str = "full",
) -> MatrixFunction:
    """f(A) v for a square A.

    **Arguments:** `f` is an analytic elementwise function of complex arrays. For real A and v
    the value is real, so f must map conjugates to conjugates and no Ritz value may lie on a
    branch cut, else the value is NaN. The others as for `arnoldi`.

    **Cost:** those of `arnoldi` and nonsymmetric eigendecompositions of K x K matrices (on
    the CPU).

    **Breakdown:** as for `funm_lanczos`.

    **Raises:** as `arnoldi`.

    **Source:** Higham, Functions of Matrices, section 13.2.
    """
    flat = krylov.flatten_square(matvec, v, params)
    depth = krylov.check_depth(depth, flat.vector.size)
    full = krylov.check_reortho(reortho) == "full"
    pure, captured = hoist(f, flat.vector.astype(jnp.result_type(flat.vector, jnp.complex64)))
    value, steps, condition = combine(
        arnoldi_maps(flat.apply, depth, full),
        partial(_general_coefficients, pure),
        (flat.operands, flat.vector, captured),
    )
    limit = jnp.finfo(flat.vector.dtype).eps ** -0.5
    result = applied(flat, value, steps)
    defective = jnp.where(condition > limit, Status.BREAKDOWN, Status.SUCCESS)
    return result._replace(status=worst(result.status, defective))


def expm_multiply(
    matvec: MatVec,
    v: PyTree,
    *params: PyTree,
    depth: int,
    num_substeps: int = 1,
    reortho: str = "full",
) -> MatrixFunction:
    r"""exp(A) v for a square A, as $(e^{A/s})^s v$ with s = `num_substeps`.

    Each substep is one Arnoldi decomposition; its error falls superexponentially in
    `depth` once depth exceeds about $\|A\| / s$.

    **Cost:** s times `depth` products; a gradient keeps s bases.

    **Raises:** as `arnoldi`, and `ValueError` for num_substeps < 1.

    **Source:** Saad 1992 (Analysis of some Krylov subspace approximations to the matrix
    exponential operator); scaling: Al-Mohy and Higham 2011.
    """
    if num_substeps < 1:
        raise ValueError(f"num_substeps must be at least 1, got {num_substeps}")
    flat = krylov.flatten_square(matvec, v, params)
    depth = krylov.check_depth(depth, flat.vector.size)
    full = krylov.check_reortho(reortho) == "full"
    maps = arnoldi_maps(flat.apply, depth, full)
    coefficients = partial(_exponential_coefficients, num_substeps)

    def substep(x: Array, _: None) -> tuple[Array, tuple]:
        value, steps = combine(maps, coefficients, (flat.operands, x, []))[:2]
        return value, (steps.num_steps, _status(value, steps))

    value, (num_steps, status) = jax.lax.scan(substep, flat.vector, length=num_substeps)
    return MatrixFunction(flat.unravel(value), jnp.sum(num_steps), worst(status))


def applied(flat: krylov.FlatOperator, value: Array, steps: Lanczos | Arnoldi) -> MatrixFunction:
    """The value in the structure of the user's vector, with its status."""
    unravelled = flat.unravel(value) if value.dtype == flat.vector.dtype else value
    return MatrixFunction(unravelled, steps.num_steps, _status(value, steps))


def _status(value: Array, steps: Lanczos | Arnoldi) -> Int[Array, ""]:
    finite = jnp.all(jnp.isfinite(value))
    return worst(steps.status, jnp.where(finite, Status.SUCCESS, Status.NON_FINITE))


# Coefficients of f(A) v in the basis, and a figure of merit of the small problem.


def hermitian_coefficients(f: Callable, captured: list, steps: Lanczos) -> tuple[Array, Array]:
    """|v| f(T) e_1."""
    dense = hermitian_function(partial(f, captured), filled(steps))
    return steps.norm * dense[:, 0], jnp.ones_like(steps.norm)


def _general_coefficients(f: Callable, captured: list, steps: Arnoldi) -> tuple[Array, Array]:
    dense, condition = general_function(partial(f, captured), _filled_hessenberg(steps))
    column = steps.norm * dense[:, 0]
    if jnp.iscomplexobj(steps.hessenberg):
        return column, condition
    rounding = jnp.finfo(column.dtype).eps ** 0.5 * jnp.linalg.norm(column)
    real = jnp.all(jnp.abs(column.imag) <= rounding)
    return jnp.where(real, column.real, jnp.nan), condition


def _exponential_coefficients(
    num_substeps: int, captured: list, steps: Arnoldi
) -> tuple[Array, Array]:
    del captured
    dense = jax.scipy.linalg.expm(steps.hessenberg / num_substeps)
    return steps.norm * dense[:, 0], jnp.ones_like(steps.norm)


def filled(steps: Lanczos) -> Float[Array, "K K"]:
    """T with the rows after a breakdown decoupled and inside of the spectrum.

    Zeros there would send log or inverse to infinity; these rows have no weight in
    f(T) e_1, so any value will do.
    """
    inside = jnp.where(steps.norm > 0, jax.lax.stop_gradient(steps.diagonal[0]), 1)
    active = jnp.arange(steps.diagonal.size) < steps.num_steps
    return steps._replace(diagonal=jnp.where(active, steps.diagonal, inside)).matrix()


def _filled_hessenberg(steps: Arnoldi) -> Float[Array, "K K"]:
    inside = jnp.where(steps.norm > 0, jax.lax.stop_gradient(steps.hessenberg[0, 0]), 1)
    active = jnp.arange(steps.hessenberg.shape[0]) < steps.num_steps
    return steps.hessenberg + jnp.diag(jnp.where(active, 0, inside))
