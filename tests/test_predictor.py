"""A posterior on the scale of the table: units, padding, precision, draws."""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gpkit import GP, kernels, means, noise
from gpkit.data import Encoder, TargetScaler
from gpkit.padding import pad_rows
from gpkit.posterior import condition
from gpkit.predictor import Predictor, on_host

RNG = np.random.default_rng(1)
N = 20
TABLE = pd.DataFrame({"length": RNG.uniform(10, 20, N), "colour": RNG.choice(["red", "blue"], N)})
HEIGHT = 100 + 3 * TABLE["length"].to_numpy() + 5 * (TABLE["colour"] == "red") + RNG.normal(size=N)
HEIGHT = HEIGHT.to_numpy()
WEIGHT = -4e-3 * HEIGHT + 1e-3 * RNG.normal(size=N)
NEW = TABLE.iloc[[3, 0, 7]].assign(length=[11.5, 30.0, 14.2])
MODEL = GP(1.2 * kernels.RBF([0.9, 1.0, 1.0]), mean=means.Constant(0.1), noise=noise.Gaussian(0.04))


def make(y, model=MODEL):
    encoder, scaler = Encoder.fit(TABLE), TargetScaler.fit(y)
    rows = pad_rows(encoder.encode(TABLE), scaler.standardize(y))
    posterior = condition(model, rows.X, rows.y, mask=rows.mask)
    return Predictor(encoder, scaler, on_host(posterior), N, ("height",))


@pytest.fixture(scope="module")
def predictor():
    return make(HEIGHT)


@pytest.fixture(scope="module")
def several():
    return make(np.stack([HEIGHT, WEIGHT], axis=1))


def by_hand(predictor, table=NEW):
    """Moments of the function in standardised units, from the posterior itself."""
    return predictor.posterior.latent(predictor.encoder.encode(table))


def test_units(predictor):
    mean, variance = by_hand(predictor)
    centre, scale = HEIGHT.mean(), HEIGHT.std()
    np.testing.assert_allclose(predictor.mean(NEW), centre + scale * mean, rtol=1e-13)
    found = predictor.predict(NEW)
    np.testing.assert_allclose(found.mean, centre + scale * mean, rtol=1e-13)
    np.testing.assert_allclose(found.std, scale * np.sqrt(variance + 0.04), rtol=1e-12)
    np.testing.assert_allclose(predictor.latent(NEW).std, scale * np.sqrt(variance), rtol=1e-12)
    levels = [0.05, 0.5, 0.95]
    expected = stats.norm.ppf(levels, found.mean[:, None], found.std[:, None])
    np.testing.assert_allclose(predictor.quantiles(NEW, levels), expected, rtol=1e-12)
    assert predictor.quantiles(NEW, 0.5).shape == (3, 1)


def test_weighted_sums_of_the_function(predictor):
    table = pd.concat([NEW, NEW.assign(length=[12.0, 13.0, 19.0])])
    weights = RNG.uniform(0.1, 1, size=(2, 3))
    joint = np.asarray(predictor.posterior.covariance(predictor.encoder.encode(table)))
    expected = [w @ joint[3 * g : 3 * g + 3, 3 * g : 3 * g + 3] @ w for g, w in enumerate(weights)]
    found = predictor.average_std(table, weights)
    np.testing.assert_allclose(found, HEIGHT.std() * np.sqrt(expected), rtol=1e-9)


def test_covariance_and_standard_deviations_agree(predictor, several):
    joint = predictor.covariance(NEW)
    assert joint.shape == (3, 3)
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), predictor.predict(NEW).std, rtol=1e-11)
    between = predictor.posterior.covariance(predictor.encoder.encode(NEW))[0, 1]
    assert joint[0, 1] == pytest.approx(HEIGHT.std() ** 2 * float(between), rel=1e-10)
    stacked = several.covariance(NEW)
    assert stacked.shape == (3, 3, 2)
    np.testing.assert_allclose(stacked[..., 0], joint, rtol=1e-11)
    diagonal = np.sqrt(np.einsum("iit->it", stacked))
    np.testing.assert_allclose(diagonal, several.predict(NEW).std, rtol=1e-11)


def test_several_targets_each_in_its_own_units(predictor, several):
    alone = make(WEIGHT)
    for view in ("predict", "latent"):
        both = getattr(several, view)(NEW)
        for j, single in enumerate((predictor, alone)):
            one = getattr(single, view)(NEW)
            np.testing.assert_allclose(both.mean[:, j], one.mean, rtol=1e-11)
            np.testing.assert_allclose(both.std[:, j], one.std, rtol=1e-11)
    assert several.quantiles(NEW, [0.1, 0.9]).shape == (3, 2, 2)
    assert several.sample(NEW, num_samples=4, seed=0).shape == (4, 3, 2)


