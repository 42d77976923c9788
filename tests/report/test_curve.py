"""Curves: what is drawn is what the model says, in original units."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from gpkit import GPRegressor
from gpkit.report.curve import curve_figure
from tests.report.conftest import quiet, table


def line(figure, label):
    return next(a for a in figure.axes[0].get_lines() if a.get_label() == label).get_xydata()


def offsets(figure, label):
    axes = figure.axes[0]
    return next(c for c in axes.collections if c.get_label() == label).get_offsets()


def test_mean_band_and_rows_of_a_mixture(stacked):
    model, X, y = stacked
    held = X.iloc[:3] + 1.0, y[:3]
    figure = curve_figure(model, X, y, held_out=held, level=0.5, target="price")
    assert isinstance(figure, Figure)
    x, mean = line(figure, "mean").T
    some = slice(0, None, 200)
    at = pd.DataFrame({"wide": x[some]})
    np.testing.assert_allclose(mean[some], model.predict(at), rtol=1e-9)
    ends = [a.get_ydata()[some] for a in figure.axes[0].get_lines() if a.get_linestyle() == "--"]
    np.testing.assert_allclose(
        np.stack(ends, axis=1), model.predict_quantiles(at, [0.25, 0.75]), rtol=1e-6
    )
    np.testing.assert_allclose(offsets(figure, "training row"), np.column_stack([X["wide"], y]))
    np.testing.assert_allclose(offsets(figure, "held-out row")[:, 1], y[:3])
    assert (x[0], x[-1]) < (X["wide"].min(), X["wide"].max() + 100)
    assert x[0] < X["wide"].min()
    assert x[-1] > X["wide"].max() + 1
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "50% of new observations" in labels
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("wide", "price")


@pytest.fixture(scope="module")
def category():
    X, y = table()
    make = GPRegressor("rbf", n_restarts=0, max_steps=3, random_state=0)
    return quiet(lambda: make.fit(X[["kind"]], y)), X[["kind"]], y


def test_a_category_is_drawn_level_by_level(category):
    model, X, y = category
    axes = curve_figure(model, X, y).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["ash", "elm", "oak"]
    points = axes.containers[0].lines[0].get_xydata()
    at = pd.DataFrame({"kind": ["ash", "elm", "oak"]})
    np.testing.assert_allclose(points, np.column_stack([[0, 1, 2], model.predict(at)]))


def test_what_has_no_curve_is_refused(mixed, category):
    model, X, y = mixed
    with pytest.raises(ValueError, match=r"this one has 4 \(wide, idle, kind, wet\).*dependence"):
        curve_figure(model, X, y)
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1"):
        curve_figure(*category, level=90)
