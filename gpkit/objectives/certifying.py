r"""`certify`: a log evidence to a requested error, or the reason why not."""

import math
import time
from dataclasses import fields, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Bool, Float, Inputs, Targets, Tracer
from gpkit.checks import check_data
from gpkit.model import GP
from gpkit.objectives.evidence import log_evidence
from gpkit.objectives.pooling import Pool
from gpkit.results import Estimate, Event, Progress, Status, silent, worst
from gpkit.solvers.auto import Auto, expected, size_of
from gpkit.solvers.base import AbstractSolver
from gpkit.solvers.dense import Dense
from gpkit.solvers.iterative import Iterative
from gpkit.solvers.preconditioning import FULL, default_rank, full_fits

# The part of the target that the error bound may take before it is attended to first.
_BOUND_SHARE = 0.3
_LARGEST_DEPTH = 512
# A lever that lowers the error bound by less is out of use.
_GAIN = 0.5
# More probes than these are not drawn: their number grows with the square of 1 / target.
_MOST_PROBES = 20_000
# Probes of a round after the first.
_ROUND = 60
# A dense value is taken at once where it costs no more than so many iterative ones.
_CHEAP = 4.0


def certify(
    model: GP,
    X: Inputs,
    y: Targets,
    *,
    target_stderr: float = 0.1,
    solver: AbstractSolver | None = None,
    noise_variance: Float[Array, " n"] | None = None,
    mask: Bool[Array, " n"] | None = None,
    key: Array,
    max_seconds: float | None = None,
    progress: Progress = silent,
) -> Estimate:
    r"""The log evidence with standard error plus error bound of at most `target_stderr` nats.

    A host loop: not traceable. Where dense is cheaper, and fits memory, it is the dense value.
    Else the iterative solver runs with fresh keys: first its tolerances, depth and precision are
    tightened until the error bound takes less than a third of the target; then probes are added,
    those of all rounds of one rank pooled, or the preconditioner becomes stronger (a whole factor
    in single precision where memory allows, else twice the rank), whichever is expected to end
    sooner.

    The `status` of the estimate is `TARGET_MISSED` where the target can't be met, and its
    `message` says why; the value and its errors are still those that it states.

    **Arguments:**

    - `solver`: `Auto()` by default. With an `Iterative` its settings are where the loop starts and
      dense is not tried; with a `Dense` nothing else is.
    - `max_seconds`: no round begins that would end after so many seconds; the first always runs.
    - `progress`: called with an `Event` after every round; `total` is the number of probes needed,
      as far as it is known.
    - the others as in `log_evidence`.

    **Raises:** TypeError under tracing: `gpkit.log_evidence` is the pure function. ValueError for
    a target or seconds that are not positive, and where shapes do not fit.
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((model, X, y, key))):
        raise TypeError(
            "certify is a host loop and can't be traced by jit, grad or vmap: use "
            "gpkit.log_evidence there, which is one evaluation of fixed cost"
        )
    for name, number in {"target_stderr": target_stderr, "max_seconds": max_seconds}.items():
        if number is not None and not number > 0:
            raise ValueError(f"{name} must be above 0, got {number}")
    X, y = check_data(X, y, noise_variance=noise_variance, mask=mask)
    rows = (model, X, y, noise_variance, mask)
    dense_seconds, start = _start(model, X, y, solver)
    if start is None:
        return _dense(rows, target_stderr)
    limits = {"dense": dense_seconds, "seconds": max_seconds or math.inf}
    return _Loop(rows, key, target_stderr, progress, **limits).run(start)


def _start(
    model: GP, X: Array, y: Array, solver: AbstractSolver | None
) -> tuple[float, Iterative | None]:
    """Seconds of the dense value, infinite where it is out of the question; where to start."""
    if isinstance(solver, Iterative):
        return math.inf, solver
    if isinstance(solver, Dense):
        return 0.0, None
    memory = (solver if isinstance(solver, Auto) else Auto()).memory
    size = size_of(model.kernel, X, y)
    dense = expected(size, Dense(), memory, task="value")
    solver = Iterative(memory=memory)
    iterative = expected(size, solver, memory, task="value")
    if not dense.eligible:
        return math.inf, solver
    if not iterative.eligible or dense.seconds <= _CHEAP * iterative.seconds:
        return 0.0, None
    return dense.seconds, solver


@eqx.filter_jit
def _evaluate(rows: tuple, solver: AbstractSolver, key: Array) -> Estimate:
    model, X, y, noise_variance, mask = rows
    return log_evidence(
        model, X, y, solver=solver, noise_variance=noise_variance, mask=mask, key=key
    )


def _dense(rows: tuple, target: float) -> Estimate:
    found = _evaluate(rows, Dense(), jax.random.key(0))
    if float(found.error_bound) <= target:
        return found
    reason = (
        f"rounding alone may amount to {float(found.error_bound):.2g} nats: pass X and y in "
        "float64, or raise the noise variance"
    )
    status = worst(found.status, int(Status.TARGET_MISSED))
    found = eqx.tree_at(lambda e: e.status, found, status)
    return replace(found, message=reason)


class _Loop:
    """One run of the host loop: what it is asked for, its clock, and how far it went."""

    def __init__(self, rows: tuple, key: Array, target: float, progress: Progress, **limits: float):
        self.rows, self.key, self.target, self.progress = rows, key, target, progress
        self.dense, self.seconds = limits["dense"], limits["seconds"]
        self.began, self.number, self.last, self.largest = time.perf_counter(), 0, 0.0, 0

    def run(self, solver: Iterative) -> Estimate:
        pool = self._pool(solver)
        try:
            pool, reason = self._tightened(pool)
            while pool is not None and not reason and not pool.met(self.target):
                pool, reason = self._next(pool)
        except KeyboardInterrupt:
            reason = "interrupted: the rounds so far"
        if pool is None:
            return _dense(self.rows, self.target)
        return pool.estimate(self.target, reason)

    def _next(self, pool: Pool) -> tuple[Pool | None, str]:
        """One more round, and the reason to stop; no pool where dense is cheaper by now."""
        needed, ahead = pool.needed(self.target), self._ahead(pool)
        if not math.isfinite(pool.stderr + pool.bound) and len(pool.samples) > 1:
            return pool, f"the estimate is not finite. {pool.status.advice}"
        if self.dense < min(ahead, self._left()):
            return None, "dense"
        if self.last > self._left():
            return pool, (
                f"{self.seconds:.3g} s were not enough: {needed:.2g} probes are needed in all; "
                "allow more seconds, or ask for a larger target_stderr"
            )
        stronger = self._stronger(pool.solver)
        if stronger is not None and self._seconds(stronger) < 0.5 * ahead:
            n = self.rows[1].shape[0]
            self.largest = n if stronger.rank == FULL else int(stronger.rank or 0)
            return min(pool, self._pool(stronger), key=self._ahead), ""
        if needed > _MOST_PROBES:
            return pool, (
                f"{needed:.2g} probes would be needed, about {max(ahead / 60, 1):.0f} min: "
                "ask for a larger target_stderr"
            )
        # Two numbers of probes at the most: each is a program of its own.
        few = needed - len(pool.samples) <= pool.solver.num_probes
        probes = pool.solver.num_probes if few else _ROUND
        more = self._round(_with(pool.solver, num_probes=probes), needed)
        return pool._replace(rounds=(*pool.rounds, more)), ""

    def _tightened(self, pool: Pool) -> tuple[Pool, str]:
        """A pool whose bound is small enough, or the reason why there is none."""
        levers = [_closer, _closer, _wider]
        while pool.bound > _BOUND_SHARE * self.target and levers and self.last <= self._left():
            lever = levers.pop(0)
            tighter = lever(pool.solver, self.rows[1].dtype)
            if tighter is None:
                continue
            found = self._pool(tighter)
            if lever is _closer and found.bound > _GAIN * pool.bound:
                levers = [other for other in levers if other is not _closer]
            pool = min(pool, found, key=lambda p: p.bound)
        if pool.bound < self.target:
            return pool, ""
        why = "rounding, truncation and solves together" if levers else "the tightest setting"
        return pool, (
            f"an error bound of {pool.bound:.2g} nats is left by {why}: raise the noise variance, "
            "pass X and y in float64, allow more seconds, or ask for a larger target_stderr"
        )

    def _pool(self, solver: Iterative) -> Pool:
        return Pool(solver, (self._round(solver),))

    def _round(self, solver: Iterative, needed: float | None = None) -> Estimate:
        """One estimate with a key of its own."""
        clock = time.perf_counter()
        found = _evaluate(self.rows, solver, jax.random.fold_in(self.key, self.number))
        value = float(jax.block_until_ready(found).value)
        self.number, self.last = self.number + 1, time.perf_counter() - clock
        error = float(found.stderr) + float(found.error_bound)
        total = None if needed is None else math.ceil(needed / _ROUND)
        self.progress(Event("certify", self.number, total, value, f"+- {error:.2g}"))
        return found

    def _stronger(self, solver: Iterative) -> Iterative | None:
        """A whole factor where it fits, else twice the rank; what was not tried yet."""
        n, probes = self.rows[1].shape[0], min(solver.num_probes, 15)
        if solver.preconditioner is not None or solver.rank == FULL or self.largest >= n:
            return None
        if full_fits(n, solver.memory):
            return _with(solver, rank=FULL, num_probes=probes)
        rank = 2 * int(solver.rank or default_rank(n))
        if rank <= self.largest or rank > n // 4:
            return None
        return _with(solver, rank=rank, num_probes=probes)

    def _ahead(self, pool: Pool) -> float:
        """Expected seconds to the target with this setting."""
        missing = pool.needed(self.target) - len(pool.samples)
        return missing / _ROUND * self._seconds(_with(pool.solver, num_probes=_ROUND))

    def _seconds(self, solver: Iterative) -> float:
        """Expected seconds of one round, by the table of costs: the same everywhere."""
        X, y = self.rows[1:3]
        size = size_of(self.rows[0].kernel, X, y)
        return expected(size, solver, solver.memory, task="value").seconds

    def _left(self) -> float:
        return self.seconds - (time.perf_counter() - self.began)


def _closer(solver: Iterative, dtype: Any) -> Iterative | None:
    """Solves and quadrature a hundred times closer, in twice the steps."""
    del dtype
    depth = min(2 * solver.depth, _LARGEST_DEPTH)
    return _with(
        solver,
        rtol=max(1e-2 * solver.solve_rtol, 1e-12),
        probe_rtol=max(1e-1 * solver.probe_rtol, 1e-8),
        depth=depth,
    )


def _wider(solver: Iterative, dtype: Any) -> Iterative | None:
    """Tiles in the precision of X, where they are narrower."""
    if jnp.finfo(dtype).bits <= jnp.finfo(solver.dtype).bits:
        return None
    return _with(solver, dtype=str(dtype))


def _with(solver: Iterative, **changes: Any) -> Iterative:
    """The same solver with other arguments."""
    names = [field.name for field in fields(solver)]
    return Iterative(**{name: getattr(solver, name) for name in names} | changes)
