"""`GPRegressor`: original units, tables, several targets, and scikit-learn's habits."""

import pickle
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import cross_val_score

import gpkit as gp
from gpkit import GPRegressor
from gpkit import kernels as gk
from gpkit.defaults import default_prior
from gpkit.results import Status
from tests.compilations import compilations
from tests.estimators.conftest import QUICK


def moments(estimator, rows):
    return np.stack(estimator.predict(rows, return_std=True))


# ------------------------------------------------------------------------------- the model


def test_it_is_the_core_on_standardised_rows(data, new, regressor):
    X, y = data
    Z, z = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    model = gp.GP(gk.Scale(gk.Matern52([1.0, 1.0]), 1.0), gp.means.Constant(), gp.noise.Gaussian())
    found = gp.fit(default_prior(model, 2), Z, z, n_restarts=1, key=jax.random.key(0))
    evidence = float(gp.log_evidence(found.model, Z, z).value) - 30 * np.log(y.std())
    assert float(regressor.log_evidence_.value) == pytest.approx(evidence, abs=1e-2)
    post = gp.condition(found.model, Z, z)
    mean, variance = post.predict((new - X.mean(0)) / X.std(0))
    expected = np.stack([y.mean() + y.std() * mean, y.std() * np.sqrt(variance)])
    np.testing.assert_allclose(moments(regressor, new), expected, atol=2e-3)


def test_evidence_is_of_the_targets_in_their_own_units(data, regressor):
    X, y = data
    rows = regressor.predictor_.encoder.encode(X)
    scaled = (y - y.mean()) / y.std()
    value = float(gp.log_evidence(regressor.model_, rows, scaled).value) - 30 * np.log(y.std())
    found = regressor.log_evidence_
    assert float(found.value) == pytest.approx(value, rel=1e-10)
    assert isinstance(found.value, np.ndarray)
    assert 0 < float(found.error_bound) < 1e-6
    assert float(found.stderr) == 0


@pytest.mark.parametrize(
    ("scale", "offset", "exact"),
    [
        # Powers of two leave every digit as it was.
        (2.0**-10, 0.0, 1e-12),
        (2.0**500, 0.0, 1e-12),
        # Rounding of the targets moves the point at which the fit stops.
        (1e-3, 0.0, 1e-6),
        (1e6, -1e9, 1e-5),
        (1.0, 1e6, 1e-5),
        (1e-9, 1e-3, 1e-5),
    ],
)
def test_units_of_the_target_do_not_matter(data, new, regressor, scale, offset, exact):
    X, y = data
    found = GPRegressor("matern52(ard)", **QUICK).fit(X, scale * y + offset)
    expected, (mean, std) = moments(regressor, new), moments(found, new)
    np.testing.assert_allclose((mean - offset) / scale, expected[0], rtol=exact, atol=exact)
    np.testing.assert_allclose(std / scale, expected[1], rtol=exact)
    evidence = float(found.log_evidence_.value) + 30 * np.log(scale)
    assert evidence == pytest.approx(float(regressor.log_evidence_.value), abs=exact)


@pytest.mark.parametrize(
    ("scale", "offset"), [([1e-3, 1.0], [0.0, 0.0]), ([1e6, 0.1], [1e6, -1e3]), ([1.0, 1e120], 0.0)]
)
def test_units_of_the_inputs_do_not_matter(data, new, regressor, scale, offset):
    X, y = data
    found = GPRegressor("matern52(ard)", **QUICK).fit(X * scale + offset, y)
    expected = moments(regressor, new)
    np.testing.assert_allclose(moments(found, new * scale + offset), expected, rtol=1e-6)
    evidence = float(regressor.log_evidence_.value)
    assert float(found.log_evidence_.value) == pytest.approx(evidence, abs=1e-6)


