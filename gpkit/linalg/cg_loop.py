"""The conjugate gradient loop: init, step, done, finish, and restarts around them.

`minres` runs in the same restarts with steps of its own.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, PyTree
from gpkit.results import Status

# The inner loop aims a little below the tolerance, so that rounding between the recursive and
# the true residual does not cost a restart.
MARGIN = 0.9
# A restart that does not halve the true residual has met the limit of the arithmetic.
_RESTART_GAIN = 0.5
RUNNING = -1


class CG(NamedTuple):
    """Solution of A x = b by conjugate gradients or MINRES; fields follow the columns of b.

    `residual` is the true b - A x, recomputed at the end, and `residual_norm` its length. `status`
    holds one `gpkit.results.Status` code per column. `num_steps` counts the steps in which a column
    was active, `num_products` the products with A by the whole block. `diagonal` and `offdiagonal`
    are the Lanczos coefficients of the first `depth` steps, one tridiagonal matrix per column
    (after a column has ended: 1 and 0), not differentiated.
    """

    solution: PyTree
    residual: PyTree
    residual_norm: Float[Array, "*k"]
    num_steps: Int[Array, "*k"]
    num_products: Int[Array, ""]
    status: Int[Array, "*k"]
    diagonal: Float[Array, "*k depth"]
    offdiagonal: Float[Array, "*k depth-1"]


class Problem(NamedTuple):
    """One linear system as the loop sees it: products, stopping rule, sizes."""

    product: Callable[[Array], Array]
    precondition: Callable[[Array], Array]
    target: Float[Array, " k"]
    max_steps: int
    patience: int
    depth: int
    flexible: bool


class Inner(NamedTuple):
    """State between two steps; `alphas` and `betas` are the coefficients so far.

    `rz` is r^H P^{-1} r; in MINRES, which also has no use for `p`, the size of A met so far.
    """

    x: Float[Array, "n k"]
    r: Float[Array, "n k"]
    p: Float[Array, "n k"]
    rz: Float[Array, " k"]
    best: Float[Array, " k"]
    stale: Int[Array, " k"]
    status: Int[Array, " k"]
    num_steps: Int[Array, " k"]
    step: Int[Array, ""]
    alphas: Float[Array, "depth+1 k"]
    betas: Float[Array, "depth+1 k"]


class Outer(NamedTuple):
    """State between two restarts: an iterate with its true residual."""

    inner: Inner
    norm: Float[Array, " k"]
    cycle: Int[Array, ""]


def run(
    problem: Problem,
    b: Float[Array, "n k"],
    x0: Float[Array, "n k"] | None,
    descend: Callable[[Problem, Outer], Inner] | None = None,
) -> CG:
    """The loop itself, undifferentiated: restarts around steps, of conjugate gradients by default.

    `descend` runs one cycle from the true residual in ``outer.inner.r``: it updates `x`, `status`,
    `num_steps` and `step`; a status of `SUCCESS` only says that the cycle wants no more steps.
    """
    descend = _descend if descend is None else descend
    outer = jax.lax.while_loop(
        lambda o: jnp.any(o.inner.status == RUNNING),
        lambda o: _restart(problem, b, o, descend(problem, o)),
        _init(problem, b, x0),
    )
    return _finish(outer)


def _descend(problem: Problem, outer: Outer) -> Inner:
    """One cycle of conjugate gradients."""
    return jax.lax.while_loop(
        lambda s: ~done(problem, s),
        lambda s: _step(problem, s, outer.cycle == 0),
        _begin(problem, outer.inner, outer.norm),
    )


def _init(problem: Problem, b: Array, x0: Array | None) -> Outer:
    k, real = b.shape[1], b.real.dtype
    norm_b = norms(b)
    if x0 is None:
        x, r = jnp.zeros_like(b), b
    else:
        x = jnp.where(norm_b == 0, 0, x0.astype(b.dtype))
        r = b - problem.product(x)
    norm = norms(r)
    status = jnp.where(norm <= problem.target, Status.SUCCESS, RUNNING)
    status = jnp.where(jnp.isfinite(norm), status, Status.NON_FINITE).astype(jnp.int32)
    count = jnp.zeros((k,), jnp.int32)
    # One row more than asked for, to write to when nothing is to be recorded.
    zeros = jnp.zeros((problem.depth + 1, k), real)
    inner = Inner(
        x=x,
        r=r,
        p=jnp.zeros_like(b),
        rz=jnp.ones((k,), real),
        best=norm,
        stale=count,
        status=status,
        num_steps=count,
        step=jnp.zeros((), jnp.int32),
        alphas=zeros,
        betas=zeros,
    )
    return Outer(inner, norm, jnp.zeros((), jnp.int32))


def _begin(problem: Problem, s: Inner, norm: Array) -> Inner:
    """Start a cycle from the true residual in `s.r`."""
    running = s.status == RUNNING
    z = problem.precondition(jnp.where(running, s.r, 0))
    rz = dots(s.r, z)
    status = jnp.where(running & (rz <= 0), Status.INDEFINITE, s.status)
    status = jnp.where(running & ~jnp.isfinite(rz), Status.NON_FINITE, status)
    running = status == RUNNING
    return s._replace(
        p=jnp.where(running, z, 0),
        rz=jnp.where(running, rz, 1),
        best=norm,
        stale=jnp.zeros_like(s.stale),
        status=status,
    )


def done(problem: Problem, s: Inner) -> Array:
    return ~jnp.any(s.status == RUNNING) | (s.step >= problem.max_steps)


def _step(problem: Problem, s: Inner, record: Array) -> Inner:
    running = s.status == RUNNING
    ap = problem.product(s.p)
    curvature = dots(s.p, ap)
    # p^H A p of a definite A is at least 2 |p| |A p| / sqrt(cond): zero to rounding means that
    # the condition number is beyond the square of the precision.
    zero = 10 * jnp.finfo(curvature.dtype).eps * norms(s.p) * norms(ap)
    healthy = running & (curvature > zero)
    alpha = jnp.where(healthy, s.rz / jnp.where(healthy, curvature, 1), 0)
    x = jnp.where(healthy, s.x + alpha * s.p, s.x)
    r = jnp.where(healthy, s.r - alpha * ap, s.r)
    z = problem.precondition(r)
    rz, norm = dots(r, z), norms(r)
    gain = rz - dots(s.r, z) if problem.flexible else rz
    beta = jnp.where(healthy, gain / s.rz, 0)
    better = norm < s.best
    stale = jnp.where(better, 0, s.stale + 1)

    failed = jnp.where(curvature < -zero, Status.INDEFINITE, Status.BREAKDOWN)
    status = jnp.where(stale >= problem.patience, Status.STAGNATED, RUNNING)
    status = jnp.where(rz <= 0, Status.INDEFINITE, status)
    status = jnp.where(norm <= MARGIN * problem.target, Status.SUCCESS, status)
    status = jnp.where(healthy, status, failed)
    finite = jnp.isfinite(curvature) & jnp.isfinite(norm) & jnp.isfinite(rz)
    status = jnp.where(finite, status, Status.NON_FINITE)
    status = jnp.where(running, status, s.status).astype(jnp.int32)

    index = jnp.where(record, jnp.minimum(s.step, problem.depth), problem.depth)
    going = status == RUNNING
    return Inner(
        x=jnp.where(finite, x, s.x),
        r=jnp.where(finite, r, s.r),
        p=jnp.where(going, z + beta * s.p, 0),
        rz=jnp.where(going, rz, 1),
        best=jnp.minimum(norm, s.best),
        stale=stale,
        status=status,
        num_steps=s.num_steps + running,
        step=s.step + 1,
        alphas=s.alphas.at[index].set(alpha),
        betas=s.betas.at[index].set(jnp.where(going, beta, 0)),
    )


def _restart(problem: Problem, b: Array, outer: Outer, inner: Inner) -> Outer:
    """Recompute the true residual and decide for each column: ended, or once more."""
    r = b - problem.product(inner.x)
    norm = norms(r)
    active = outer.inner.status == RUNNING
    gained = norm <= _RESTART_GAIN * outer.norm
    again = jnp.where(gained, RUNNING, Status.STAGNATED)
    status = jnp.where(inner.status == Status.SUCCESS, again, inner.status)
    status = jnp.where(
        (status == RUNNING) & (inner.step >= problem.max_steps), Status.MAX_STEPS, status
    )
    status = jnp.where(norm <= problem.target, Status.SUCCESS, status)
    status = jnp.where(active, status, outer.inner.status).astype(jnp.int32)
    return Outer(inner._replace(r=r, status=status), norm, outer.cycle + 1)


def _finish(outer: Outer) -> CG:
    s = outer.inner
    diagonal, offdiagonal = _tridiagonal(s.alphas[:-1], s.betas[:-1])
    return CG(
        solution=s.x,
        residual=s.r,
        residual_norm=outer.norm,
        num_steps=s.num_steps,
        num_products=s.step + outer.cycle,
        status=s.status,
        diagonal=diagonal,
        offdiagonal=offdiagonal,
    )


def _tridiagonal(alphas: Array, betas: Array) -> tuple[Array, Array]:
    """Lanczos coefficients from those of conjugate gradients; ended columns are padded."""
    valid = alphas > 0
    inverse = jnp.where(valid, 1 / jnp.where(valid, alphas, 1), 0)
    previous = (betas * inverse)[:-1]
    diagonal = inverse.at[1:].add(jnp.where(valid[1:], previous, 0))
    offdiagonal = jnp.where(valid[1:], jnp.sqrt(jnp.maximum(betas[:-1], 0)) * inverse[:-1], 0)
    return jnp.where(valid, diagonal, 1).T, offdiagonal.T


def like(result: CG, shape: tuple[int, ...]) -> CG:
    """Undo the column axis of a single right-hand side."""
    columns = shape[1:]
    return result._replace(
        solution=result.solution.reshape(shape),
        residual=result.residual.reshape(shape),
        residual_norm=result.residual_norm.reshape(columns),
        num_steps=result.num_steps.reshape(columns),
        status=result.status.reshape(columns),
        diagonal=result.diagonal.reshape(columns + result.diagonal.shape[1:]),
        offdiagonal=result.offdiagonal.reshape(columns + result.offdiagonal.shape[1:]),
    )


def norms(v: Array) -> Array:
    return jnp.linalg.norm(v, axis=0)


def dots(u: Array, v: Array) -> Array:
    return jnp.sum(u.conj() * v, axis=0).real
