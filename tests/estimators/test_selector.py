"""`GPSelector`: the comparison in original units, and predictions by best or by mixture."""

import pickle

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import gpkit as gp
from gpkit import GPRegressor, GPSelector
from gpkit import kernels as gk
from gpkit.data import kfold
from gpkit.estimators.choices import name_candidates
from gpkit.results import Status
from gpkit.selection import default_candidates
from tests.compilations import compilations
from tests.estimators.conftest import QUICK


def moments(estimator, rows):
    return np.stack(estimator.predict(rows, return_std=True))


# ------------------------------------------------------------------------------- selection


def test_the_best_candidate_predicts(data, new, selector, regressor):
    assert selector.best_ == "matern52(ard)"
    assert selector.best_ == selector.comparison_.best_.name
    assert selector.undecided_ == selector.comparison_.undecided_
    assert "linear" not in selector.undecided_
    # The same fit as that of the regressor, so the same numbers.
    np.testing.assert_allclose(moments(selector, new), moments(regressor, new), rtol=1e-10)
    assert selector.kernel_ == regressor.kernel_
    assert selector.score(*data) == pytest.approx(regressor.score(*data))
    found, expected = selector.log_evidence_, regressor.log_evidence_
    assert float(found.value) == pytest.approx(float(expected.value), rel=1e-10)


def test_table_is_in_original_units(data, selector):
    table = selector.comparison_.table
    assert set(table.index) == {"linear", "rbf", "matern52(ard)"}
    for name, row in table.iterrows():
        alone = GPRegressor(name, **QUICK).fit(*data)
        assert row["log_evidence"] == pytest.approx(float(alone.log_evidence_.value), rel=1e-9)
        # Leave-one-out densities of the observations as they are.
        X, y = data
        rows = alone.predictor_.encoder.encode(X)
        nlpd = gp.leave_one_out_nlpd(alone.model_, rows, (y - y.mean()) / y.std())
        assert row["loo_nlpd"] == pytest.approx(float(nlpd.value) / 30 + np.log(y.std()), rel=1e-8)


@pytest.mark.parametrize(("scale", "offset"), [(1e-3, 0.0), (1e4, 1e6)])
def test_decisions_do_not_depend_on_units(data, new, selector, scale, offset):
    X, y = data
    found = GPSelector(["linear", "rbf", "matern52(ard)"], **QUICK)
    found.fit(X * [1e3, 1.0], scale * y + offset)
    mine, theirs = found.comparison_.table, selector.comparison_.table
    assert list(mine.index) == list(theirs.index)
    for column in ("delta", "stderr", "weight"):
        np.testing.assert_allclose(mine[column], theirs[column], atol=2e-5)
    np.testing.assert_allclose(
        mine["log_evidence"], theirs["log_evidence"] - 30 * np.log(scale), atol=2e-5
    )
    mean, std = moments(found, new * [1e3, 1.0])
    np.testing.assert_allclose((mean - offset) / scale, moments(selector, new)[0], atol=2e-5)
    np.testing.assert_allclose(std / scale, moments(selector, new)[1], rtol=2e-5)


def test_criterion_decides_the_order(data):
    found = GPSelector(["rbf", "matern52(ard)"], criterion="loo", **QUICK).fit(*data)
    table = found.comparison_.table
    assert found.comparison_.criterion == "loo"
    assert table["loo_nlpd"].is_monotonic_increasing
    assert found.best_ == table.index[0]


def test_folds_refit_scaling_and_parameters(data):
    X, y = data
    # Units in which a scale of all rows would be seen in every fold.
    y = 1e3 + 50 * y
    found = GPSelector(["rbf"], criterion="kfold", **QUICK).fit(X, y)
    best = found.comparison_.best_
    for split in kfold(30, 5, seed=0):
        train, test = split.train, split.test
        centre, spread = X[train].mean(0), X[train].std(0)
        shift, scale = y[train].mean(), y[train].std()
        rows = (X[train] - centre) / spread
        targets = (y[train] - shift) / scale
        refit = gp.fit(best.model, rows, targets, max_steps=30).model
        mean, variance = gp.condition(refit, rows, targets).predict((X[test] - centre) / spread)
        expected = stats.norm.logpdf(y[test], shift + scale * mean, scale * np.sqrt(variance))
        np.testing.assert_allclose(best.scores.kfold_rows[test], expected, rtol=1e-6)
    assert found.comparison_.table["kfold_nlpd"].iloc[0] == -best.scores.kfold_rows.mean()


def test_categories_and_known_variances_go_through_folds(data, frame):
    _, y = data
    known = np.full(30, 0.02)
    found = GPSelector(["rbf"], criterion="kfold", n_restarts=0, max_steps=40, random_state=0)
    found.fit(frame, y, noise_variance=known)
    assert np.all(np.isfinite(found.comparison_.best_.scores.kfold_rows))


# -------------------------------------------------------------------------------- stacking