def test_lengthscales_are_in_the_units_of_their_columns(data):
    X, y = data
    scaled = X * [100.0, 1.0]
    frozen = GPRegressor("rbf(lengthscale=fixed(50))", optimizer=None).fit(scaled[:, :1], y)
    assert "lengthscale=fixed(50)" in frozen.kernel_
    found = float(gp.val(gp.params.named_parameters(frozen.model_)["kernel.kernel.lengthscale"]))
    assert found == pytest.approx(50 / scaled[:, 0].std(), rel=1e-12)


def test_without_standardising_the_units_are_those_given(data, new):
    X, y = data
    options = {"standardize": False, "optimizer": None, "prior": None, "mean": "zero"}
    found = GPRegressor("0.8 * rbf(lengthscale=0.9)", **options).fit(X, y)
    model = gp.GP(0.8 * gk.RBF(0.9))
    evidence = float(gp.log_evidence(model, X, y).value)
    assert float(found.log_evidence_.value) == pytest.approx(evidence, rel=1e-12)
    mean, variance = gp.condition(model, X, y).predict(new)
    np.testing.assert_allclose(moments(found, new), [mean, np.sqrt(variance)], rtol=1e-11)


# ------------------------------------------------------------------------------ predictions


def test_shapes_and_consistency(data, new, regressor):
    mean, std = moments(regressor, new)
    assert mean.shape == std.shape == (5,)
    np.testing.assert_allclose(regressor.predict(new), mean, rtol=1e-13)
    again, joint = regressor.predict(new, return_cov=True)
    np.testing.assert_allclose(again, mean, rtol=1e-13)
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), std, rtol=1e-10)
    _, latent = regressor.predict_latent(new)
    noise = float(gp.val(regressor.model_.noise.variance)) * data[1].var()
    np.testing.assert_allclose(latent**2 + noise, std**2, rtol=1e-10)
    levels = [0.05, 0.5, 0.95]
    expected = stats.norm.ppf(levels, mean[:, None], std[:, None])
    np.testing.assert_allclose(regressor.predict_quantiles(new), expected, rtol=1e-10)
    draws = regressor.sample_y(new, n_samples=3)
    assert draws.shape == (5, 3)
    np.testing.assert_array_equal(draws, regressor.sample_y(new, n_samples=3, random_state=0))
    assert np.all(draws != regressor.sample_y(new, n_samples=3, random_state=1))


def test_draws_have_the_moments_of_the_prediction(new, regressor):
    draws = regressor.sample_y(new, n_samples=8000)
    mean, std = moments(regressor, new)
    assert np.max(np.abs(draws.mean(axis=1) - mean) / std) < 4.5 / np.sqrt(8000)
    np.testing.assert_allclose(draws.std(axis=1), std, rtol=4.5 / np.sqrt(2 * 8000))


def test_two_kinds_of_spread_at_once_are_refused(new, regressor):
    with pytest.raises(ValueError, match="return_std or return_cov, not both"):
        regressor.predict(new, return_std=True, return_cov=True)


def test_known_variances_of_the_rows(data, new):
    X, y = data
    known = np.random.default_rng(3).uniform(0.01, 0.5, 30)
    options = {"noise": "none", "optimizer": None, "prior": None, "mean": "zero"}
    found = GPRegressor(gk.RBF(1.0), **options).fit(X, y, noise_variance=known)
    Z, scale = (X - X.mean(0)) / X.std(0), y.std()
    K = np.exp(-0.5 * ((Z[:, None] - Z[None]) ** 2).sum(-1))
    rows = (new - X.mean(0)) / X.std(0)
    cross = np.exp(-0.5 * ((Z[:, None] - rows[None]) ** 2).sum(-1))
    H = K + np.diag(known / scale**2)
    mean = y.mean() + cross.T @ np.linalg.solve(H, y - y.mean())
    variance = scale**2 * (1 - np.sum(cross * np.linalg.solve(H, cross), axis=0))
    extra = np.arange(1.0, 6.0)
    found_mean, std = found.predict(new, return_std=True, noise_variance=extra)
    np.testing.assert_allclose(found_mean, mean, rtol=1e-8)
    np.testing.assert_allclose(std**2, variance + extra, rtol=1e-8)
    joint = found.predict(new, return_cov=True, noise_variance=extra)[1]
    np.testing.assert_allclose(np.diag(joint), variance + extra, rtol=1e-8)