@pytest.mark.parametrize("known", [2.0, np.array([1.0, 2.0, 3.0])])
def test_known_variances_of_new_rows_are_in_squared_original_units(predictor, several, known):
    std = predictor.predict(NEW).std
    expected = np.sqrt(std**2 + known)
    found = predictor.predict(NEW, noise_variance=known)
    np.testing.assert_allclose(found.std, expected, rtol=1e-12)
    joint = predictor.covariance(NEW, noise_variance=known)
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), expected, rtol=1e-11)
    np.testing.assert_array_equal(joint[0, 1], predictor.covariance(NEW)[0, 1])
    both = several.predict(NEW, noise_variance=known).std
    np.testing.assert_allclose(both[:, 0], expected, rtol=1e-12)
    own = np.stack([np.broadcast_to(known, 3), np.full(3, 1e-6)], axis=1)
    each = several.predict(NEW, noise_variance=own).std
    np.testing.assert_allclose(each[:, 0], expected, rtol=1e-12)
    expected = np.sqrt(several.predict(NEW).std[:, 1] ** 2 + 1e-6)
    np.testing.assert_allclose(each[:, 1], expected, rtol=1e-12)


@pytest.mark.parametrize("known", [np.ones((3, 1)), np.ones(2), -1.0, np.array([1.0, np.nan, 1.0])])
def test_known_variances_that_do_not_fit_are_refused(predictor, known):
    for call in (predictor.predict, predictor.covariance):
        with pytest.raises(ValueError, match="noise_variance must"):
            call(NEW, noise_variance=known)


@pytest.mark.parametrize("m", [1, 16, 17])
def test_padding_of_new_rows_changes_nothing(predictor, m):
    table = pd.concat([TABLE] * 2, ignore_index=True).iloc[:m]
    mean, variance = by_hand(predictor, table)
    found = predictor.latent(table)
    assert found.mean.shape == (m,)
    np.testing.assert_allclose(found.mean, HEIGHT.mean() + HEIGHT.std() * mean, rtol=1e-12)
    np.testing.assert_allclose(found.std, HEIGHT.std() * np.sqrt(variance), rtol=1e-9)
    assert predictor.covariance(table).shape == (m, m)
    assert predictor.sample(table, num_samples=2, seed=0).shape == (2, m)


def test_float64_whatever_the_setting_around(predictor):
    expected = predictor.predict(NEW)
    with jax.enable_x64(False):
        found = predictor.predict(NEW)
        draws = predictor.sample(NEW, num_samples=2, seed=1)
        assert isinstance(draws, np.ndarray)
        levels = predictor.quantiles(NEW, [0.3])
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == np.float64
        np.testing.assert_array_equal(a, b)
    assert draws.dtype == levels.dtype == np.float64
    np.testing.assert_array_equal(draws, predictor.sample(NEW, num_samples=2, seed=1))


def test_units_whose_squares_overflow():
    huge = make(1e200 * HEIGHT)
    expected = make(HEIGHT).predict(NEW)
    np.testing.assert_allclose(huge.predict(NEW).std, 1e200 * expected.std, rtol=1e-12)
    np.testing.assert_allclose(huge.predict(NEW).mean, 1e200 * expected.mean, rtol=1e-12)
    with pytest.raises(OverflowError, match="use standard deviations"):
        huge.covariance(NEW)


def test_draws_are_joint_and_include_the_noise(predictor):
    num = 20_000
    draws = predictor.sample(NEW, num_samples=num, seed=3)
    mean, cov = predictor.mean(NEW), predictor.covariance(NEW)
    errors = np.sqrt(np.diag(cov) / num)
    assert np.max(np.abs(draws.mean(axis=0) - mean) / errors) < 4.5
    spread = np.sqrt((cov**2 + np.outer(np.diag(cov), np.diag(cov))) / num)
    assert np.max(np.abs(np.cov(draws.T) - cov) / spread) < 4.5
    assert np.all(draws[0] != predictor.sample(NEW, num_samples=1, seed=4)[0])


@pytest.mark.parametrize("levels", [0.0, [0.5, 1.0], -0.1])
def test_levels_are_checked(predictor, levels):
    with pytest.raises(ValueError, match="levels must lie strictly between 0 and 1"):
        predictor.quantiles(NEW, levels)
