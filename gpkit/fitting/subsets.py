"""Where a fit on many rows starts: dense fits on subsets, and their curvature as a metric."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from gpkit._types import Array
from gpkit.fitting.loop import Run, run
from gpkit.fitting.problem import Problem, make_problem, model_at
from gpkit.fitting.start import alike, data_start
from gpkit.model import GP
from gpkit.padding import Rows, pad_rows
from gpkit.params import map_parameters, partition, val
from gpkit.results import Progress, Status
from gpkit.solvers.dense import Dense

# Rows of the dense fits.
_SUBSET, _LARGER = 1000, 3000
# A few thousand rows can often be interpolated: a noise variance that a subset puts below this
# share of the variance of y says nothing, and starts the full problem at its hardest.
_SMALLEST_NOISE = 3e-3
# Nats a row that a step on a subset may still move: all rows will say many times as much.
_SETTLED = 1e-3
# Step of the differences of gradients.
_DIFFERENCE = 1e-3


class Start(NamedTuple):
    """A model fitted to a subset, and the inverse of the curvature that all rows may have.

    After Ctrl-C the model is the best until then, and the curvature is not known.
    """

    model: GP
    inverse: np.ndarray
    interrupted: bool


def fit_subsets(model: GP, rows: Rows, key: Array, max_steps: int, progress: Progress) -> Start:
    """Fits to a subset from every start, and to a larger one from the best of their ends."""
    seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
    rng = np.random.default_rng(seed)
    keep = np.flatnonzero(np.asarray(rows.mask))
    size = min(_SUBSET, len(keep))
    order = rng.permutation(keep)
    first = _some(rows, np.sort(order[:size]))
    options: dict[str, Any] = {"max_steps": min(40, max_steps), "progress": progress}
    problem = make_problem(model, first, Dense(), None)
    # Scales are read off all rows: a column may be constant in a subset.
    other = data_start(model, rows)
    models = [model] if alike(model, other) else [model, other]
    starts = [make_problem(start, first, Dense(), None).start for start in models]
    count = ravel_pytree(partition(model)[0])[0].size

    def ended(x: np.ndarray, inverse: np.ndarray | None = None) -> Start:
        unknown = np.eye(count) if inverse is None else inverse
        return Start(_with_noise(model_at(model, x[:count]), rows), unknown, inverse is None)

    best: Run | None = None
    for i, start in enumerate(starts):
        rival = np.inf if best is None else best.value
        stage = f"subset of {size} rows, start {i + 1}"
        found = run(problem, start, stage=stage, rival=rival, tol=_SETTLED * size, **options)
        best = found if best is None or found.value < best.value else best
        if found.status == Status.INTERRUPTED:
            return ended(best.x)
    assert best is not None
    size_now = min(_LARGER, len(keep))
    rest = make_problem(model, _some(rows, np.sort(order[-size_now:])), Dense(), None)
    stage = f"subset of {size_now} rows"
    again = run(rest, best.x, stage=stage, tol=_SETTLED * size_now, **options)
    best = again if np.isfinite(again.value) else best
    if again.status == Status.INTERRUPTED:
        return ended(best.x)
    try:
        return ended(best.x, _inverse_curvature(problem, best.x, count, len(keep) / size))
    except KeyboardInterrupt:
        return ended(best.x)


def _some(rows: Rows, chosen: np.ndarray) -> Rows:
    known = None if rows.noise_variance is None else np.asarray(rows.noise_variance)[chosen]
    return pad_rows(np.asarray(rows.X)[chosen], np.asarray(rows.y)[chosen], known)


def _inverse_curvature(problem: Problem, x: np.ndarray, count: int, growth: float) -> np.ndarray:
    """Inverse of the curvature at x times `growth`, the curvature by forward differences.

    Directions in which all rows would say less than one nat are taken as if they said one.
    """
    here, columns = problem.evaluate(x).gradient, []
    for j in range(count):
        shift = np.zeros_like(x)
        shift[j] = _DIFFERENCE
        columns.append((problem.evaluate(x + shift).gradient - here)[:count] / _DIFFERENCE)
    curvature = np.nan_to_num(np.array(columns))
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return vectors / np.maximum(growth * np.abs(values), 1.0) @ vectors.T


def _with_noise(model: GP, rows: Rows) -> GP:
    y = np.asarray(rows.y)[np.asarray(rows.mask)]
    least = _SMALLEST_NOISE * float(np.mean((y - y.mean(axis=0)) ** 2))

    def raised(path: str, parameter: Any) -> Any:
        if not path.startswith("noise."):
            return parameter
        return parameter.at(np.maximum(np.asarray(val(parameter)), least))

    return map_parameters(raised, model)
