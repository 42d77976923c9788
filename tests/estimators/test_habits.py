"""The habits of scikit-learn's users: grids, workers, pipelines, tables with gaps, transforms."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gpkit as gp
from gpkit import GPRegressor, GPSelector, metrics
from gpkit.estimators.choices import make_choices
from gpkit.selection.mixture import MixturePredictor
from tests.estimators.conftest import QUICK

KERNELS = ["matern52(lengthscale=0.1)", "matern52(lengthscale=2)"]
STILL = {"optimizer": None, "prior": None}


def moments(estimator, rows):
    return np.stack(estimator.predict(rows, return_std=True))


# ----------------------------------------------------------------------- grids and scorers


def test_a_grid_over_whole_kernels(data):
    grid = GridSearchCV(GPRegressor(), {"kernel": KERNELS, "optimizer": [None]}, cv=3)
    grid.fit(*data)
    assert grid.best_params_["kernel"] == KERNELS[1]
    assert "lengthscale=2" in grid.best_estimator_.kernel_


def test_a_grid_scored_by_densities_prefers_what_the_densities_do(data):
    X, y = data
    for scorer, score in ((metrics.nlpd_scorer, metrics.nlpd), (metrics.crps_scorer, metrics.crps)):
        found = cross_val_score(GPRegressor(KERNELS[1], **STILL), X, y, cv=3, scoring=scorer)
        train, test = np.arange(10, 30), np.arange(10)
        fitted = GPRegressor(KERNELS[1], **STILL).fit(X[train], y[train])
        assert found[0] == pytest.approx(-score(y[test], *moments(fitted, X[test])), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("scorer", [metrics.nlpd_scorer, metrics.crps_scorer])
def test_scorers_look_into_pipelines_and_searches_and_take_other_regressors(data, scorer):
    X, y = data
    plain = GPRegressor(KERNELS[1], **STILL)
    expected = scorer(plain.fit(X, y), X, y)
    pipe = make_pipeline(StandardScaler(), GPRegressor("matern52(lengthscale=2)", **STILL))
    pipe.fit(X, y)
    rows = pipe[0].transform(X)
    assert scorer(pipe, X, y) == pytest.approx(scorer(pipe[-1], rows, y))
    grid = GridSearchCV(GPRegressor(**STILL), {"kernel": KERNELS}, cv=2).fit(X, y)
    assert scorer(grid, X, y) == pytest.approx(expected, rel=1e-9)
    theirs = GaussianProcessRegressor(alpha=0.1, optimizer=None).fit(X, y)
    score = {metrics.nlpd_scorer: metrics.nlpd, metrics.crps_scorer: metrics.crps}[scorer]
    assert scorer(theirs, X, y) == -score(y, *theirs.predict(X, return_std=True))
    with pytest.raises(TypeError, match="return_std"):
        scorer(LinearRegression().fit(X, y), X, y)


@pytest.mark.slow
def test_two_worker_processes_find_the_same(data):
    parameters = {"kernel": KERNELS, "optimizer": [None]}
    alone, shared = (
        GridSearchCV(GPRegressor(), parameters, cv=2, n_jobs=n, scoring=metrics.nlpd_scorer).fit(
            *data
        )
        for n in (1, 2)
    )
    np.testing.assert_allclose(
        alone.cv_results_["mean_test_score"], shared.cv_results_["mean_test_score"], rtol=1e-10
    )


@pytest.mark.parametrize("estimator", [GPRegressor(), GPSelector()])
def test_a_nested_name_raises_with_an_example_of_a_grid(estimator):
    with pytest.raises(ValueError, match=r"'kernel__lengthscale' is no parameter.*GridSearchCV"):
        estimator.set_params(kernel__lengthscale=0.5)
    assert estimator.set_params(mean="zero").mean == "zero"
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        estimator.set_params(colour=1)


def test_html_names_of_features_and_pickle_in_a_pipeline(data, frame, new):
    X, y = data
    pipe = make_pipeline(StandardScaler(), GPRegressor(KERNELS[1], **STILL)).fit(X, y)
    assert "GPRegressor" in pipe._repr_html_()
    mean, std = pipe.predict(new, return_std=True)
    again = pickle.loads(pickle.dumps(pipe)).predict(new, return_std=True)
    np.testing.assert_array_equal(again, [mean, std])
    wrapped = TransformedTargetRegressor(clone(pipe), func=np.exp, inverse_func=np.log).fit(X, y)
    assert wrapped.predict(new).shape == (5,)
    numbers = frame[["width", "depth"]]
    assert list(GPRegressor(**STILL).fit(numbers, y).feature_names_in_) == ["width", "depth"]


def test_reports_as_html(selector, regressor):
    page = selector.comparison_._repr_html_()
    assert selector.comparison_.verdict() in page
    assert page.count("<tr>") == 4
    text = regressor.log_evidence_._repr_html_()
    assert f"{float(regressor.log_evidence_.value):.6g}" in text
    assert "success" in text
    risky = GPSelector({"<b>": "linear"}, **STILL).fit(np.eye(4), np.arange(4.0))
    assert "<b>" not in risky.comparison_._repr_html_()


# ----------------------------------------------------------------------------- missing rows


def told():
    return pytest.warns(UserWarning, match="rows have missing entries; their predictions are NaN")


def gaps(X, y):
    X, y = X.copy(), y.copy()
    X[3, 1], X[7, 0], y[11] = np.nan, np.nan, np.nan
    return X, y, np.setdiff1d(np.arange(30), [3, 7, 11])


def test_missing_entries_are_told_by_column_and_row(data, new):
    X, y, _ = gaps(*data)
    with pytest.raises(ValueError, match=r"X contains NaN: column 'x1', row 3 .*missing='drop'"):
        GPRegressor().fit(X, y)
    with pytest.raises(ValueError, match=r"y contains NaN: column 'y', row 11"):
        GPRegressor().fit(data[0], y)
    table = pd.DataFrame(X, columns=["width", "depth"])
    with pytest.raises(ValueError, match=r"column 'depth', row 3"):
        GPSelector(["rbf"]).fit(table, y)
    found = GPRegressor(**STILL).fit(*data)
    new = new.copy()
    new[2, 0] = np.nan
    with pytest.raises(ValueError, match=r"column 'x0', row 2"):
        found.predict(new)
    with pytest.raises(ValueError, match="missing must be 'error' or 'drop'"):
        GPRegressor(missing="skip").fit(*data)


@pytest.mark.parametrize("as_table", [False, True], ids=["array", "table"])
def test_dropped_rows_are_left_out_of_the_fit_and_nan_in_predictions(data, new, as_table):
    X, y, kept = gaps(*data)
    wrap = (lambda a: pd.DataFrame(a, columns=["a", "b"])) if as_table else (lambda a: a)
    found = GPRegressor(missing="drop", **STILL).fit(wrap(X), y)
    plain = GPRegressor(**STILL).fit(wrap(X[kept]), y[kept])
    assert found.notes_ == ("3 of 30 rows left out: missing entries",)
    assert float(found.log_evidence_.value) == float(plain.log_evidence_.value)
    new = new.copy()
    new[[1, 3], 0] = np.nan
    some = [0, 2, 4]
    with pytest.warns(UserWarning, match="2 of 5 rows have missing entries") as heard:
        mean, std = found.predict(wrap(new), return_std=True)
    assert len(heard) == 1
    np.testing.assert_array_equal(np.isnan(mean), np.isin(np.arange(5), [1, 3]))
    np.testing.assert_array_equal([mean[some], std[some]], moments(plain, wrap(new[some])))
    with told():
        joint = found.predict(wrap(new), return_cov=True)[1]
    np.testing.assert_allclose(np.diag(joint)[some], std[some] ** 2, rtol=1e-9)
    assert np.isnan(joint[1]).all()
    with told():
        assert found.sample_y(wrap(new), n_samples=3).shape == (5, 3)
    with told():
        assert np.isnan(found.predict_quantiles(wrap(new))).sum() == 6
    with told():
        known = found.predict(wrap(new), return_std=True, noise_variance=np.arange(5.0))[1]
    np.testing.assert_allclose(known[some] ** 2 - std[some] ** 2, some, atol=1e-12)
    with told(), pytest.raises(ValueError, match="3 values were given for 5"):
        found.predict(wrap(new), return_std=True, noise_variance=np.ones(3))


def test_no_complete_row_and_all_complete_rows(data, new):
    X, y, _ = gaps(*data)
    found = GPRegressor(missing="drop", **STILL).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found.predict(new).shape == (5,)
    nothing = np.full((4, 2), np.nan)
    for ask, shape in (
        (lambda: found.predict(nothing), (4,)),
        (lambda: found.predict(nothing, return_cov=True)[1], (4, 4)),
        (lambda: found.predict_latent(nothing)[1], (4,)),
        (lambda: found.sample_y(nothing, 2), (4, 2)),
        (lambda: found.predict_quantiles(nothing), (4, 3)),
        (lambda: found.log_density(nothing, np.zeros(4)), (4,)),
    ):
        with pytest.warns(UserWarning, match="4 of 4 rows"):
            values = ask()
        assert values.shape == shape
        assert np.isnan(values).all()


def test_scores_are_over_complete_rows(data):
    X, y, _ = gaps(*data)
    found = GPRegressor(missing="drop", **STILL).fit(X, y)
    full = np.where(np.isnan(y), 0.0, y)
    rows = ~np.isnan(X).any(axis=1)
    with told():
        assert found.score(X, full) == found.score(X[rows], full[rows])
    with told():
        assert metrics.nlpd_scorer(found, X, full) == metrics.nlpd_scorer(
            found, X[rows], full[rows]
        )
    with told(), pytest.raises(ValueError, match="nothing to score"):
        metrics.nlpd_scorer(found, np.full((2, 2), np.nan), np.zeros(2))


# ------------------------------------------------------------------------ target transforms


@pytest.fixture(scope="module")
def skewed(data):
    return np.exp(data[1])


@pytest.mark.parametrize("name", ["log", "log1p", "yeo-johnson"])
def test_a_transform_is_a_fit_of_the_transformed_target_told_of_the_target(data, new, skewed, name):
    X, _ = data
    found = GPRegressor(KERNELS[1], target_transform=name, **STILL).fit(X, skewed)
    t = found.predictor_.transform
    inner = GPRegressor(KERNELS[1], **STILL).fit(X, t.forward(skewed))
    mean, std = moments(inner, new)
    jacobian = t.log_slope(skewed).sum()
    expected = float(inner.log_evidence_.value) + jacobian
    assert float(found.log_evidence_.value) == pytest.approx(expected, rel=1e-10)
    levels = np.array([0.025, 0.5, 0.975])
    quantiles = t.inverse(mean[:, None] + std[:, None] * stats.norm.ppf(levels))
    np.testing.assert_allclose(found.predict_quantiles(new, levels), quantiles, rtol=1e-9)
    np.testing.assert_array_equal(moments(found, new), t.moments(mean, std))
    np.testing.assert_array_equal(found.predict(new), t.moments(mean, std)[0])
    draws = found.sample_y(new, n_samples=20_000)
    np.testing.assert_allclose(draws.mean(axis=1), found.predict(new), rtol=0.05)
    joint = found.predict(new, return_cov=True)[1]
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), moments(found, new)[1], rtol=1e-8)
    y = np.array([0.5, 1.0, 2.0, 3.0, 0.1])
    density = stats.norm.logpdf(t.forward(y), mean, std) + t.log_slope(y)
    np.testing.assert_allclose(found.log_density(new, y), density, rtol=1e-9)
    assert metrics.nlpd_scorer(found, new, y) == pytest.approx(density.mean())
    assert found.summary_.loc["noise.variance", "unit"] == "transformed y^2"


def test_a_target_below_the_domain_has_no_density_and_a_crps(data, new, skewed):
    found = GPRegressor(KERNELS[1], target_transform="log", **STILL).fit(data[0], skewed)
    y = np.array([1.0, 0.0, -2.0, 1.0, 1.0])
    assert np.isneginf(found.log_density(new, y)).tolist() == [False, True, True, False, False]
    scores = found.crps(new, y)
    assert scores[2] == pytest.approx(2 + found.crps(new, np.full(5, 1e-300))[2])
    assert np.all(np.isfinite(scores))


def test_known_noise_and_a_transform_exclude_each_other(data, new, skewed):
    with pytest.raises(ValueError, match="target_transform does not carry over"):
        GPRegressor(target_transform="log").fit(data[0], skewed, noise_variance=np.ones(30))
    found = GPRegressor(target_transform="log", **STILL).fit(data[0], skewed)
    with pytest.raises(ValueError, match="target_transform does not carry over"):
        found.predict(new, return_std=True, noise_variance=1.0)
    with pytest.raises(ValueError, match=r"needs targets above 0, but row 4 .* has -1"):
        GPRegressor(target_transform="log").fit(data[0], np.r_[skewed[:4], -1.0, skewed[5:]])


def test_candidates_may_differ_in_the_transform(data, new, skewed):
    X, _ = data
    found = GPSelector([KERNELS[1]], target_transform=[None, "log", "yeo-johnson"], **STILL)
    found.fit(X, skewed)
    names = [KERNELS[1], f"{KERNELS[1]} of log(y)", f"{KERNELS[1]} of yeo-johnson(y)"]
    table = found.comparison_.table
    assert set(table.index) == set(names)
    for name, transform in zip(names, (None, "log", "yeo-johnson"), strict=True):
        alone = GPRegressor(KERNELS[1], target_transform=transform, **STILL).fit(X, skewed)
        expected = float(alone.log_evidence_.value)
        assert table.loc[name, "log_evidence"] == pytest.approx(expected, rel=1e-9)
        if name == found.best_:
            np.testing.assert_allclose(moments(found, new), moments(alone, new), rtol=1e-9)
            assert found.target_transform_ == transform
    # Made as an exponential: its logarithm is what a Gaussian process knows.
    assert found.best_ == names[1]
    counts = table["parameters"]
    assert counts[names[2]] == counts[names[0]] + 1


def test_densities_of_left_out_rows_are_of_the_target_itself(data, skewed):
    X, _ = data
    choices = {"plain": KERNELS[1], "skew": {"kernel": KERNELS[1], "target_transform": "log"}}
    found = GPSelector(choices, criterion="kfold", random_state=0, **STILL).fit(X, skewed)
    best = next(c for c in found.comparison_.candidates if c.name == "skew")
    for split in gp.data.kfold(30, 5, seed=0):
        train, y = X[split.train], np.log(skewed)
        centre, spread = y[split.train].mean(), y[split.train].std()
        scaled = [(a - train.mean(axis=0)) / train.std(axis=0) for a in (train, X[split.test])]
        # optimizer=None holds within the folds as well.
        post = gp.condition(best.model, scaled[0], (y[split.train] - centre) / spread)
        mean, variance = post.predict(scaled[1])
        held = y[split.test]
        density = stats.norm.logpdf(held, centre + spread * mean, spread * np.sqrt(variance))
        np.testing.assert_allclose(best.scores.kfold_rows[split.test], density - held, rtol=1e-8)


def test_choices():
    assert list(make_choices(["rbf"], "log", 1)) == ["rbf"]
    assert list(make_choices(["rbf"], [None, "log"], 1)) == ["rbf", "rbf of log(y)"]
    with pytest.raises(ValueError, match="'a' must be a kernel, or a dict of 'kernel'"):
        make_choices({"a": {"kernel": "rbf", "colour": 1}}, None, 1)
    with pytest.raises(ValueError, match="target_transform is empty"):
        make_choices(["rbf"], [], 1)


@pytest.mark.slow
def test_a_mixture_of_transforms(data, new, skewed):
    X, _ = data
    choices = {"log": {"kernel": KERNELS[1], "target_transform": "log"}, "rough": KERNELS[0]}
    found = GPSelector(choices, predict_with="stacking", **STILL).fit(X, skewed)
    assert isinstance(found.predictor_, MixturePredictor)
    parts = [
        GPRegressor(KERNELS[1], target_transform="log", **STILL).fit(X, skewed),
        GPRegressor(KERNELS[0], **STILL).fit(X, skewed),
    ]
    w = np.array([0.6, 0.4])
    found.predictor_ = MixturePredictor(w, tuple(p.predictor_ for p in parts))
    y = np.array([0.5, 1.0, -2.0, 3.0, 0.1])
    quantiles = found.predict_quantiles(new, [0.1, 0.5])
    (log_mean, log_std), rough = moments_of_log(parts[0], new), moments(parts[1], new)
    with np.errstate(divide="ignore", invalid="ignore"):
        for level, q in zip((0.1, 0.5), quantiles.T, strict=True):
            positive = stats.norm.cdf(np.log(np.maximum(q, 1e-300)), log_mean, log_std)
            below = 0.6 * np.where(q > 0, positive, 0.0) + 0.4 * stats.norm.cdf(q, *rough)
            np.testing.assert_allclose(below, level, atol=1e-9)
    densities = np.exp([p.log_density(new, y) for p in parts])
    np.testing.assert_allclose(found.log_density(new, y), np.log(w @ densities), rtol=1e-9)
    # E|Y - y| - E|Y - Y'|/2 by draws.
    draws = found.sample_y(new, n_samples=40_000)
    apart = np.abs(draws - y[:, None]).mean(axis=1)
    spread = np.abs(draws - np.roll(draws, 1, axis=1)).mean(axis=1)
    np.testing.assert_allclose(found.crps(new, y), apart - spread / 2, atol=0.03)


def moments_of_log(estimator, rows):
    return estimator.predictor_.base.predict(rows)


# -------------------------------------------------------------------------------- parameters


def test_parameters_in_both_units(data):
    X, y = data
    found = GPRegressor("matern52(ard) + linear", mean="linear", **QUICK).fit(X, y)
    table = found.summary_
    scale, spread = X.std(axis=0), y.std()
    parameters = gp.params.named_parameters(found.model_)
    for path, (name, factor, offset) in {
        "noise.variance": ("noise.variance", spread**2, 0.0),
        "mean.intercept": ("mean.intercept", spread, y.mean()),
        "mean.weights": ("mean.weights[1]", spread / scale[1], 0.0),
        "kernel.terms.0.kernel.lengthscale": (
            "kernel.terms.0.kernel.lengthscale[0]",
            scale[0],
            0.0,
        ),
    }.items():
        stored = np.ravel(gp.val(parameters[path]))[int(name[-2]) if name[-1] == "]" else 0]
        assert table.loc[name, "standardised"] == pytest.approx(stored)
        assert table.loc[name, "original"] == pytest.approx(factor * stored + offset)
    assert table["trained"].all()
    fixed = GPRegressor("rbf(lengthscale=fixed(0.5))", **STILL).fit(X[:, :1], y)
    row = fixed.summary_.filter(like="lengthscale", axis=0).iloc[0]
    assert row["original"] == pytest.approx(0.5)
    assert not row["trained"]


def test_parameters_of_periods_places_and_frequencies(data):
    X, y = data
    change = "changepoint(rbf, linear, location=0.2, steepness=3)"
    kernel = "periodic(period=0.7, lengthscale=1.5) + " + change
    found = GPRegressor(kernel, **STILL).fit(5 * X[:, :1] + 2, y)
    original = found.summary_["original"]
    ends = {"period": 0.7, "location": 0.2, "steepness": 3.0, "lengthscale": 1.5}
    for name, value in ends.items():
        assert original.filter(regex=rf"{name}$").iloc[0] == pytest.approx(value), name


def test_a_square_beyond_float64_is_told_as_missing(data):
    X, y = data
    found = GPRegressor("rbf", **STILL).fit(X, 1e200 * y)
    assert np.isnan(found.summary_.loc["noise.variance", "original"])


# ------------------------------------------------------------------------------ checkpoints


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator", [GPRegressor("rbf", **QUICK), GPSelector(["rbf", "linear"], **QUICK)]
)
def test_a_stopped_fit_goes_on_from_its_checkpoint(data, new, tmp_path, estimator):
    def stop(event):
        if event.stage == "run 2 of 2":
            raise KeyboardInterrupt

    path, whole = tmp_path / "fit", clone(estimator).fit(*data)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clone(estimator).fit(*data, checkpoint=path, progress=stop)
    again = clone(estimator).fit(*data, checkpoint=path)
    np.testing.assert_array_equal(moments(again, new), moments(whole, new))
    with pytest.raises(ValueError, match="this checkpoint is of other data"):
        clone(estimator).fit(data[0], -(data[1] ** 2), checkpoint=path)
    with pytest.raises(ValueError, match="a checkpoint needs an integer random_state"):
        clone(estimator).set_params(random_state=None).fit(*data, checkpoint=path)