# --------------------------------------------------------------------- targets and tables


def test_several_targets(data, new):
    X, y = data
    Y = np.stack([y, 1e3 * np.cos(X[:, 1]) + 5], axis=1)
    found = GPRegressor("rbf", **QUICK).fit(X, Y)
    mean, std = moments(found, new)
    assert mean.shape == std.shape == (5, 2)
    assert found.predict(new, return_cov=True)[1].shape == (5, 5, 2)
    assert found.predict_quantiles(new, [0.1, 0.9]).shape == (5, 2, 2)
    assert found.sample_y(new, n_samples=4).shape == (5, 2, 4)
    # One covariance for all: in units of each target's spread the standard deviations agree.
    np.testing.assert_allclose(std[:, 0] / Y[:, 0].std(), std[:, 1] / Y[:, 1].std(), rtol=1e-10)
    rows = found.predictor_.encoder.encode(X)
    evidence = float(gp.log_evidence(found.model_, rows, (Y - Y.mean(0)) / Y.std(0)).value)
    expected = evidence - 30 * np.log(Y.std(0)).sum()
    assert float(found.log_evidence_.value) == pytest.approx(expected, rel=1e-10)


def test_one_column_of_targets_stays_a_column(data, new, regressor):
    X, y = data
    found = GPRegressor("matern52(ard)", **QUICK).fit(X, y[:, None])
    np.testing.assert_allclose(found.predict(new), regressor.predict(new)[:, None], rtol=1e-8)


def test_several_targets_with_known_variances_share_them(data):
    X, y = data
    Y = np.stack([y, 100 * y], axis=1)
    fair = np.stack([np.full(30, 0.01), np.full(30, 100.0)], axis=1)
    GPRegressor("rbf", optimizer=None).fit(X, Y, noise_variance=fair)
    with pytest.raises(ValueError, match="several targets share one covariance"):
        GPRegressor("rbf", optimizer=None).fit(X, Y, noise_variance=0.01 * np.ones(30))
    tiny = np.stack([np.full(30, 1e-12), np.full(30, 5e-8)], axis=1)
    with pytest.raises(ValueError, match="several targets share one covariance"):
        GPRegressor("rbf", optimizer=None).fit(X, Y, noise_variance=tiny)


def test_a_table_with_categories(data, frame):
    _, y = data
    target = y + (frame["colour"] == "red").to_numpy()
    found = GPRegressor("matern52(ard)", noise="group(colour)", **QUICK).fit(frame, target)
    assert list(found.feature_names_in_) == ["width", "colour", "depth"]
    assert found.n_features_in_ == 3
    # One lengthscale for the category as a whole.
    lengthscale = gp.params.named_parameters(found.model_)["kernel.kernel.lengthscale.inner"]
    assert lengthscale.raw.shape == (3,)
    assert gp.val(found.model_.noise.variance).shape == (3,)
    row = frame.iloc[:1]
    change = found.predict(row.assign(colour="red")) - found.predict(row.assign(colour="blue"))
    assert 0.3 < change[0] < 1.5
    with pytest.raises(ValueError, match="purple"):
        found.predict(row.assign(colour="purple"))
    with pytest.raises(ValueError, match="same order"):
        found.predict(frame[["depth", "colour", "width"]])


def test_an_index_of_rows_means_nothing(data, frame):
    _, y = data
    numeric = frame[["width", "depth"]]
    moved = numeric.set_axis(np.arange(30)[::-1], axis=0)
    found = [
        GPRegressor("rbf", **QUICK).fit(table, target).predict(numeric.iloc[:3])
        for table, target in ((numeric, y), (moved, pd.Series(y, index=range(100, 130))))
    ]
    np.testing.assert_array_equal(*found)


