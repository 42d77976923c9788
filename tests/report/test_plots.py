"""Figures: what is drawn where, shapes besides colours, no pyplot."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from gpkit.report.plots import comparison_figure, prediction_figure


@pytest.fixture
def frame():
    rows = {
        "a": (0.0, 0.0, "best"),
        "b": (-1.0, 0.75, "undecided"),
        "c": (-9.0, 2.0, "worse"),
        "d": (np.nan, np.nan, "failed"),
    }
    names = pd.Index(["delta", "stderr", "decision"])
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def parts(figure):
    """Per label: marker, colour, points and half lengths of the error bars."""
    found = {}
    for container in figure.axes[0].containers:
        line, _, (bars,) = container.lines
        ends = np.array([np.ptp(segment, axis=0).max() / 2 for segment in bars.get_segments()])
        found[container.get_label()] = (
            line.get_marker(),
            line.get_color(),
            line.get_xydata(),
            ends,
        )
    return found


def test_comparison_draws_delta_and_two_standard_errors(frame):
    figure = comparison_figure(frame)
    assert isinstance(figure, Figure)
    drawn = parts(figure)
    np.testing.assert_array_equal(drawn["best"][2], [[0, 0]])
    np.testing.assert_array_equal(drawn["undecided"][2], [[-1, 1]])
    np.testing.assert_allclose(drawn["undecided"][3], [1.5])
    np.testing.assert_array_equal(drawn["worse"][2], [[-9, 2]])
    np.testing.assert_allclose(drawn["worse"][3], [4.0])
    np.testing.assert_array_equal(drawn["failed"][2][:, 1], [3])
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == list(frame.index)
    low, high = axes.get_ylim()
    assert low > high  # The best stands at the top.


def test_decisions_differ_in_shape_and_in_colour(frame):
    drawn = parts(comparison_figure(frame))
    assert len({marker for marker, *_ in drawn.values()}) == 4
    assert len({color for _, color, *_ in drawn.values()}) == 4


@pytest.mark.parametrize(
    ("delta", "scale"),
    [
        ([0.0, -1.0, -9.0, np.nan], "linear"),
        ([0.0, -0.01, -49.0, np.nan], "linear"),
        ([0.0, -1.0, -51.0, np.nan], "symlog"),
        ([0.0, -100.0, -900.0, -2000.0], "linear"),
        ([np.nan] * 4, "linear"),
    ],
)
def test_scale_is_logarithmic_only_where_small_and_large_differences_meet(frame, delta, scale):
    frame["delta"] = delta
    assert comparison_figure(frame).axes[0].get_xscale() == scale


def test_predictions_show_who_lies_outside(tmp_path):
    y, mean = np.array([1.0, 2.0, 3.0]), np.array([1.1, 2.0, 9.0])
    figure = prediction_figure(y, mean, np.array([0.1, 0.2, 1.0]), target="price")
    drawn = parts(figure)
    inside, outside = drawn["inside its 90% interval: 2"], drawn["outside its 90% interval: 1"]
    np.testing.assert_array_equal(inside[2], [[1.0, 1.1], [2.0, 2.0]])
    np.testing.assert_allclose(inside[3], 1.6448536269514722 * np.array([0.1, 0.2]))
    np.testing.assert_array_equal(outside[2], [[3.0, 9.0]])
    assert inside[0] != outside[0]
    assert inside[1] != outside[1]
    assert figure.axes[0].get_xlabel() == "observed price"
    assert figure.axes[0].get_ylabel() == "predicted price"
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_another_level_has_other_intervals():
    one = np.ones(2)
    drawn = parts(prediction_figure(one, one, one, level=0.5))
    np.testing.assert_allclose(drawn["inside its 50% interval: 2"][3], 0.6744897501960817)


@pytest.mark.parametrize("std", [np.ones(3), np.ones((2, 1)), 1.0])
def test_shapes_that_do_not_fit_are_refused(std):
    with pytest.raises(ValueError, match="vectors of one length"):
        prediction_figure(np.ones(2), np.ones(2), std)


def test_pyplot_is_not_loaded():
    code = "import sys, gpkit.report; print({'matplotlib.pyplot', 'jax'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
