"""All pictures of a fitted model by name, and as PNG files."""

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from gpkit.operators.memory import size as written
from gpkit.posterior import Posterior
from gpkit.report.calibration import calibration_figure as calibration_figure
from gpkit.report.curve import curve_figure as curve_figure
from gpkit.report.dependence import dependence_figure as dependence_figure
from gpkit.report.history import history_figure as history_figure
from gpkit.report.inputs import one_of, predictor_of
from gpkit.report.plots import comparison_figure as comparison_figure
from gpkit.report.plots import prediction_figure as prediction_figure
from gpkit.report.relevance import relevance as relevance
from gpkit.report.relevance import relevance_figure as relevance_figure
from gpkit.selection import Comparison
from gpkit.solvers.auto import count_kernels, expected
from gpkit.solvers.costs import Size
from gpkit.solvers.deferred import DeferredFactor

NAMES = ("predictions", "relevance", "calibration", "comparison", "history")
_DPI = 150
# Seconds that the standard deviations of a thousand rows may be expected to take for a picture.
_WORTH = 60.0


class Pictures(NamedTuple):
    """Figures by name, and for each that could not be drawn a line that says why."""

    figures: dict[str, Figure]
    notes: tuple[str, ...]


def draw_pictures(
    model: Any,
    X: Any,
    y: Any,
    *,
    held_out: tuple[Any, Any] | None = None,
    comparison: Comparison | None = None,
    result: Any = None,
    target: str = "y",
) -> Pictures:
    """Every picture that applies, under the names that the command gives the files.

    - ``predictions``: the curve of a model of one input, else partial dependence;
    - ``relevance``: inverse lengthscales, for a model of several inputs;
    - ``calibration``: for the rows of `held_out`, where there are any;
    - ``comparison``: of `comparison`;
    - ``history``: of `result`, anything that `history_figure` takes.

    **Arguments:** `model`, `X`, `y`, `held_out` and `target` as in `curve_figure`.

    **Raises:** TypeError for a model that is not fitted. A picture that can't be drawn (a
    kernel without lengthscales has no relevance) is left out, with a note; so is one that
    needs standard deviations, where those of a thousand rows are expected to take over a minute.
    """
    predictor = predictor_of(model)
    dear = _dear(one_of(predictor).posterior)
    several = len(one_of(predictor).encoder.schema.columns) > 1
    wanted: dict[str, Callable[[], Figure]] = {
        "predictions": lambda: (
            dependence_figure(predictor, X, target=target)
            if several
            else curve_figure(predictor, X, y, held_out=held_out, target=target)
        )
    }
    if several:
        wanted["relevance"] = lambda: relevance_figure(predictor)
    if held_out is not None:
        wanted["calibration"] = lambda: calibration_figure(predictor, *held_out, target=target)
    if comparison is not None:
        wanted["comparison"] = lambda: comparison_figure(comparison.table)
    if result is not None:
        wanted["history"] = lambda: history_figure(result)
    if dear is None:
        return _drawn(wanted)
    names = [name for name in ("predictions", "calibration") if wanted.pop(name, None)]
    drawn = _drawn(wanted)
    return drawn._replace(notes=(f"no picture of {' and '.join(names)}: {dear}", *drawn.notes))


def _dear(posterior: Posterior) -> str | None:
    """Why standard deviations are not worth their seconds, None if they are."""
    factor = posterior.factor
    if not isinstance(factor, DeferredFactor):
        return None
    n, d = factor.H.X.shape
    size, memory = Size(n, d, "float64", count_kernels(factor.H.kernel)), factor.solver.memory
    option = expected(size, factor.solver, memory, task="posterior", device="cpu")
    if option.seconds <= _WORTH:
        return None
    minutes = max(1, round(option.seconds / 60))
    return (
        f"standard deviations of a thousand rows from {n} take about {minutes} min within "
        f"{written(memory)}; raise memory"
    )


def as_png(figure: Figure, *, dpi: int = _DPI) -> bytes:
    """The bytes of a PNG file; equal figures make equal files."""
    stream = io.BytesIO()
    # Without the version of matplotlib, which would change the file and nothing in it.
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def _drawn(wanted: Mapping[str, Callable[[], Figure]]) -> Pictures:
    figures, notes = {}, []
    for name, draw in wanted.items():
        try:
            figures[name] = draw()
        except (ValueError, ArithmeticError) as error:
            notes.append(f"no picture {name!r}: {error}")
    return Pictures(figures, tuple(notes))
