r"""MINRES: the residual of least norm over a Krylov space, for Hermitian matrices of any sign.

With the Lanczos vectors v_1, v_2, ... of the preconditioned operator and its tridiagonal T_k
(k + 1 rows), the iterate is x_k = V_k y with y the minimiser of \|\beta_1 e_1 - T_k y\|. Plane
rotations (c_k, s_k) turn T_k into an upper triangle of bandwidth three, so that x follows by a
recurrence of three directions, and the residual by

    r_k = s_k^2 r_{k-1} - \bar\phi_k c_k v_{k+1}.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PyTree
from gpkit.linalg.cg_loop import CG, MARGIN, RUNNING, Inner, Outer, Problem, done, dots, norms, run
from gpkit.linalg.conjugate_gradients import Options, solve_hermitian
from gpkit.results import Status


def minres(
    matvec: MatVec,
    b: PyTree,
    *params: PyTree,
    x0: PyTree | None = None,
    preconditioner: Callable[[Array], Array] | None = None,
    rtol: float | Float[Array, " k"] = 1e-6,
    atol: float | Float[Array, " k"] = 0.0,
    max_steps: int = 1000,
    patience: int = 500,
) -> CG:
    r"""Solve A x = b for a Hermitian A, definite or not, known by its products.

    Arguments, tolerances, restarts from the true residual, frozen columns, statuses and implicit
    derivatives are those of `cg`, except that the preconditioner alone must be positive definite
    (`INDEFINITE` if it is not). A singular A is allowed if b lies in its range: from x0 = 0 the
    solution has the least norm. Otherwise the residual cannot fall below the part of b outside
    of the range, and the column is `STAGNATED` at a least-squares solution (`BREAKDOWN` for
    A = 0).

    Cost: one product with the whole block for each step; memory 9 blocks of the size of b. Of a
    definite A `cg` takes as many steps and less memory.

    Raises:
        ValueError: wrong shapes, or limits that are not positive.

    Source: Paige and Saunders 1975, section 6; preconditioned: Greenbaum 1997, section 8.1.
    """
    options = Options(x0, preconditioner, rtol, atol, max_steps, patience, 0)
    return solve_hermitian(partial(run, descend=_descend), matvec, b, params, options)


class _State(NamedTuple):
    """Two Lanczos vectors as P v (`older`, `newer`), P^{-1} of the newer one, two directions,
    the rotation, and what the next column of the triangle needs."""

    inner: Inner
    older: Float[Array, "n k"]
    newer: Float[Array, "n k"]
    image: Float[Array, "n k"]
    beta_before: Float[Array, " k"]
    beta: Float[Array, " k"]
    directions: tuple[Float[Array, "n k"], Float[Array, "n k"]]
    cosine: Float[Array, " k"]
    sine: Float[Array, " k"]
    corner: Float[Array, " k"]  # entries of T that the last rotation left
    far: Float[Array, " k"]
    rest: Float[Array, " k"]  # norm of the residual, in the norm of P^{-1}


def _descend(problem: Problem, outer: Outer) -> Inner:
    """One cycle."""
    end = jax.lax.while_loop(
        lambda s: ~done(problem, s.inner), partial(_step, problem), _begin(problem, outer)
    )
    return end.inner


def _begin(problem: Problem, outer: Outer) -> _State:
    inner = outer.inner
    r = jnp.where(inner.status == RUNNING, inner.r, 0)
    image = problem.precondition(r)
    square = dots(r, image)
    running = inner.status == RUNNING
    status = jnp.where(running & (square <= 0), Status.INDEFINITE, inner.status)
    status = jnp.where(running & ~jnp.isfinite(square), Status.NON_FINITE, status)
    beta = jnp.where(status == RUNNING, jnp.sqrt(jnp.maximum(square, 0)), 1)
    inner = inner._replace(
        rz=jnp.where(outer.cycle == 0, 0, inner.rz),
        best=outer.norm,
        stale=jnp.zeros_like(inner.stale),
        status=status.astype(jnp.int32),
    )
    nothing, none = jnp.zeros_like(r), jnp.zeros_like(beta)
    return _State(
        inner=inner,
        older=nothing,
        newer=r,
        image=image,
        beta_before=jnp.ones_like(beta),
        beta=beta,
        directions=(nothing, nothing),
        cosine=-jnp.ones_like(beta),
        sine=none,
        corner=none,
        far=none,
        rest=beta,
    )


def _step(problem: Problem, s: _State) -> _State:
    inner, eps = s.inner, jnp.finfo(s.beta.dtype).eps
    running = inner.status == RUNNING
    # Lanczos
    v = s.image / s.beta
    u = problem.product(v) - (s.beta / s.beta_before) * s.older
    alpha = dots(v, u)
    u = u - (alpha / s.beta) * s.newer
    image = problem.precondition(u)
    square = dots(u, image)
    beta = jnp.sqrt(jnp.maximum(square, 0))
    scale = jnp.maximum(inner.rz, jnp.hypot(alpha, beta))
    ended = beta <= 10 * eps * scale
    # the next column of the triangle
    delta = s.cosine * s.corner + s.sine * alpha
    diagonal = s.sine * s.corner - s.cosine * alpha
    gamma, corner = jnp.hypot(diagonal, beta), -s.cosine * beta
    # |A r| / |r|: where it vanishes (it falls to about sqrt(eps) |A|), r is orthogonal to the
    # range and no step can shorten it; more steps would drift off in the null space.
    stuck = jnp.hypot(diagonal, corner) <= 4 * eps**0.5 * scale
    healthy = running & (gamma > 10 * eps * scale) & ~stuck
    safe = jnp.where(healthy, gamma, 1)
    cosine, sine = diagonal / safe, beta / safe
    direction = (v - s.far * s.directions[0] - delta * s.directions[1]) / safe
    length, rest = cosine * s.rest, sine * s.rest
    x = jnp.where(healthy, inner.x + length * direction, inner.x)
    after = u / jnp.where(ended, 1, beta)
    r = jnp.where(healthy, sine**2 * inner.r - rest * cosine * after, inner.r)

    norm = norms(r)
    stale = jnp.where(norm < inner.best, 0, inner.stale + 1)
    status = jnp.where(stale >= problem.patience, Status.STAGNATED, RUNNING)
    status = jnp.where(square < -((10 * eps * scale) ** 2), Status.INDEFINITE, status)
    status = jnp.where(ended | (norm <= MARGIN * problem.target), Status.SUCCESS, status)
    status = jnp.where(healthy, status, jnp.where(scale == 0, Status.BREAKDOWN, Status.STAGNATED))
    finite = jnp.isfinite(gamma) & jnp.isfinite(norm)
    status = jnp.where(finite, status, Status.NON_FINITE)
    status = jnp.where(running, status, inner.status).astype(jnp.int32)

    going = status == RUNNING
    inner = inner._replace(
        x=jnp.where(finite, x, inner.x),
        r=jnp.where(finite, r, inner.r),
        rz=scale,
        best=jnp.minimum(norm, inner.best),
        stale=stale,
        status=status,
        num_steps=inner.num_steps + running,
        step=inner.step + 1,
    )
    return _State(
        inner=inner,
        older=jnp.where(going, s.newer, 0),
        newer=jnp.where(going, u, 0),
        image=jnp.where(going, image, 0),
        beta_before=jnp.where(going, s.beta, 1),
        beta=jnp.where(going, beta, 1),
        directions=(s.directions[1], jnp.where(going, direction, 0)),
        cosine=cosine,
        sine=sine,
        corner=corner,
        far=s.sine * beta,
        rest=rest,
    )