def test_a_constant_target_is_predicted(data, new):
    X, _ = data
    # Nothing varies: the noise falls to its floor, or the search ends there, and it is told.
    with pytest.warns(ConvergenceWarning):
        found = GPRegressor("rbf", **QUICK).fit(X, np.full(30, 3.0))
    np.testing.assert_allclose(found.predict(new), 3.0, atol=1e-6)


# -------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "rbff"}, "unknown kernel 'rbff'; did you mean rbf"),
        ({"mean": "linea"}, "mean must be 'constant', 'zero', 'linear'"),
        ({"noise": "loud"}, "noise must be 'gaussian', 'none', 'group"),
        ({"noise": "group(height)"}, "noise names no column 'height'; columns are x0, x1"),
        ({"noise": "group(x0)"}, "needs a column of categories"),
        ({"prior": "weak"}, "prior must be 'default' or None"),
        ({"optimizer": "adam"}, "optimizer must be 'lbfgs'"),
        ({"memory": "lots"}, "memory must be bytes or a size"),
    ],
)
def test_settings_that_are_none(data, options, message):
    with pytest.raises(ValueError, match=message):
        GPRegressor(**options).fit(*data)
    with pytest.raises(TypeError, match="kernel must be an expression"):
        GPRegressor(kernel=3).fit(*data)


@pytest.mark.parametrize(
    ("mean", "start", "size"),
    [("zero", 0, 0), ("constant", 0, 1), ("linear", 0, 3), (gp.means.Constant(0.2), 0.2, 1)],
    ids=["zero", "constant", "linear", "module"],
)
def test_means(data, mean, start, size):
    found = GPRegressor("rbf", mean=mean, optimizer=None).fit(*data)
    far = found.predict(np.array([[1e3, 0.0], [2e3, 0.0], [3e3, 0.0]]))
    # Without a fit a linear mean has no slope yet: far away is the mean that was given.
    np.testing.assert_allclose(far, data[1].mean() + start * data[1].std(), rtol=1e-12)
    assert gp.params.num_parameters(found.model_.mean) == size


def function(x, z, params):
    return jax.numpy.exp(-params["rate"] * jax.numpy.sum((x - z) ** 2))


class Own(gk.AbstractPairKernel):
    """A kernel class of a user's own."""

    def pair(self, x, z):
        return jax.numpy.exp(-jax.numpy.sum((x - z) ** 2))


@pytest.mark.parametrize("kernel", [gk.Function(function, {"rate": 0.5}), Own()], ids=repr)
def test_kernels_without_an_expression(data, new, kernel):
    found = GPRegressor(kernel, **QUICK).fit(*data)
    assert found.kernel_ == repr(kernel)
    assert np.all(np.isfinite(moments(found, new)))


def test_a_budget_that_is_too_small_is_said_and_kept(data, capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=400)
    found = GPRegressor("rbf", n_restarts=0, max_steps=2, budget=1e-3, random_state=3)
    with pytest.warns(ConvergenceWarning, match="max steps"):
        found.fit(X, y)
    rows = found.plan_.rows
    assert 200 < rows < 400
    assert f"fitted on a seeded subset of {rows} rows" in capsys.readouterr().out
    assert found.predictor_.num_rows == 400
    # Scales come from all rows, the evidence from those that were fitted.
    np.testing.assert_allclose(found.predictor_.scaler.scale, y.std())
    with pytest.warns(ConvergenceWarning):
        small = GPRegressor("rbf", memory=32 * 100**2, n_restarts=0, max_steps=2).fit(X, y)
    assert small.plan_.rows == small.predictor_.num_rows == 100
    assert "predictions use 100 rows" in capsys.readouterr().out


def test_verbose_prints_the_plan(data, capsys):
    GPRegressor("rbf", optimizer=None).fit(*data)
    assert capsys.readouterr().out == ""
    GPRegressor("rbf", optimizer=None, verbose=1).fit(*data)
    assert capsys.readouterr().out.startswith("gpkit: 30 rows, about 28 KB and ")


