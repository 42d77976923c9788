"""Small pieces of pictures: matplotlib's Figure alone, no global state."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

# Distinct without colour, too; the colours are told apart by colour-blind readers.
_MARKERS = "osD^vP*X"
_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#777777"]


def grid(rows, columns):
    """A figure and a list of lists of axes."""
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.grid(True, alpha=0.3, linewidth=0.5)
        axis.tick_params(which="both", labelsize=7)
    return figure, axes.tolist()


def seconds_axis(axis, label):
    """A logarithmic axis of seconds with plain numbers, and room on its right for names."""
    axis.set_xscale("log")
    axis.margins(x=0.2)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlabel(label, fontsize=8)


def marker(number):
    """Marker and colour of a number."""
    place = number % len(_MARKERS)
    return {"marker": _MARKERS[place], "color": _COLOURS[place], "markersize": 5}


def write(figure, path):
    """PNG or SVG by the suffix."""
    figure.savefig(path, dpi=150, metadata={} if path.suffix == ".png" else {"Date": None})
