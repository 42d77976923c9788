"""The picture of a model of one input: its curve, intervals of new observations, the rows."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpkit.report.inputs import InputRows, as_table, as_values, level_names, predictor_of
from gpkit.report.style import BLUE, DARK, VERMILION, light_grid, new_figure

# Points enough for 60 yearly periods, and one batch of the posterior.
_POINTS = 1024
_MARGIN = 0.03


def curve_figure(
    model: Any,
    X: Any,
    y: Any,
    *,
    held_out: tuple[Any, Any] | None = None,
    level: float = 0.9,
    target: str = "y",
    width: float = 7.0,
) -> Figure:
    """Predictions of a model of one input along it, with intervals, and the rows themselves.

    The band holds a new observation (noise included) with probability `level` at each point.
    A category is drawn level by level. All axes are in original units.

    **Arguments:**

    - `model`: a fitted `GPRegressor` or `GPSelector`, or what `gpkit.load` returned.
    - `X`, `y`: the training rows; rows with a gap are left out.
    - `held_out`: inputs and targets that the model has not seen, drawn with another mark.
    - `target`: what to call y.

    **Raises:** TypeError for a model that is not fitted; ValueError for a model of several
    inputs (see `dependence_figure`) or targets, or a level outside (0, 1).
    """
    predictor = predictor_of(model)
    rows = InputRows.of(predictor, X, y)
    if rows.d != 1:
        names = ", ".join(rows.schema.kept)
        raise ValueError(
            f"a curve needs a model of one input, this one has {rows.d} ({names}); "
            "use dependence_figure"
        )
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    new = None if held_out is None else InputRows.of(predictor, *held_out)
    figure = new_figure(width, 0.6 * width)
    axes = figure.add_subplot()
    _draw_rows(axes, rows, new)
    _draw_predictions(axes, predictor, _grid(rows, new), rows, level)
    column = rows.schema.columns[0]
    if rows.discrete(0):
        codes = rows.grid(0, 0)
        axes.set_xticks(codes, level_names(column, codes))
    axes.set_xlabel(column.name)
    axes.set_ylabel(target)
    light_grid(axes)
    # Outside: curves take whatever corner there is.
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def _grid(rows: InputRows, new: InputRows | None) -> np.ndarray:
    if rows.discrete(0):
        return rows.grid(0, 0)
    seen = rows.X[:, 0] if new is None else np.concatenate([rows.X[:, 0], new.X[:, 0]])
    low, high = seen.min(), seen.max()
    margin = _MARGIN * (high - low)
    return np.linspace(low - margin, high + margin, _POINTS)


def _draw_rows(axes: Axes, rows: InputRows, new: InputRows | None) -> None:
    column = rows.schema.columns[0]
    place = (lambda v: v) if rows.discrete(0) else (lambda v: as_values(column, v))
    size = float(np.clip(400 / len(rows.X) ** 0.7, 3, 16))
    axes.scatter(
        place(rows.X[:, 0]), rows.y, s=size, color=DARK, linewidths=0, label="training row"
    )
    if new is not None:
        axes.scatter(
            place(new.X[:, 0]),
            new.y,
            s=1.6 * size,
            marker="D",
            facecolors="white",
            edgecolors=VERMILION,
            linewidths=0.9,
            zorder=3,
            label="held-out row",
        )


def _draw_predictions(
    axes: Axes, predictor: Any, grid: np.ndarray, rows: InputRows, level: float
) -> None:
    table = as_table(rows.schema, grid[:, None])
    mean = predictor.mean(table)
    low, high = predictor.quantiles(table, (0.5 * (1 - level), 0.5 * (1 + level))).T
    name = f"{100 * level:g}% of new observations"
    if rows.discrete(0):
        bars = np.stack([mean - low, high - mean])
        axes.errorbar(grid, mean, yerr=bars, fmt="s", color=BLUE, capsize=5, label=name)
        return
    x = as_values(rows.schema.columns[0], grid)
    axes.fill_between(x, low, high, color=BLUE, alpha=0.18, linewidth=0, label=name, zorder=1)
    for end in (low, high):
        axes.plot(x, end, color=BLUE, linewidth=0.7, linestyle="--", zorder=1)
    axes.plot(x, mean, color=BLUE, linewidth=1.5, label="mean", zorder=2)
