"""Figures of a comparison and of predictions.

Every function returns a `matplotlib.figure.Figure` of its own (pyplot and its global state
are not used): save it with ``figure.savefig("name.png")``. The `draw` functions fill axes
that you have. Colours are those of Okabe and Ito, told apart with any colour vision; every
colour comes with a marker shape.
"""

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from gpkit.report.style import BLUE, GREY, ORANGE, VERMILION, light_grid, new_figure

_LOOKS = {
    "best": ("o", BLUE),
    "undecided": ("s", ORANGE),
    "worse": ("v", GREY),
    "failed": ("x", VERMILION),
}
# Where the largest difference is so many times the smallest, a linear scale would hide the
# latter: the scale is then linear to so many nats, and logarithmic beyond.
_MOST_SPREAD = 50.0
_LINEAR_NATS = 10.0
_THIN: dict[str, Any] = {"markersize": 4, "elinewidth": 0.8, "alpha": 0.8}

Values = Float[np.ndarray, " n"]


def comparison_figure(frame: pd.DataFrame, *, width: float = 7.0) -> Figure:
    """Candidates from best to worst: delta +- 2 stderr in nats, decision by shape and colour.

    `frame` is `Comparison.table`, or the same read back from CSV with the column
    ``candidate`` as index. `width` is in inches.
    """
    figure = new_figure(width, 1.3 + 0.32 * len(frame))
    draw_comparison(figure.add_subplot(), frame)
    return figure


def prediction_figure(
    y: Values,
    mean: Values,
    std: Values,
    *,
    level: float = 0.9,
    target: str = "y",
    size: float = 5.0,
) -> Figure:
    """Predicted against observed values with central intervals of a probability.

    Observations outside of their interval have another shape and colour. `size` is in inches.
    """
    figure = new_figure(size, size)
    draw_predictions(figure.add_subplot(), y, mean, std, level=level, target=target)
    return figure


def draw_comparison(axes: Axes, frame: pd.DataFrame) -> None:
    """`comparison_figure` on given axes."""
    places = np.arange(len(frame))
    delta = frame["delta"].to_numpy(float)
    reach = 2 * frame["stderr"].to_numpy(float)
    decisions = frame["decision"].to_numpy()
    axes.axvline(0.0, color="0.7", linewidth=1)
    for decision, (marker, color) in _LOOKS.items():
        chosen = decisions == decision
        if not chosen.any():
            continue
        # A failed candidate has no difference; it stands on the left to be seen at all.
        x = np.where(np.isfinite(delta), delta, np.nanmin(delta, initial=0.0))[chosen]
        bars = np.where(np.isfinite(reach), reach, 0.0)[chosen]
        axes.errorbar(
            x, places[chosen], xerr=bars, fmt=marker, color=color, capsize=3, label=decision
        )
    if _spread(delta) > _MOST_SPREAD:
        axes.set_xscale("symlog", linthresh=_LINEAR_NATS)
        axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_yticks(places, [str(name) for name in frame.index])
    axes.set_ylim(len(frame) - 0.5, -0.5)
    axes.set_xlabel("delta in nats, with 2 standard errors")
    light_grid(axes, "x")
    # Above: within the axes an error bar reaches into every corner sooner or later.
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(_LOOKS), frameon=False)


def _spread(delta: Values) -> float:
    """The largest difference in units of the smallest, which counts as 1 nat at least."""
    sizes = np.abs(delta[np.isfinite(delta) & (delta != 0)])
    return float(sizes.max() / max(1.0, sizes.min())) if sizes.size else 0.0


def draw_predictions(
    axes: Axes, y: Values, mean: Values, std: Values, *, level: float = 0.9, target: str = "y"
) -> None:
    """`prediction_figure` on given axes.

    Raises ValueError where the three arrays differ in shape.
    """
    y, mean, std = (np.asarray(a, np.float64) for a in (y, mean, std))
    shapes = {a.shape for a in (y, mean, std)}
    if len(shapes) != 1 or y.ndim != 1 or not len(y):
        raise ValueError(f"y, mean and std must be vectors of one length, got {sorted(shapes)}")
    half = NormalDist().inv_cdf(0.5 * (1 + level)) * std
    draw_intervals(axes, y, mean, (mean - half, mean + half), level=level, target=target)


def draw_intervals(
    axes: Axes,
    y: Values,
    mean: Values,
    ends: tuple[Values, Values],
    *,
    level: float,
    target: str = "y",
) -> None:
    """Means with intervals of any form, lower and upper ends given, against observed values."""
    low, high = ends
    inside = (low <= y) & (y <= high)
    # Means of a skewed distribution may lie outside of its interval.
    bars = np.maximum(np.stack([mean - low, high - mean]), 0.0)
    looks = ((inside, *_LOOKS["best"], "inside"), (~inside, "D", VERMILION, "outside"))
    for chosen, marker, color, name in looks:
        label = f"{name} its {100 * level:g}% interval: {int(chosen.sum())}"
        axes.errorbar(
            y[chosen],
            mean[chosen],
            yerr=bars[:, chosen],
            fmt=marker,
            color=color,
            label=label,
            **_THIN,
        )
    span = np.array([min(y.min(), mean.min()), max(y.max(), mean.max())])
    axes.plot(span, span, color="0.3", linewidth=1, zorder=0)
    axes.set_xlabel(f"observed {target}")
    axes.set_ylabel(f"predicted {target}")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize="small", frameon=False)