def test_stacking_is_the_mixture_by_its_weights(data, new, stacked):
    weights = stacked.comparison_.weights
    assert sum(weights.values()) == pytest.approx(1)
    kept = {name: w for name, w in weights.items() if w > 0.01}
    assert kept.keys() == {"matern12", "rbf(x0)"}
    assert stacked.comparison_.predictions == "the stacked mixture"
    total = sum(kept.values())
    parts = {name: moments(GPRegressor(name, **QUICK).fit(*data), new) for name in kept}
    mean = sum(w / total * parts[name][0] for name, w in kept.items())
    second = sum(w / total * (parts[name] ** 2).sum(axis=0) for name, w in kept.items())
    found = moments(stacked, new)
    np.testing.assert_allclose(found[0], mean, rtol=1e-8)
    np.testing.assert_allclose(found[1], np.sqrt(second - mean**2), rtol=1e-7)
    np.testing.assert_allclose(stacked.predict(new), found[0], rtol=1e-12)
    joint = stacked.predict(new, return_cov=True)[1]
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), found[1], rtol=1e-9)
    quantiles = stacked.predict_quantiles(new, [0.2, 0.8])
    for j, level in enumerate((0.2, 0.8)):
        below = sum(
            w / total * stats.norm.cdf(quantiles[:, j], *parts[name]) for name, w in kept.items()
        )
        np.testing.assert_allclose(below, level, atol=1e-7)
    assert stacked.sample_y(new, n_samples=6).shape == (5, 6)
    assert stacked.predict_latent(new)[1].shape == (5,)


# -------------------------------------------------------------------------------- settings


def test_names_of_candidates():
    rbf = 2.0 * gk.RBF(0.5)
    assert name_candidates(["rbf", rbf], 2) == {"rbf": "rbf", repr(rbf): rbf}
    assert name_candidates({"mine": rbf}, 2) == {"mine": rbf}
    assert tuple(name_candidates(None, 1)) == default_candidates(1)
    assert tuple(name_candidates(None, 3)) == default_candidates(3)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ("rbf", r"got the text 'rbf'; write \['rbf'\]"),
        (["rbf", "rbf"], "candidate 'rbf' is listed twice"),
        ([], "candidates is empty"),
        ({}, "candidates is empty"),
        (["rbf", "rbff"], "unknown kernel 'rbff'"),
    ],
)
def test_candidates_that_are_none(data, candidates, message):
    with pytest.raises(ValueError, match=message):
        GPSelector(candidates).fit(*data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predict_with": "all"}, "predict_with must be 'best' or 'stacking', got 'all'"),
        ({"criterion": "waic"}, "criterion must be one of"),
    ],
)
def test_settings_that_are_none(data, options, message):
    with pytest.raises(ValueError, match=message):
        GPSelector(["rbf"], **options).fit(*data)


def test_a_budget_that_is_too_small_is_said_in_print_and_summary(capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=400)
    found = GPSelector(["rbf"], n_restarts=0, max_steps=2, budget=1e-3, random_state=3)
    with pytest.warns(ConvergenceWarning, match=r"GPSelector \(rbf\): max steps"):
        found.fit(X, y)
    text = f"seeded subset of {found.plan_.rows} rows"
    assert found.plan_.rows < 400
    assert text in capsys.readouterr().out
    assert text in found.comparison_.notes[0]
    assert found.comparison_.num_rows == found.plan_.rows
    assert found.predictor_.num_rows == 400


def test_a_failed_candidate_does_not_win(data, new):
    negative = gk.Function(minus)
    found = GPSelector({"bad": negative, "rbf": "rbf"}, noise="none", **QUICK)
    found.fit(*data, noise_variance=np.full(30, 1e-2))
    assert found.best_ == "rbf"
    assert found.comparison_.differences[1].decision == "failed"
    assert np.all(np.isfinite(moments(found, new)))


def test_no_candidate_at_all_is_an_error(data):
    found = GPSelector({"bad": gk.Function(minus)}, noise="none", **QUICK)
    with pytest.raises(ValueError, match=r"no candidate has a score by evidence.*bad: "):
        found.fit(*data, noise_variance=np.full(30, 1e-2))


def minus(x, z, params):
    return -1e3 * (x @ z)


def test_interrupt_keeps_the_candidates_that_are_done(data, new):
    def stop(event):
        if event.stage == "candidate" and event.step == 1:
            raise KeyboardInterrupt

    found = GPSelector(["rbf", "linear"], **QUICK).fit(*data, progress=stop)
    assert [c.name for c in found.comparison_.candidates] == ["rbf"]
    assert found.comparison_.notes == ("interrupted: not all candidates were fitted",)
    assert np.all(np.isfinite(found.predict(new)))


# --------------------------------------------------------------------- scikit-learn's habits


def test_pickle_and_clone(new, selector, stacked):
    for estimator in (selector, stacked):
        copied = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(moments(copied, new), moments(estimator, new))
        assert copied.comparison_.table.drop(columns="seconds").equals(
            estimator.comparison_.table.drop(columns="seconds")
        )
        assert clone(estimator).get_params() == estimator.get_params()


def test_a_second_selection_of_like_size_compiles_nothing(data, new):
    X, y = data
    found = GPSelector(["rbf", "linear"], **QUICK).fit(X, y)
    found.predict(new, return_std=True)
    with compilations() as programs:
        found.fit(3 * X[:27] + 1, y[:27] ** 2).predict(new[:2], return_std=True)
    assert programs == []
    assert found.comparison_.best_.status in (Status.SUCCESS, Status.LINE_SEARCH_FAILED)
