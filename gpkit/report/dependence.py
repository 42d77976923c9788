r"""Partial dependence: what a model predicts on average as one input moves.

$$\bar f_j(v) = \frac1S \sum_{s=1}^S f(x_{s1}, \dots, x_{sj} = v, \dots, x_{sd})$$

over S rows of the table (Friedman 2001, *Greedy function approximation*, section 8.2). Under
a Gaussian process it is a Gaussian itself, of variance $S^{-2} \sum_{s,t} C_{st}$ with C the
posterior covariance of the S values: that is the band (behind a transform of the target, to
first order). Where inputs are correlated, rows that
no table holds enter the average, and the band is wide there.
"""

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpkit.data import Schema
from gpkit.predictor import Predictor
from gpkit.report.inputs import (
    AnyPredictor,
    InputRows,
    as_table,
    as_values,
    level_names,
    predictor_of,
)
from gpkit.report.style import BLUE, GREY, light_grid, new_figure
from gpkit.selection.mixture import MixturePredictor
from gpkit.transformed import TransformedPredictor

_ROWS = 48
_POINTS = 20
_ENDS = (0.01, 0.99)
_MOST_LEVELS = 12
_PER_LINE = 3


class Dependence(NamedTuple):
    """Partial dependence on one column: grid as coded, mean and standard deviation there."""

    column: int
    grid: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def dependence_figure(
    model: Any,
    X: Any,
    *,
    most: int = 6,
    level: float = 0.9,
    target: str = "y",
    width: float = 8.0,
    seed: int = 0,
) -> Figure:
    """Partial dependence on each of the most relevant inputs, in original units.

    One panel per input, those first along which the average prediction varies most; one
    scale for all panels, so that they compare. The band holds the averaged function (without
    noise) with probability `level`. Small ticks stand at the deciles of the input.

    **Arguments:**

    - `model`: a fitted `GPRegressor` or `GPSelector`, or what `gpkit.load` returned.
    - `X`: rows to average over, as the model was trained on; at most 48 are drawn, by `seed`.
    - `most`: so many inputs at most.
    - `target`: what to call y.

    **Raises:** TypeError for a model that is not fitted; ValueError for a model of several
    targets, `most` below 1, or a level outside (0, 1).
    """
    predictor = predictor_of(model)
    if most < 1 or not 0 < level < 1:
        raise ValueError(f"most is 1 or above and level within (0, 1), got {most=}, {level=}")
    rows = InputRows.of(predictor, X)
    shown = partial_dependence(predictor, rows, most=most, seed=seed)
    lines = -(-len(shown) // _PER_LINE)
    columns = min(len(shown), _PER_LINE)
    figure = new_figure(width * max(columns, 2) / _PER_LINE, 0.4 + 2.3 * lines)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for axes, found in zip(panels.flat, shown, strict=False):
        _draw(axes, rows, found, NormalDist().inv_cdf(0.5 * (1 + level)))
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    figure.supylabel(f"average prediction of {target}", fontsize="medium")
    figure.suptitle(f"line: average over rows; band: {100 * level:g}% interval", fontsize="medium")
    return figure


def partial_dependence(
    predictor: AnyPredictor, rows: InputRows, *, most: int, seed: int
) -> list[Dependence]:
    """Of the inputs along which the average prediction varies most, those first."""
    base = rows.X[rows.take(_ROWS, seed=seed)]
    grids = [_grid(rows, j) for j in range(rows.d)]
    means = [
        predictor.mean(as_table(rows.schema, _moved(base, j, grid))).reshape(len(grid), -1)
        for j, grid in enumerate(grids)
    ]
    curves = [values.mean(axis=1) for values in means]
    order = sorted(range(rows.d), key=lambda j: -float(np.ptp(curves[j])))[:most]
    return [
        Dependence(j, grids[j], curves[j], _std(predictor, rows.schema, base, j, grids[j]))
        for j in order
    ]


def _grid(rows: InputRows, j: int) -> np.ndarray:
    if not rows.discrete(j):
        return rows.grid(j, _POINTS, ends=_ENDS)
    levels, counts = np.unique(rows.X[:, j], return_counts=True)
    return np.sort(levels[np.argsort(-counts, kind="stable")][:_MOST_LEVELS])


def _moved(base: np.ndarray, j: int, grid: np.ndarray) -> np.ndarray:
    """The rows once for each value of the grid, which takes the place of column j."""
    moved = np.tile(base, (len(grid), 1))
    moved[:, j] = np.repeat(grid, len(base))
    return moved


def _std(
    predictor: AnyPredictor, schema: Schema, base: np.ndarray, j: int, grid: np.ndarray
) -> np.ndarray:
    """Standard deviation of the averaged function at every value of the grid."""
    if not isinstance(predictor, MixturePredictor):
        return _std_of_one(predictor, schema, base, j, grid)
    table = as_table(schema, _moved(base, j, grid))
    each = [p.mean(table).reshape(len(grid), -1).mean(axis=1) for p in predictor.predictors]
    apart = np.array(each) - np.tensordot(predictor.weights, each, 1)
    within = [_std_of_one(p, schema, base, j, grid) for p in predictor.predictors]
    # Law of total variance, by a hypotenuse: squares of original units can underflow.
    return np.hypot.reduce(np.sqrt(predictor.weights)[:, None] * np.hypot(apart, within), axis=0)


def _std_of_one(
    predictor: Predictor | TransformedPredictor,
    schema: Schema,
    base: np.ndarray,
    j: int,
    grid: np.ndarray,
) -> np.ndarray:
    plain = predictor.base if isinstance(predictor, TransformedPredictor) else predictor
    table = as_table(schema, _moved(base, j, grid))
    weight = np.full(len(grid) * len(base), 1 / len(base))
    if isinstance(predictor, TransformedPredictor):
        # To first order, y moves by 1 / T'(y) for each unit of T(y).
        transform = predictor.transform
        weight *= np.exp(-transform.log_slope(transform.inverse(plain.mean(table))))
    return plain.average_std(table, weight.reshape(len(grid), len(base)))


def _draw(axes: Axes, rows: InputRows, found: Dependence, reach: float) -> None:
    column = rows.schema.columns[found.column]
    half = reach * found.std
    if rows.discrete(found.column):
        places = np.arange(len(found.grid))
        axes.errorbar(places, found.mean, yerr=half, fmt="s", color=BLUE, capsize=3)
        names = level_names(column, found.grid)
        slant = 40 if sum(map(len, names)) > 18 else 0
        axes.set_xticks(places, names, rotation=slant, ha="right" if slant else "center")
        axes.set_xlim(-0.6, len(places) - 0.4)
    else:
        x = as_values(column, found.grid)
        axes.fill_between(x, found.mean - half, found.mean + half, color=BLUE, alpha=0.2)
        axes.plot(x, found.mean, color=BLUE, linewidth=1.5)
        deciles = np.quantile(rows.X[:, found.column], np.linspace(0.1, 0.9, 9))
        inside = deciles[(deciles >= found.grid[0]) & (deciles <= found.grid[-1])]
        axes.plot(
            as_values(column, inside),
            np.full(len(inside), 0.02),
            linestyle="none",
            marker="|",
            color=GREY,
            markersize=7,
            transform=axes.get_xaxis_transform(),
        )
    axes.set_xlabel(column.name)
    axes.tick_params(labelsize="small")
    light_grid(axes)
