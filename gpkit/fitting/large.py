r"""A fit on many rows: dense fits on random subsets first, then a few steps on all of them.

1. Dense fits on a random subset, and on a larger one from where the first ended. The curvature
   on the small one is the metric of what follows.
2. Segments of L-BFGS on all rows. Within a segment the preconditioner, the probes and the number
   of Krylov steps are frozen, so that the objective is smooth and its gradient is its own;
   every segment draws fresh probes and inherits the metric with the curvature met so far. A
   segment that gains less than probes differ by ends the fit.
3. The ends of the last segments are averaged: each is the optimum under its own probes.
4. The evidence that is reported is computed anew, with fresh probes and tighter solves.
"""

import itertools
import time
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from gpkit._types import Array, PyTree
from gpkit.fitting.loop import History, Run, run
from gpkit.fitting.problem import Evaluation, Problem, make_problem
from gpkit.fitting.start import data_start
from gpkit.linalg.preconditioners import LowRankPlusDiagonal
from gpkit.means import prior_mean
from gpkit.model import GP
from gpkit.operators.covariance import covariance
from gpkit.padding import Rows, pad_rows
from gpkit.params import log_prior, map_parameters, partition, val
from gpkit.results import Estimate, Event, Progress, Status
from gpkit.solvers.dense import Dense
from gpkit.solvers.iterative import Iterative, Report
from gpkit.solvers.preconditioning import FULL, Preconditioner, full_fits, precondition

# Rows of the dense fits.
_SUBSET, _LARGER = 1000, 3000
# Steps of a segment: beyond, its preconditioner belongs to parameters too far away.
_SEGMENT = 8
_MAX_SEGMENTS = 12
# Two segments whose gains stay below the noise of the probes end the fit, and are averaged.
_LATE = 2
# A few thousand rows can often be interpolated: a noise variance that a subset puts below this
# share of the variance of y says nothing, and starts the full problem at its hardest.
_SMALLEST_NOISE = 3e-3
_DIFFERENCE = 1e-3
# Share of the depth beyond which a run is a hard one.
_MANY = 0.6
# Cosine of step and change of gradient below which a pair tells nothing of the curvature.
_CURVED = 1e-3


class LargeFit(NamedTuple):
    """The model, its evidence as an estimate, and the segments that led there."""

    model: GP
    evidence: Estimate
    log_prior: float
    status: Status
    history: History
    runs: tuple[Run, ...]


def fit_large(
    model: GP,
    rows: Rows,
    *,
    solver: Iterative,
    key: Array,
    max_steps: int,
    tol: float,
    progress: Progress,
) -> LargeFit:
    """Maximise the log evidence plus the log prior over many rows by the recipe of this module.

    `tol` is in nats, as in `fit`; a segment ends the fit where it gains less than the larger of
    `tol` and one nat for every `num_probes` parameters. Ctrl-C returns the best so far.
    """
    clock = time.perf_counter()
    start, metric = _from_subsets(model, rows, key, max_steps, progress)
    center = np.asarray(ravel_pytree(partition(start)[0])[0], np.float64)
    worth = max(tol, center.size / solver.num_probes)
    runs: list[Run] = []
    x, ends, quiet, status = center, [], 0, Status.MAX_STEPS
    try:
        for number in range(_MAX_SEGMENTS):
            segment = _Segment(model, rows, solver, jax.random.fold_in(key, number), x, metric)
            done = sum(len(r.history.value) - 1 for r in runs)
            if done >= max_steps:
                break
            found = run(
                segment.problem(), np.zeros_like(x), max_steps=min(_SEGMENT, max_steps - done),
                tol=worth, progress=progress, stage=f"all rows, segment {number + 1}",
            )  # fmt: skip
            runs.append(found)
            if not np.isfinite(found.value):
                status = Status.NON_FINITE
                break
            x, metric = segment.at(found.x), segment.learnt()
            quiet = quiet + 1 if found.start_value - found.value < worth else 0
            ends = [*ends, x] if quiet else [x]
            if found.status == Status.INTERRUPTED or quiet >= _LATE:
                status = Status.SUCCESS if quiet >= _LATE else Status.INTERRUPTED
                break
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    best = _model_at(model, np.mean(ends, axis=0) if ends else x)
    evidence = _final(best, rows, solver, jax.random.fold_in(key, _MAX_SEGMENTS))
    progress(Event("evidence", 1, 1, float(evidence.value)))
    history = _joined([r.history for r in runs], time.perf_counter() - clock)
    worst_of = max([status, Status(int(evidence.status)), *(_unusable(r) for r in runs)])
    return LargeFit(best, evidence, float(log_prior(best)), worst_of, history, tuple(runs))


# ---------------------------------------------------------------------------- dense subsets


