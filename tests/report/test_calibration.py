"""Calibration: PIT values against quantiles, coverage and histogram by counting."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import binom

from gpkit.report.calibration import calibration_figure, draw_coverage, draw_pit, pit_values


def test_pit_values_undo_quantiles_of_a_mixture(stacked):
    model, X, _ = stacked
    levels = np.array([0.05, 0.3, 0.9])
    quantiles = model.predict_quantiles(X.iloc[:4], levels)
    for level, y in zip(levels, quantiles.T, strict=True):
        np.testing.assert_allclose(pit_values(model.predictor_, X.iloc[:4], y), level, rtol=1e-8)


def test_coverage_counts_central_intervals():
    axes = Figure().add_subplot()
    # Of these, the central interval of 50% (0.25 to 0.75) holds two, that of 90% three.
    draw_coverage(axes, np.array([0.3, 0.5, 0.9, 0.99]))
    lines = {a.get_label(): a.get_xydata() for a in axes.get_lines()}
    measured = dict(lines["measured"])
    assert (measured[50.0], measured[90.0], measured[10.0]) == (50.0, 75.0, 25.0)


def test_chance_is_binomial():
    axes = Figure().add_subplot()
    n = 40
    draw_coverage(axes, np.linspace(0, 1, n))
    vertices = axes.collections[0].get_paths()[0].vertices
    for p in (0.2, 0.5, 0.8):
        near = vertices[np.abs(vertices[:, 0] - 100 * p) < 0.4]
        ends = {round(v, 9) for v in near[:, 1]}
        expected = [100 * binom.ppf(q, n, p) / n for q in (0.05, 0.95)]
        assert any(np.isclose(min(ends), e, atol=2.6) for e in expected[:1])
        assert any(np.isclose(max(ends), e, atol=2.6) for e in expected[1:])


def test_histogram_is_relative_to_uniform():
    axes = Figure().add_subplot()
    draw_pit(axes, np.array([0.1] * 24 + [0.6] * 8))
    np.testing.assert_allclose([p.get_height() for p in axes.patches[1:]], [3.0, 0.0, 1.0, 0.0])


def test_three_panels_of_one_model(mixed):
    model, X, y = mixed
    figure = calibration_figure(model, X, y, level=0.5, target="price")
    first, second, third = figure.axes
    low, high = model.predict_quantiles(X, [0.25, 0.75]).T
    inside = int(np.sum((low <= y) & (y <= high)))
    assert f"inside its 50% interval: {inside}" in first.get_legend_handles_labels()[1]
    assert first.get_xlabel() == "observed price"
    assert second.get_ylabel() == "measured coverage of 40 rows in %"
    assert third.get_xlabel().startswith("PIT")
    with pytest.raises(ValueError, match="level must lie strictly between"):
        calibration_figure(model, X, y, level=0.0)
