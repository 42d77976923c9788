"""Relevance: inverse lengthscales read off the model, one row an input."""

import numpy as np
import pytest

from gpkit import GPRegressor, val
from gpkit.report.relevance import relevance, relevance_figure
from gpkit.selection.mixture import MixturePredictor
from tests.report.conftest import quiet


def test_inverse_lengthscales_by_input_and_part(mixed):
    model, _, _ = mixed
    frame = relevance(model)
    assert list(frame.columns) == ["rbf", "matern32"]
    assert set(frame.index) == {"wide", "idle", "kind", "wet"}
    rbf, matern = model.model_.kernel.terms
    lengths = np.asarray(val(_stationary(rbf).lengthscale))
    # The three levels of `kind` are encoded columns 2 to 4 and share one lengthscale.
    assert len(set(lengths[2:5])) == 1
    for name, place in {"wide": 0, "idle": 1, "kind": 2, "wet": 5}.items():
        np.testing.assert_allclose(frame.loc[name, "rbf"], 1 / lengths[place])
    only = float(np.asarray(val(_stationary(matern).lengthscale)).squeeze())
    np.testing.assert_allclose(frame.loc["wide", "matern32"], 1 / only)
    assert frame.drop(index="wide")["matern32"].isna().all()
    top = np.nan_to_num(frame.max(axis=1).to_numpy())
    assert list(top) == sorted(top, reverse=True)


def _stationary(kernel):
    while not hasattr(kernel, "lengthscale"):
        kernel = kernel.kernel
    return kernel


def test_every_part_has_a_mark_and_a_colour(mixed):
    model, _, _ = mixed
    axes = relevance_figure(model, most=2).axes[0]
    assert len(axes.get_yticklabels()) == 2
    marks = [line for line in axes.get_lines() if line.get_label() in ("rbf", "matern32")]
    assert len({line.get_marker() for line in marks}) == 2
    assert len({line.get_color() for line in marks}) == 2
    np.testing.assert_allclose(marks[0].get_xdata(), relevance(model)["rbf"].iloc[:2])
    low, high = axes.get_ylim()
    assert low > high


def test_of_a_mixture_the_heaviest(mixed, stacked):
    one, other = mixed[0].predictor_, stacked[0].predictor_.predictors[-1]
    heavy = MixturePredictor(np.array([0.2, 0.8]), (other, one))
    np.testing.assert_array_equal(relevance(heavy), relevance(one))


def test_a_kernel_without_lengthscales_is_told(stacked):
    _, X, y = stacked
    linear = quiet(lambda: GPRegressor("linear", optimizer=None).fit(X, y))
    with pytest.raises(ValueError, match="no part of this kernel has a lengthscale"):
        relevance(linear)


def test_counts_are_checked(mixed):
    with pytest.raises(ValueError, match="most is 1 or above"):
        relevance_figure(mixed[0], most=0)
