r"""A fit on many rows: dense fits on random subsets first, then a few steps on all of them.

1. Dense fits on a random subset, and on a larger one from where the first ended. The curvature
   of the small one there is what the steps that follow begin with.
2. Segments of BFGS on all rows. Within a segment the preconditioner, the probes and the number
   of Krylov steps are frozen, so that the objective is smooth and its gradient is its own;
   every segment draws fresh probes and inherits the curvature met so far. Segments that gain
   less than probes differ by end the fit.
3. The ends of the last segments are averaged: each is the optimum under its own probes.
4. The evidence that is reported is computed anew, with fresh probes and tighter solves.
"""

import math
import time
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from gpkit._types import Array
from gpkit.fitting.loop import History, Run, run
from gpkit.fitting.problem import model_at
from gpkit.fitting.quasi_newton import QuasiNewton
from gpkit.fitting.segments import Segment, final_evidence
from gpkit.fitting.subsets import fit_subsets
from gpkit.model import GP
from gpkit.padding import Rows
from gpkit.params import log_prior, partition
from gpkit.results import Estimate, Event, Progress, Status
from gpkit.solvers.iterative import Iterative

# Steps of a segment: beyond, its preconditioner belongs to parameters too far away.
_SEGMENT = 8
_MAX_SEGMENTS = 12
# Nats per row not worth another step.
_WORTH = 1e-4
# Optima under two sets of probes differ by twice the noise of one, and it is no smaller than that
# of Gaussian probes, which is `worth`: a segment that gains no more than this has moved for noise.
_QUIET = 3.0
# Two segments whose gains stay below the noise of the probes end the fit, and are averaged.
_LATE = 2


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

    `tol` is in nats, as in `fit`; a segment ends where a step promises less than the largest of
    `tol`, one nat for every `num_probes` parameters, by which optima under different probes
    differ, and 1e-4 nats a row, and the fit after two segments that gained little more. Ctrl-C
    returns the best so far.
    """
    clock = time.perf_counter()
    start, inverse, interrupted = fit_subsets(model, rows, key, max_steps, progress)
    x = np.asarray(ravel_pytree(partition(start)[0])[0], np.float64)
    worth = max(tol, x.size / solver.num_probes, _WORTH * float(np.sum(np.asarray(rows.mask))))
    newton = QuasiNewton(inverse, worth)
    runs: list[Run] = []
    ends, quiet, hard = [], 0, False
    status = Status.INTERRUPTED if interrupted else Status.MAX_STEPS
    try:
        for number in range(0 if interrupted else _MAX_SEGMENTS):
            done = sum(len(r.history.value) - 1 for r in runs)
            if done >= max_steps:
                break
            stage = f"all rows, segment {number + 1}"
            progress(Event(stage, 0, None, _last(runs)))
            segment = Segment(model, rows, solver, jax.random.fold_in(key, number), x, hard)
            found = run(
                segment.problem(), x, optimizer=partial(newton.steps, segment.worn), tol=worth,
                progress=progress, max_steps=min(_SEGMENT, max_steps - done),
                stage=stage,
            )  # fmt: skip
            runs.append(found)
            if not np.isfinite(found.value):
                status = Status.NON_FINITE
                break
            x, hard = found.x, segment.hard
            quiet = quiet + 1 if found.start_value - found.value < _QUIET * worth else 0
            ends = [*ends, x] if quiet else [x]
            if found.status == Status.INTERRUPTED or quiet >= _LATE:
                status = Status.SUCCESS if quiet >= _LATE else Status.INTERRUPTED
                break
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    best = model_at(model, np.mean(ends, axis=0) if ends else x)
    progress(Event("evidence", 0, 1, _last(runs)))
    evidence = final_evidence(best, rows, solver, jax.random.fold_in(key, _MAX_SEGMENTS))
    progress(Event("evidence", 1, 1, float(evidence.value)))
    history = _joined([r.history for r in runs], time.perf_counter() - clock)
    worst_of = max([status, Status(int(evidence.status)), *(_unusable(r) for r in runs)])
    return LargeFit(best, evidence, float(log_prior(best)), worst_of, history, tuple(runs))


def _last(runs: list[Run]) -> float:
    return -runs[-1].value if runs else math.nan


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