def _from_subsets(
    model: GP, rows: Rows, key: Array, max_steps: int, progress: Progress
) -> tuple[GP, np.ndarray]:
    """Parameters of a fit to a subset, and a root of the inverse of its curvature."""
    seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
    rng = np.random.default_rng(seed)
    keep = np.flatnonzero(np.asarray(rows.mask))
    size = min(_SUBSET, len(keep))
    order = rng.permutation(keep)
    first = _some(rows, np.sort(order[:size]))
    # A nat on a subset is a small part of what all rows say: no use in settling it to less.
    options: dict[str, Any] = {"max_steps": min(40, max_steps), "tol": 1.0, "progress": progress}
    problem = make_problem(model, first, Dense(), None)
    # Scales are read off all rows: a column may be constant in a subset.
    starts = [problem.start, make_problem(data_start(model, rows), first, Dense(), None).start]
    best: Run | None = None
    for i, start in enumerate(starts):
        rival = np.inf if best is None else best.value
        stage = f"subset of {size} rows, start {i + 1}"
        found = run(problem, start, stage=stage, rival=rival, **options)
        best = found if best is None or found.value < best.value else best
    assert best is not None
    count = ravel_pytree(partition(model)[0])[0].size
    metric = _metric(problem, best.x, count, len(keep) / size)
    larger = _some(rows, np.sort(order[-min(_LARGER, len(keep)) :]))
    problem = make_problem(model, larger, Dense(), None)
    again = run(problem, best.x, stage=f"subset of {min(_LARGER, len(keep))} rows", **options)
    best = again if np.isfinite(again.value) else best
    return _with_noise(_model_at(model, best.x[:count]), rows), metric


def _some(rows: Rows, chosen: np.ndarray) -> Rows:
    known = None if rows.noise_variance is None else np.asarray(rows.noise_variance)[chosen]
    return pad_rows(np.asarray(rows.X)[chosen], np.asarray(rows.y)[chosen], known)


def _metric(problem: Problem, x: np.ndarray, count: int, growth: float) -> np.ndarray:
    """C with C C' the inverse of the curvature at x times `growth`: steps are then of size one.

    The curvature by differences of gradients; directions in which all rows would say less than
    one nat are taken as if they said one.
    """
    columns = []
    for j in range(count):
        shift = np.zeros_like(x)
        shift[j] = _DIFFERENCE
        up, down = problem.evaluate(x + shift), problem.evaluate(x - shift)
        columns.append((up.gradient - down.gradient)[:count] / (2 * _DIFFERENCE))
    curvature = np.nan_to_num(np.array(columns))
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return vectors / np.sqrt(np.maximum(growth * np.abs(values), 1.0))


def _with_noise(model: GP, rows: Rows) -> GP:
    y = np.asarray(rows.y)[np.asarray(rows.mask)]
    least = _SMALLEST_NOISE * float(np.mean((y - y.mean(axis=0)) ** 2))

    def raised(path: str, parameter: Any) -> Any:
        if not path.startswith("noise."):
            return parameter
        return parameter.at(np.maximum(np.asarray(val(parameter)), least))

    return map_parameters(raised, model)


# --------------------------------------------------------------------------------- segments


