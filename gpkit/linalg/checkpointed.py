r"""Lanczos in bounded memory: only every s-th pair of basis vectors is kept.

The three-term recurrence is local: from $(q_{j-1}, q_j)$ and the known coefficients the
vectors of one segment follow with s - 1 products,

$$q_{k+1} = (A q_k - \alpha_k q_k - \beta_{k-1} q_{k-1}) / \beta_k .$$

The adjoint walks over the segments from last to first, recomputes the vectors of one of
them, and runs the local recurrence of `lanczos` with ``reortho="none"`` through it. With
m = floor((K - 1) / s) full segments and a last one of r = K - m s steps:

- vectors kept by the forward pass: 2 (m + 1); at the peak of the gradient s more;
- additional products in the gradient: m (s - 1) + r - 1, less than K.

The sum 2 K / s + s is smallest, $2 \sqrt{2 K}$, at $s = \sqrt{2 K}$: for K = 250 that is 45
vectors instead of 250. Griewank and Walther (2008), chapter 12, on such schedules.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, MatVec, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.primitive import densify, pushforward, with_adjoint
from gpkit.linalg.tridiagonal import Lanczos


def lanczos_checkpointed(
    matvec: MatVec, v: PyTree, *params: PyTree, depth: int, segment: int | None = None
) -> Lanczos:
    """Lanczos coefficients of a Hermitian operator without the basis (``basis=None``).

    The recurrence runs without reorthogonalisation; coefficients, residual and derivatives
    are those of ``lanczos(..., reortho="none")``. For quadratic forms and quadratures, which need
    T alone.

    **Arguments:** as for `lanczos`; `segment` is the number s of steps between kept pairs,
    default ``ceil(sqrt(2 depth))``.

    **Cost:** `depth` products forward, fewer than 2 `depth` more for a gradient; memory
    2 depth / s + s vectors instead of `depth`. Forward mode keeps no vectors but runs the
    recurrence again. Second derivatives in reverse mode store more.

    **Raises:** as `lanczos`, and `ValueError` for segment < 1.

    **Source:** schedule: Griewank and Walther 2008, chapter 12; derivative: see `lanczos`.
    """
    flat = krylov.flatten_square(matvec, v, params)
    plan = Plan.of(krylov.check_depth(depth, flat.vector.size), segment)
    run = with_adjoint(
        partial(forward, flat.apply, plan),
        lambda args, out, dargs: tangent(flat.apply, plan, args, out, dargs)[0],
        partial(adjoint, flat.apply, plan),
    )
    steps = run(flat.operands, flat.vector).steps
    return steps._replace(residual=flat.unravel(steps.residual))


class Plan(NamedTuple):
    """`count` segments of `length` steps, and a last one of `rest` >= 1 steps."""

    length: int
    count: int
    rest: int

    @classmethod
    def of(cls, depth: int, length: int | None) -> "Plan":
        length = math.ceil(math.sqrt(2 * depth)) if length is None else length
        if length < 1:
            raise ValueError(f"segment must be at least 1, got {length}")
        count = (depth - 1) // length
        return cls(length, count, depth - count * length)

    @property
    def depth(self) -> int:
        return self.count * self.length + self.rest

    @property
    def first_steps(self) -> Array:
        """Index of the first step of every full segment."""
        return self.length * jnp.arange(self.count)


class Kept(NamedTuple):
    """The decomposition, and (q_{k-1}, q_k) at the first step k of each segment."""

    steps: Lanczos
    pairs: tuple[Array, Array]  # of the full segments, with a leading axis
    last_pair: tuple[Array, Array]


def _walk(step: Callable, state: tuple, plan: Plan) -> tuple[tuple, tuple, tuple, tuple]:
    """Run `step` over all steps: last state, states at the starts of segments, outputs."""

    def through(length: int, state: tuple, first: Array | int) -> tuple[tuple, tuple]:
        last, outputs = jax.lax.scan(step, state, first + jnp.arange(length))
        return last, (state, outputs)

    state, (starts, outputs) = jax.lax.scan(partial(through, plan.length), state, plan.first_steps)
    end, (last_start, more) = through(plan.rest, state, plan.count * plan.length)
    outputs = jax.tree.map(lambda x, y: jnp.concatenate([x.ravel(), y]), outputs, more)
    return end, starts, last_start, outputs


def forward(apply: Callable, plan: Plan, operands: PyTree, v: Array) -> Kept:
    _, norm, q = krylov.normalise(v, jnp.zeros_like(v.real[0]))

    def step(carry: tuple, _: Array) -> tuple[tuple, tuple]:
        q_before, q, beta_before, scale, _ = carry
        image = apply(operands, q)
        alpha = krylov.inner(q, image)
        u = image - alpha * q - beta_before * q_before
        scale = jnp.maximum(scale, jnp.linalg.norm(image))
        u, beta, q_after = krylov.normalise(u, scale)
        return (q, q_after, beta, scale, u), (alpha, beta)

    zero, nothing = jnp.zeros_like(norm), jnp.zeros_like(v)
    end, starts, last_start, (diagonal, lengths) = _walk(
        step, (nothing, q, zero, zero, nothing), plan
    )
    num_steps = jnp.where(norm == 0, 0, 1 + jnp.sum(lengths[:-1] != 0)).astype(jnp.int32)
    status = krylov.outcome(num_steps, plan.depth, diagonal, lengths, norm)
    steps = Lanczos(None, diagonal, lengths[:-1], end[-1], norm, num_steps, status)
    return Kept(steps, starts[:2], last_start[:2])


def combination(
    apply: Callable, operands: PyTree, v: Array, steps: Lanczos, weights: Array
) -> Array:
    """sum_k weights_k q_k: the vectors again, none kept."""
    lengths = _lengths(steps)

    def step(carry: tuple, k: Array) -> tuple[tuple, None]:
        total, q_before, q = carry
        q_after = _following(apply, operands, steps, lengths, k, q_before, q)
        return (total + weights[k] * q, q, q_after), None

    first = v * krylov.reciprocal(steps.norm)
    start = (jnp.zeros_like(weights[0] * v), jnp.zeros_like(v), first)
    (total, *_), _ = jax.lax.scan(step, start, jnp.arange(steps.diagonal.size))
    return total


def projections(apply: Callable, operands: PyTree, v: Array, steps: Lanczos, x: Array) -> Array:
    """q_k . x for every k, without conjugation: the vectors again, none kept."""
    lengths = _lengths(steps)

    def step(carry: tuple, k: Array) -> tuple[tuple, Array]:
        q_before, q = carry
        return (q, _following(apply, operands, steps, lengths, k, q_before, q)), jnp.sum(q * x)

    first = v * krylov.reciprocal(steps.norm)
    depth = steps.diagonal.size
    return jax.lax.scan(step, (jnp.zeros_like(v), first), jnp.arange(depth))[1]


def _following(
    apply: Callable,
    operands: PyTree,
    steps: Lanczos,
    lengths: Array,
    k: Array,
    q_before: Array,
    q: Array,
) -> Array:
    """q_{k+1} from the two before it and the known coefficients; zero after the end."""
    u = apply(operands, q) - steps.diagonal[k] * q - lengths[k] * (k > 0) * q_before
    return u * krylov.reciprocal(lengths[k + 1])


def _lengths(steps: Lanczos) -> Array:
    """beta_{k-1} for k = 0..K, with |v| at the front and 0 after the end."""
    return jnp.concatenate([steps.norm[None], steps.offdiagonal, jnp.zeros_like(steps.norm)[None]])


def tangent(
    apply: Callable,
    plan: Plan,
    args: tuple,
    out: Kept,
    dargs: tuple,
    weights: Array | None = None,
) -> tuple[Kept, Array]:
    """Basis and derivative side by side; also sum_k weights_k dq_k, zero without weights."""
    (operands, v), (doperands, dv), steps = args, dargs, out.steps
    lengths, alive = _lengths(steps), jnp.any(steps.residual != 0)
    dv = jnp.zeros_like(v) if dv is None else dv
    q = v * krylov.reciprocal(steps.norm)
    dnorm, dq = krylov.normalise_tangent(dv, steps.norm, q)

    def step(carry: tuple, k: Array) -> tuple[tuple, tuple]:
        dq_before, dq, q_before, q, dbeta_before, _, total = carry
        total = total if weights is None else total + weights[k] * dq
        alpha, before, after = steps.diagonal[k], lengths[k] * (k > 0), lengths[k + 1]
        image = apply(operands, q)
        dimage = pushforward(apply, (operands, q), (doperands, dq))
        dalpha = krylov.inner(dq, image) + krylov.inner(q, dimage)
        du = dimage - dalpha * q - alpha * dq - dbeta_before * q_before - before * dq_before
        q_after = (image - alpha * q - before * q_before) * krylov.reciprocal(after)
        dbeta, dq_after = krylov.normalise_tangent(du, after, q_after)
        return (dq, dq_after, q, q_after, dbeta, du, total), (dalpha, dbeta)

    nothing = jnp.zeros_like(v)
    total = nothing if weights is None else jnp.zeros_like(weights[0] * v)
    start = (nothing, dq, nothing, q, jnp.zeros_like(dnorm), nothing, total)
    end, starts, last_start, (ddiagonal, dlengths) = _walk(step, start, plan)
    dresidual = jnp.where(alive, end[-2], 0)
    dsteps = Lanczos(None, ddiagonal, dlengths[:-1], dresidual, dnorm, None, None)
    return Kept(dsteps, starts[:2], last_start[:2]), end[-1]


def adjoint(
    apply: Callable,
    plan: Plan,
    args: tuple,
    out: Kept,
    cotangent: Kept,
    row: Callable[[Array], Array | int] = lambda k: 0,
) -> tuple[PyTree, Array]:
    """Transpose of `tangent`, segment by segment from the last.

    `row(k)` is the conjugated cotangent of q_k, where the basis is used as well.
    """
    (operands, v), steps = args, out.steps
    g_residual, g_norm, g_diagonal, g_offdiagonal = krylov.conjugated(
        cotangent.steps, steps, ("residual", "norm", "diagonal", "offdiagonal")
    )
    g_lengths = jnp.concatenate([g_norm[None], g_offdiagonal])
    lengths = _lengths(steps)

    def again(rows: Array, first: Array, i: Array) -> Array:
        """Row i + 2 of a segment from the two before it."""
        following = _following(apply, operands, steps, lengths, first + i, rows[i], rows[i + 1])
        return rows.at[i + 2].set(following)

    def step(rows: Array, first: Array, carry: tuple, inputs: tuple) -> tuple[tuple, None]:
        (g_u, g_u_after, u, g_operands), (i, g_extra) = carry, inputs
        k, q_before, q = first + i, rows[i], rows[i + 1]
        alpha, before = steps.diagonal[k], lengths[k] * (k > 0)
        g_alpha = g_diagonal[k] - krylov.inner(q, g_u)
        more, g_q = krylov.adjoint_product(apply, operands, q, g_u + g_alpha * q)
        g_q = g_q + g_alpha * (alpha * q + before * q_before + u)
        g_q = g_q - alpha * g_u - lengths[k + 1] * g_u_after + row(k)
        g_q = g_q if g_extra is None else g_q + g_extra
        g_before = g_lengths[k] - krylov.inner(q_before, g_u) * (k > 0)
        g_next = krylov.normalise_adjoint(g_before, g_q, lengths[k], q)
        return (g_next, g_u, lengths[k] * q, krylov.add(g_operands, more)), None

    def through(length: int, carry: tuple, inputs: tuple) -> tuple[tuple, None]:
        """One segment backwards: its vectors again, then the recurrence."""
        first, (q_before, q), g_extra = inputs
        rows = jnp.zeros((length + 1, q.size), q.dtype).at[0].set(q_before).at[1].set(q)
        rows = jax.lax.fori_loop(0, length - 1, lambda i, rows: again(rows, first, i), rows)
        backwards = partial(step, rows, first)
        return jax.lax.scan(backwards, carry, (jnp.arange(length), g_extra), reverse=True)

    nothing, alive = jnp.zeros_like(v), jnp.any(steps.residual != 0)
    g_u = jnp.where(alive, g_residual, 0)
    carry = (g_u, nothing, steps.residual, krylov.zero_gradient(operands))
    g_rest, g_full = _extra(plan, cotangent, out)
    carry, _ = through(plan.rest, carry, (plan.count * plan.length, out.last_pair, g_rest))
    inputs = (plan.first_steps, out.pairs, g_full)
    carry, _ = jax.lax.scan(partial(through, plan.length), carry, inputs, reverse=True)
    return carry[-1], carry[0].conj()


def _extra(plan: Plan, cotangent: Kept, out: Kept) -> tuple[Array | None, Array | None]:
    """Cotangents of the kept vectors, by step, for the last segment and for the full ones.

    They are present in second derivatives only; a pair holds the first vector of its
    segment and the last vector of the segment before.
    """
    if not jax.tree.leaves(cotangent[1:]):
        return None, None
    (befores, qs), (before, q) = (
        tuple(x.conj() for x in densify(pair, like))
        for pair, like in zip(cotangent[1:], out[1:], strict=True)
    )
    rest = jnp.zeros((plan.rest, q.size), q.dtype).at[0].add(q)
    full = jnp.zeros((plan.count, plan.length, q.size), q.dtype).at[:, 0].add(qs)
    return rest, full.at[:, -1].add(jnp.concatenate([befores, before[None]])[1:])
