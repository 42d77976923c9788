"""What all figures share: the colours of Okabe and Ito, told apart with any colour vision.

Every colour comes with a marker, a dash or a hatch of its own, so that a black and white
print says the same.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, VERMILION, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
PURPLE, SKY, GREY, DARK = "#CC79A7", "#56B4E9", "#666666", "#222222"
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, known to nobody else; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def light_grid(axes: Axes, axis: str = "both") -> None:
    """Grey lines behind everything."""
    axes.grid(axis=axis, color="0.92")  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
