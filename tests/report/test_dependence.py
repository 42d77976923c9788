"""Partial dependence against its definition, row by row."""

import numpy as np
import pandas as pd
import pytest

from gpkit.report.dependence import dependence_figure, partial_dependence
from gpkit.report.inputs import InputRows, as_table


@pytest.fixture(scope="module")
def found(mixed):
    model, X, _ = mixed
    rows = InputRows.of(model.predictor_, X)
    return model, rows, partial_dependence(model.predictor_, rows, most=4, seed=0)


def test_means_are_averages_over_the_rows(found):
    model, rows, curves = found
    for curve in curves:
        for k in (0, len(curve.grid) - 1):
            moved = rows.X.copy()
            moved[:, curve.column] = curve.grid[k]
            expected = model.predict(as_table(rows.schema, moved)).mean()
            np.testing.assert_allclose(curve.mean[k], expected, rtol=1e-9)


def test_bands_are_those_of_the_average_of_the_function(found):
    model, rows, curves = found
    posterior, scale = model.predictor_.posterior, float(model.predictor_.scaler.scale)
    for curve in curves:
        k = len(curve.grid) // 2
        moved = rows.X.copy()
        moved[:, curve.column] = curve.grid[k]
        encoded = model.predictor_.encoder.encode(as_table(rows.schema, moved))
        joint = np.asarray(posterior.covariance(encoded))
        np.testing.assert_allclose(curve.std[k], scale * np.sqrt(joint.mean()), rtol=1e-5)


def test_bands_of_a_mixture_and_behind_a_transform(stacked):
    model, X, _ = stacked
    rows = InputRows.of(model.predictor_, X)
    (curve,) = partial_dependence(model.predictor_, rows, most=1, seed=0)
    k, parts = 7, model.predictor_.predictors
    # With one input there is nothing to average over: these are moments of the function.
    at = pd.DataFrame({"wide": curve.grid[[k]]})
    stds = np.array([p.latent(at).std[0] for p in parts])
    weights, means = model.predictor_.weights, np.array([p.mean(at)[0] for p in parts])
    variance = weights @ (stds**2 + (means - weights @ means) ** 2)
    # The transform enters to first order only.
    np.testing.assert_allclose(curve.std[k], np.sqrt(variance), rtol=0.02)


def test_inputs_come_in_the_order_of_their_effect(found):
    _, rows, curves = found
    spread = [np.ptp(c.mean) for c in curves]
    assert spread == sorted(spread, reverse=True)
    assert [rows.schema.kept[c.column] for c in curves[:2]] == ["wide", "kind"]


def test_panels_share_a_scale_and_name_levels(mixed):
    model, X, _ = mixed
    figure = dependence_figure(model, X, most=2, target="price")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in shown] == ["wide", "kind"]
    assert [t.get_text() for t in shown[1].get_xticklabels()] == ["ash", "elm", "oak"]
    assert shown[0].get_ylim() == shown[1].get_ylim()
    assert figure.get_supylabel() == "average prediction of price"


def test_counts_and_levels_are_checked(mixed):
    model, X, _ = mixed
    for wrong in ({"most": 0}, {"level": 1.0}):
        with pytest.raises(ValueError, match="most is 1 or above and level within"):
            dependence_figure(model, X, **wrong)
