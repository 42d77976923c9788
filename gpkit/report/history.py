"""The way of an optimiser: the objective at every step, every restart."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gpkit.fitting import FitResult
from gpkit.fitting.loop import Run
from gpkit.report.style import CYCLE, DASHES, GREY, MARKERS, light_grid, new_figure
from gpkit.report.tables import status_text
from gpkit.selection import Candidate, Comparison

# Below the tolerance of a fit, differences are of no interest.
_FLOOR = 1e-3


def history_figure(fitted: Any, *, width: float = 7.0) -> Figure:
    """How far below the best value each run was, step by step, in nats on a logarithmic scale.

    Runs that end at the bottom found the best optimum; one that ends above found another, or
    was given up. Values less than 0.001 nats from the best are drawn there. The mark at the
    end and the legend name the run; the first starts at the model as given.

    **Arguments:**

    - `fitted`: a `FitResult`, a fitted `GPRegressor` or `GPSelector`, a `Candidate`, or a
      `Comparison` (its best candidate).

    **Raises:** TypeError for anything else; ValueError where nothing was optimised.
    """
    result = _result_of(fitted)
    if not result.runs:
        raise ValueError("nothing was optimised here (optimizer=None): there is no history")
    best = min((run.value for run in result.runs if np.isfinite(run.value)), default=np.inf)
    if not np.isfinite(best):
        raise ValueError(f"no run has a finite value: {result.status.advice}")
    figure = new_figure(width, 0.55 * width)
    axes = figure.add_subplot()
    for number, run in enumerate(result.runs):
        _draw(axes, number, run, best, len(result.runs))
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7 * _FLOOR)
    axes.set_xlabel("step")
    axes.set_ylabel("nats below the best value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    light_grid(axes)
    axes.legend(loc="upper right", fontsize="small", ncols=1 + (len(result.runs) > 8))
    return figure


def _result_of(fitted: Any) -> FitResult:
    """The fit that an estimator, a comparison or a candidate holds."""
    found = getattr(fitted, "comparison_", getattr(fitted, "result_", fitted))
    if isinstance(found, Comparison):
        found = found.best_
    if isinstance(found, Candidate):
        found = found.fit
    if not isinstance(found, FitResult):
        raise TypeError(
            "a history needs a FitResult, a fitted estimator, a Candidate or a Comparison; got "
            f"{type(fitted).__name__}"
        )
    return found


def _draw(axes: Axes, number: int, run: Run, best: float, count: int) -> None:
    values = np.asarray(run.history.value)
    if not values.size:
        return
    gap = np.maximum(np.where(np.isfinite(values), values - best, np.nan), _FLOOR)
    won = run.value == best
    k = number % len(CYCLE)
    name = f"run {number + 1}: {status_text(run.status.name.lower())}"
    axes.plot(
        np.arange(len(gap)),
        gap,
        color=CYCLE[k] if count <= len(CYCLE) or won else GREY,
        linestyle=DASHES[k],
        linewidth=2.2 if won else 1.3,
        marker=MARKERS[k],
        markevery=[len(gap) - 1],
        markersize=7,
        label=f"{name}, best" if won else name,
        zorder=3 if won else 2,
    )
