"""One run of an optimiser from one start: a host loop around compiled steps."""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gpkit.fitting.line_search import line_search
from gpkit.fitting.problem import Evaluation, Problem
from gpkit.results import Event, Progress, Status

# The value must move by less than the tolerance over this many steps. Relevance ridges
# keep the gradient norm up long after the value has settled, so the gradient is no guide.
_WINDOW = 5
# A restart is given up when even this many times the gain of its last five steps would not
# bring it to the best value of earlier runs.
_PATIENCE = 10.0
_MEMORY = 10


class History(NamedTuple):
    """What happened at every accepted step, as arrays; values in nats, lower is better."""

    value: np.ndarray
    gradient_norm: np.ndarray
    num_evaluations: np.ndarray
    seconds: np.ndarray


class Run(NamedTuple):
    """One run: where it began and ended, and why it stopped."""

    x: np.ndarray
    value: float
    start_value: float
    status: Status
    evaluation_status: int
    error_bound: float
    history: History


class Point(NamedTuple):
    """Parameters with what was found there, and the evaluations that it took to get there."""

    x: np.ndarray
    at: Evaluation
    num_evaluations: int


Stepper = Callable[[Problem, Point], Iterator[Point | Status]]


def run(
    problem: Problem,
    start: np.ndarray,
    *,
    optimizer: Any = "lbfgs",
    max_steps: int = 200,
    tol: float = 1e-3,
    rival: float = np.inf,
    progress: Progress,
    stage: str = "fit",
) -> Run:
    """Minimise from one start until the value settles; the best point seen is kept.

    `optimizer` is "lbfgs", an Optax transformation, or a `Stepper`.

    Stops when the value has changed by less than `tol` nats over five steps, after
    `max_steps`, on a failed line search (SUCCESS where the step before it changed the value by
    less than `tol`), when it is hopelessly behind `rival` (the best
    value of earlier runs; status ABANDONED), or on Ctrl-C (status INTERRUPTED).
    """
    steps = _stepper(optimizer)
    clock = time.perf_counter()
    trace: list[tuple[float, float, int, float]] = []
    best: Point | None = None
    status = Status.MAX_STEPS
    start_value = np.inf
    try:
        best = Point(start, problem.evaluate(start), 1)
        start_value = best.at.value
        trace.append((start_value, _norm(best), 1, time.perf_counter() - clock))
        if not best.at.finite:
            return _finish(best, start_value, Status.NON_FINITE, trace)
        values = [start_value]
        stream = steps(problem, best)
        for number in range(1, max_steps + 1):
            outcome = next(stream)
            if isinstance(outcome, Status):
                # No lower value, and the last step found next to none: met to the tolerance.
                settled = len(values) > 1 and abs(values[-2] - values[-1]) < tol
                failed = outcome == Status.LINE_SEARCH_FAILED
                status = Status.SUCCESS if failed and settled else outcome
                break
            if outcome.at.value < best.at.value:
                best = outcome
            values.append(outcome.at.value)
            trace.append(
                (
                    outcome.at.value,
                    _norm(outcome),
                    outcome.num_evaluations,
                    time.perf_counter() - clock,
                )
            )
            progress(Event(stage, number, max_steps, -best.at.value))
            if len(values) > _WINDOW:
                # All of its change, not its gain: Adam climbs for some steps on its way.
                change = float(np.ptp(values[-1 - _WINDOW :]))
                if change < tol or best.at.value - rival > _PATIENCE * change:
                    status = Status.SUCCESS if change < tol else Status.ABANDONED
                    break
    except KeyboardInterrupt:
        if best is None:
            raise
        status = Status.INTERRUPTED
    return _finish(best, start_value, status, trace)


def _stepper(optimizer: Any) -> Stepper:
    if optimizer == "lbfgs":
        return lbfgs_steps
    return _optax_steps(optimizer) if hasattr(optimizer, "update") else optimizer


def lbfgs_steps(problem: Problem, point: Point) -> Iterator[Point | Status]:
    """L-BFGS directions by `optax.scale_by_lbfgs`, step lengths by `line_search`.

    A direction that leads nowhere is replaced once by steepest descent with a fresh memory;
    if that fails too, the status is LINE_SEARCH_FAILED, or SUCCESS at a stationary point.
    """
    state, fresh = _lbfgs_start(point.x.size), True
    while True:
        direction, state = _lbfgs_direction(point, state)
        # Without curvature yet the scale is unknown: the first step moves by at most 1.
        length = min(1.0, 1.0 / max(float(np.linalg.norm(direction)), 1e-300)) if fresh else 1.0
        found = line_search(problem.evaluate, point.x, point.at, direction, length)
        if found.step is not None:
            point = Point(found.step.x, found.step.at, found.num_evaluations)
            fresh = False
            yield point
        elif fresh:
            flat = _norm(point) <= 1e-6 * max(1.0, abs(point.at.value))
            yield Status.SUCCESS if flat else Status.LINE_SEARCH_FAILED
        else:
            state, fresh = _lbfgs_start(point.x.size), True


_transform = optax.scale_by_lbfgs(memory_size=_MEMORY)


@jax.jit
def _lbfgs_update(gradient: Any, state: Any, x: Any) -> tuple[Any, Any]:
    return _transform.update(gradient, state, x)


def _lbfgs_start(size: int) -> Any:
    return _transform.init(jnp.zeros(size))


def _lbfgs_direction(point: Point, state: Any) -> tuple[np.ndarray, Any]:
    scaled, state = _lbfgs_update(jnp.asarray(point.at.gradient), state, jnp.asarray(point.x))
    return -np.asarray(scaled, np.float64), state


def _optax_steps(optimizer: Any) -> Stepper:
    """Steps of any Optax gradient transformation, line searches included.

    The transformation sees the trainable parameters as one flat unconstrained vector.
    """
    transform, step = _optax_step(optimizer)

    def steps(problem: Problem, point: Point) -> Iterator[Point | Status]:
        x = jnp.asarray(point.x)
        state = transform.init(x)
        while True:
            value, gradient = jnp.asarray(point.at.value), jnp.asarray(point.at.gradient)
            x, state = step(x, state, value, gradient, problem.traced)
            point = Point(np.asarray(x, np.float64), problem.evaluate(np.asarray(x)), 1)
            if not point.at.finite:
                yield Status.NON_FINITE
                return
            yield point

    return steps


@functools.lru_cache(maxsize=8)
def _optax_step(optimizer: Any) -> tuple[Any, Any]:
    """The transformation and its compiled step: the same ones for every run of a fit."""
    transform = optax.with_extra_args_support(optimizer)

    @eqx.filter_jit
    def step(x: Any, state: Any, value: Any, gradient: Any, traced: Any) -> tuple[Any, Any]:
        updates, state = transform.update(
            gradient, state, x, value=value, grad=gradient, value_fn=traced
        )
        return optax.apply_updates(x, updates), state

    return transform, step


def _norm(point: Point) -> float:
    return float(np.linalg.norm(point.at.gradient))


def _finish(best: Point, start_value: float, status: Status, trace: list) -> Run:
    columns = [np.asarray(c) for c in zip(*trace, strict=True)]
    history = History(*columns)
    return Run(
        best.x, best.at.value, start_value, status, best.at.status, best.at.error_bound, history
    )