class _Segment:
    """The objective near one point under frozen probes, in coordinates of unit curvature."""

    def __init__(
        self, model: GP, rows: Rows, solver: Iterative, key: Array, x: np.ndarray, metric: Any
    ):
        self._params, self._rest = partition(model)
        self._rows, self._key, self._center, self._metric = rows, key, x, metric
        P = _precondition(_model_at(model, x), rows, solver.rank, key)
        start = jnp.zeros((rows.y.shape[0], rows.y[0].size), rows.X.dtype)
        self._solver = _hold(solver, P, jnp.asarray(solver.depth), start)
        self._explored = False
        self._seen: list[tuple[np.ndarray, np.ndarray]] = []

    def at(self, z: np.ndarray) -> np.ndarray:
        return self._center + self._metric @ z

    def problem(self) -> Problem:
        return Problem(np.zeros_like(self._center), self.evaluate, _not_traced, self._model)

    def evaluate(self, z: np.ndarray) -> Evaluation:
        x = jnp.asarray(self.at(z), self._rows.X.dtype)
        value, gradient, estimate, report = _evaluate(
            x, self._params, self._rest, self._rows, self._solver, self._key
        )
        if not self._explored and self._hard(report):
            P = _precondition(self._model(z), self._rows, FULL, self._key)
            self._solver = _hold(self._solver, P, self._solver.steps, self._solver.start)
            value, gradient, estimate, report = _evaluate(
                x, self._params, self._rest, self._rows, self._solver, self._key
            )
        if not self._explored:
            # The first evaluation finds how many steps are needed; all others take as many.
            steps = report.num_steps + 1 + report.num_steps // 4
            limit = jnp.minimum(steps, self._solver.depth)
            P = self._solver.preconditioner
            self._solver = _hold(self._solver, P, limit, report.weights)
            self._explored = True
        slope = -np.asarray(gradient, np.float64)
        self._seen.append((self.at(z), slope))
        bound = float(estimate.error_bound)
        return Evaluation(-float(value), self._metric.T @ slope, int(estimate.status), bound)

    def _hard(self, report: Report) -> bool:
        """Whether low rank leaves so many steps that a whole factor is worth making."""
        solver = self._solver
        assert solver.preconditioner is not None
        return (
            isinstance(solver.preconditioner.matrix, LowRankPlusDiagonal)
            and int(report.num_steps) > _MANY * solver.depth
            and full_fits(self._rows.X.shape[0], solver.memory)
        )

    def learnt(self) -> np.ndarray:
        """The metric after a BFGS update for every pair of successive evaluations.

        Source: Nocedal and Wright 2006, equation 6.17.
        """
        inverse = self._metric @ self._metric.T
        for (x0, g0), (x1, g1) in itertools.pairwise(self._seen):
            s, y = x1 - x0, g1 - g0
            curvature = float(s @ y)
            if not curvature > _CURVED * np.linalg.norm(s) * np.linalg.norm(y):
                continue
            turn = np.eye(len(s)) - np.outer(s, y) / curvature
            inverse = turn @ inverse @ turn.T + np.outer(s, s) / curvature
        values, vectors = np.linalg.eigh(0.5 * (inverse + inverse.T))
        return vectors * np.sqrt(np.maximum(values, 0.0))

    def _model(self, z: np.ndarray) -> GP:
        return eqx.combine(_unravel(self.at(z), self._params), self._rest)


def _not_traced(x: Array) -> Array:
    raise NotImplementedError("a segment is searched on the host")


def _hold(solver: Iterative, P: Preconditioner | None, steps: Array, start: Array) -> Iterative:
    where = lambda s: (s.preconditioner, s.steps, s.start)  # noqa: E731
    return eqx.tree_at(where, solver, (P, steps, start), is_leaf=lambda leaf: leaf is None)


@eqx.filter_jit
def _precondition(model: GP, rows: Rows, rank: int | str | None, key: Array) -> Preconditioner:
    H = covariance(model, rows.X, noise_variance=rows.noise_variance, mask=rows.mask)
    return precondition(H, rank=rank, key=key)


@eqx.filter_jit
def _evaluate(
    x: Array, params: PyTree, rest: PyTree, rows: Rows, solver: Iterative, key: Array
) -> tuple[Array, Array, Estimate, Report]:
    def objective(x: Array) -> tuple[Array, tuple[Estimate, Report]]:
        model = eqx.combine(_unravel(x, params), rest)
        H = covariance(model, rows.X, noise_variance=rows.noise_variance, mask=rows.mask)
        residual = rows.y - prior_mean(model.mean, rows.X, rows.y.shape[1:])
        estimate, report = solver.log_density_reported(H, residual, key=key)
        return estimate.value + log_prior(model).astype(x.dtype), (estimate, report)

    (value, (estimate, report)), gradient = jax.value_and_grad(objective, has_aux=True)(x)
    return value, gradient, estimate, report


def _final(model: GP, rows: Rows, solver: Iterative, key: Array) -> Estimate:
    """The evidence anew: fresh probes, and the best preconditioner of this model that fits."""
    params, rest = partition(model)
    rank = FULL if full_fits(rows.X.shape[0], solver.memory) else solver.rank
    P = _precondition(model, rows, rank, key)
    start = jnp.zeros((rows.y.shape[0], rows.y[0].size), rows.X.dtype)
    held = _hold(solver, P, jnp.asarray(solver.depth), start)
    x = ravel_pytree(params)[0].astype(rows.X.dtype)
    return _evaluate(x, params, rest, rows, held, key)[2]


def _model_at(model: GP, x: np.ndarray) -> GP:
    params, rest = partition(model)
    return eqx.combine(_unravel(x, params), rest)


def _unravel(x: Any, params: PyTree) -> PyTree:
    flat, unravel = ravel_pytree(params)
    return unravel(jnp.asarray(x)[: flat.size].astype(flat.dtype))


def _unusable(r: Run) -> Status:
    status = Status(r.evaluation_status)
    return Status.SUCCESS if status.usable else status


def _joined(parts: list[History], seconds: float) -> History:
    if not parts:
        return History(*(np.zeros(0) for _ in History._fields))
    offset, moved = seconds - sum(p.seconds[-1] for p in parts), []
    for part in parts:
        moved.append(part._replace(seconds=part.seconds + offset))
        offset = moved[-1].seconds[-1]
    return History(*(np.concatenate(c) for c in zip(*moved, strict=True)))
