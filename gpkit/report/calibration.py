r"""Are the predictions right, and is their uncertainty?

With $F_i$ the predictive distribution of row i, the probability integral transform (PIT) is
$u_i = F_i(y_i)$, and the central interval of probability p holds $y_i$ exactly where
$|2 u_i - 1| \le p$. Of a calibrated model the $u_i$ are uniform (Gneiting, Balabdaoui and
Raftery 2007, *Probabilistic forecasts, calibration and sharpness*).
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import bdtrik, ndtr

from gpkit.report.inputs import AnyPredictor, InputRows, one_of, predictor_of
from gpkit.report.plots import Values, draw_intervals
from gpkit.report.style import BLUE, DARK, light_grid, new_figure
from gpkit.selection.mixture import MixturePredictor
from gpkit.transformed import gaussian_view, normal_scores

_LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
_ROWS_A_BIN = 8
_CHANCE = 0.9


def calibration_figure(
    model: Any,
    X: Any,
    y: Any,
    *,
    level: float = 0.9,
    target: str = "y",
    width: float = 11.0,
) -> Figure:
    """Predicted against observed values, coverage of intervals, and a histogram of PIT values.

    For rows that the model has not seen: on training rows every model looks calibrated.
    Grey bands hold 90% of what chance alone does to a calibrated model with so many
    (independent) rows, point by point. Coverage below the diagonal and a PIT histogram with
    high ends: intervals are too narrow. Above it, with a high middle: too wide. A slope: too
    low or too high on average.

    **Arguments:**

    - `model`: a fitted `GPRegressor` or `GPSelector`, or what `gpkit.load` returned.
    - `X`, `y`: held-out rows; rows with a gap are left out.
    - `level`: probability of the intervals in the first panel.
    - `target`: what to call y.

    **Raises:** TypeError for a model that is not fitted; ValueError for a model of several
    targets, rows that do not fit, or a level outside (0, 1).
    """
    predictor = predictor_of(model)
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    rows = InputRows.of(predictor, X, y)
    table = rows.table
    low, high = predictor.quantiles(table, (0.5 * (1 - level), 0.5 * (1 + level))).T
    u = pit_values(predictor, table, rows.y)
    figure = new_figure(width, 0.36 * width)
    first, second, third = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
    mean = predictor.mean(table)
    draw_intervals(first, rows.y, mean, (low, high), level=level, target=target)
    draw_coverage(second, u)
    draw_pit(third, u)
    return figure


def pit_values(predictor: AnyPredictor, table: Any, y: Values) -> Values:
    """Predictive probability below each target, between 0 and 1, shape (n,)."""
    if isinstance(predictor, MixturePredictor):
        parts = [pit_values(p, table, y) for p in predictor.predictors]
        return np.tensordot(predictor.weights, parts, 1)
    return ndtr(normal_scores(gaussian_view(one_of(predictor), table), y))


def draw_coverage(axes: Axes, pit: Values) -> None:
    """Fraction of PIT values within central intervals against their nominal probability."""
    n = len(pit)
    found = np.mean(np.abs(2 * pit[:, None] - 1) <= _LEVELS, axis=0)
    p = np.linspace(0.001, 0.999, 200)
    low, high = _chance(n, p)
    axes.fill_between(100 * p, 100 * low, 100 * high, color="0.85", label="chance (90%)")
    axes.plot([0, 100], [0, 100], color=DARK, linewidth=1, linestyle="--", label="calibrated")
    axes.plot(100 * _LEVELS, 100 * found, color=BLUE, marker="o", markersize=4, label="measured")
    axes.set_xlabel("nominal coverage in %")
    axes.set_ylabel(f"measured coverage of {n} rows in %")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_aspect("equal")
    light_grid(axes)
    # Neither a model with too wide nor one with too narrow intervals comes near this corner.
    axes.legend(loc="lower right", fontsize="small")


def draw_pit(axes: Axes, pit: Values) -> None:
    """Histogram of PIT values, in units of a calibrated model's."""
    n = len(pit)
    bins = int(np.clip(n // _ROWS_A_BIN, 4, 20))
    low, high = _chance(n, np.array([1.0 / bins]))
    axes.axhspan(float(low[0]) * bins, float(high[0]) * bins, color="0.85")
    heights = np.histogram(pit, bins=bins, range=(0.0, 1.0))[0] * (bins / n)
    edges = np.linspace(0, 1, bins + 1)
    axes.bar(edges[:-1], heights, 1 / bins, align="edge", color="none", edgecolor=BLUE, hatch="//")
    axes.axhline(1.0, color=DARK, linewidth=1, linestyle="--")
    axes.set_xlim(0, 1)
    axes.set_xlabel("PIT: predicted probability\nbelow the observed value")
    axes.set_ylabel("frequency relative to calibrated")


def _chance(
    n: int, p: Float[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Central 90% of the fraction of n rows that fall where the probability is p."""
    ends = (0.5 * (1 - _CHANCE), 0.5 * (1 + _CHANCE))
    low, high = (np.ceil(np.nan_to_num(bdtrik(q, n, p))).clip(0, n) / n for q in ends)
    return low, high