def test_what_needs_attention_is_warned_of(data):
    with pytest.warns(ConvergenceWarning, match=r"GPRegressor: max steps\. The step limit"):
        found = GPRegressor("rbf", n_restarts=0, max_steps=1).fit(*data)
    assert found.result_.status == Status.MAX_STEPS
    assert found.n_iter_ == 1


def test_interrupt_leaves_a_fitted_estimator(data, new):
    def stop(event):
        if event.step == 3:
            raise KeyboardInterrupt

    with pytest.warns(ConvergenceWarning, match="interrupted"):
        found = GPRegressor("rbf", **QUICK).fit(*data, progress=stop)
    assert found.result_.status == Status.INTERRUPTED
    assert np.all(np.isfinite(found.predict(new)))


# --------------------------------------------------------------------- scikit-learn's habits


def test_equal_seeds_give_equal_fits(data, new, regressor):
    again = GPRegressor("matern52(ard)", **QUICK).fit(*data)
    np.testing.assert_array_equal(moments(again, new), moments(regressor, new))
    state = np.random.RandomState(0)
    GPRegressor("rbf", optimizer=None, random_state=state).fit(*data)
    assert state.randint(2**31 - 1) != np.random.RandomState(0).randint(2**31 - 1)


def test_pickle_clone_and_parameters(new, regressor):
    copied = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(moments(copied, new), moments(regressor, new))
    for leaf in jax.tree.leaves((regressor.model_, regressor.predictor_.posterior)):
        assert isinstance(leaf, np.ndarray)
    fresh = clone(regressor)
    assert fresh.get_params() == regressor.get_params()
    assert fresh.set_params(kernel="rbf", n_restarts=7).n_restarts == 7
    with pytest.raises(NotFittedError):
        fresh.predict(new)
    module = clone(GPRegressor(2.0 * gk.RBF(0.5)))
    assert module.kernel == 2.0 * gk.RBF(0.5)
    assert "rbf(lengthscale=0.5)" in repr(module)


def test_cross_validation(data):
    scores = cross_val_score(GPRegressor("rbf", **QUICK), *data, cv=3)
    assert np.all(scores > 0.5)


def test_a_second_fit_of_like_size_compiles_nothing(data, new, regressor):
    del regressor
    X, y = data
    estimator = GPRegressor("matern52(ard)", **QUICK).fit(X, y)
    estimator.predict(new, return_std=True)
    with compilations() as found:
        estimator.fit(3 * X[:27] + 1, y[:27] ** 2).predict(new[:3], return_std=True)
    assert found == []


PROGRAM = """
import warnings; warnings.simplefilter("error")
import jax, numpy as np
import gpkit
assert not jax.config.jax_enable_x64
rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, size=(30, 2))
y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.1 * rng.normal(size=30)
new = np.random.default_rng(1).uniform(-2, 2, size=(5, 2))
options = dict(n_restarts=1, max_steps=40, random_state=0)
reg = gpkit.GPRegressor("matern52(ard)", **options).fit(X, y)
found = [*reg.predict(new, return_std=True), reg.sample_y(new)[:, 0], reg.predict_latent(new)[1]]
print(*np.concatenate(found).tolist(), float(reg.log_evidence_.value))
sel = gpkit.GPSelector(["linear", "rbf", "matern52(ard)"], **options).fit(X, y)
print(*np.concatenate(sel.predict(new, return_std=True)).tolist(), float(sel.log_evidence_.value))
assert not jax.config.jax_enable_x64
"""


def test_results_do_not_depend_on_the_setting_of_jax(new, regressor, selector):
    """A process that never turned float64 on finds the same numbers."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    own = [moments(regressor, new).ravel(), regressor.sample_y(new)[:, 0]]
    own += [regressor.predict_latent(new)[1], [regressor.log_evidence_.value]]
    np.testing.assert_allclose(lines[0], np.concatenate(own), rtol=1e-12)
    own = [moments(selector, new).ravel(), [selector.log_evidence_.value]]
    np.testing.assert_allclose(lines[1], np.concatenate(own), rtol=1e-12)
