r"""Which inputs matter: inverse lengthscales, input by input.

A stationary kernel sees input j in units of its lengthscale $\ell_j$; columns being
standardised, $1/\ell_j$ is the number of lengthscales in one standard deviation of the column.
Near 0 the function does not depend on it (automatic relevance determination: Neal 1996,
*Bayesian learning for neural networks*, section 4.1).
"""

from typing import Any

import jax
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gpkit.kernels.stationary import AbstractStationary
from gpkit.model import GP, seen_columns
from gpkit.params import child, named_parameters, val
from gpkit.report.inputs import one_of, predictor_of
from gpkit.report.style import CYCLE, GREY, MARKERS, light_grid, new_figure


def relevance(model: Any) -> pd.DataFrame:
    """Inverse lengthscales in standardised units: a row per input, a column per kernel part.

    The encoded columns of a category share a row. A part with one lengthscale for several
    inputs has the same number for each; NaN means that the part does not see the input.
    Inputs come with the most relevant first. Of a mixture, the model with the largest weight.

    **Arguments:**

    - `model`: a fitted `GPRegressor` or `GPSelector`, or what `gpkit.load` returned.

    **Raises:** TypeError for a model that is not fitted; ValueError where no part of the
    kernel has a lengthscale.
    """
    predictor = one_of(predictor_of(model))
    columns = predictor.encoder.columns
    width = sum(map(len, columns.index))
    parts: dict[str, np.ndarray] = {}
    with jax.enable_x64(True):
        for label, values in _inverse_lengthscales(predictor.posterior.model, width):
            own = np.array([np.max(values[list(index)]) for index in columns.index])
            number = sum(name.split(" #")[0] == label for name in parts)
            parts[f"{label} #{number + 1}" if number else label] = own
    if not parts:
        raise ValueError("no part of this kernel has a lengthscale: relevance can't be read off it")
    frame = pd.DataFrame(parts, index=pd.Index(columns.names, name="input"))
    order = np.argsort(-np.nan_to_num(frame.max(axis=1).to_numpy()), kind="stable")
    return frame.iloc[order]


def relevance_figure(model: Any, *, most: int = 20, width: float = 7.0) -> Figure:
    """Inverse lengthscales of the inputs, the most relevant at the top, a mark per kernel part.

    **Arguments:** as `relevance`, of which it draws the first `most` rows.

    **Raises:** as `relevance`; ValueError for `most` below 1.
    """
    if most < 1:
        raise ValueError(f"most is 1 or above, got {most}")
    frame = relevance(model).iloc[:most]
    figure = new_figure(width, 1.2 + 0.3 * len(frame) + 0.2 * (frame.shape[1] > 1))
    axes = figure.add_subplot()
    places = np.arange(len(frame))
    for k, name in enumerate(frame.columns):
        values = frame[name].to_numpy()
        color, marker = CYCLE[k % len(CYCLE)], MARKERS[k % len(MARKERS)]
        if k == 0:
            axes.hlines(places, 0, values, color=GREY, linewidth=1, zorder=1)
        axes.plot(values, places, marker, color=color, markersize=7, label=name)
    axes.set_yticks(places, [str(name) for name in frame.index])
    axes.set_ylim(len(frame) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("1 / lengthscale: lengthscales in one standard deviation of the input")
    light_grid(axes, "x")
    axes.legend(loc="lower right")
    return figure


def _inverse_lengthscales(model: GP, width: int) -> list[tuple[str, np.ndarray]]:
    """Word of each stationary part, and its inverse lengthscale at every encoded column."""
    found = []
    for path in named_parameters(model):
        # Parameters that columns share lie one level deeper.
        above, _, field = path.removesuffix(".inner").rpartition(".")
        owner: Any = model
        for part in above.split("."):
            owner = child(owner, part)
        if field == "lengthscale" and isinstance(owner, AbstractStationary):
            values = np.full(width, np.nan)
            lengthscale = np.asarray(val(owner.lengthscale), np.float64)
            values[seen_columns(model, above, width)] = 1.0 / lengthscale
            found.append((owner.word, values))
    return found
