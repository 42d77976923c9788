"""The mixture of predictors against its formulas, with predictors made up for the purpose."""

import numpy as np
import pytest
from scipy import integrate, stats

from gpkit.predictor import Prediction
from gpkit.selection.mixture import MixturePredictor

WEIGHTS = np.array([0.5, 0.3, 0.2])
ROWS = np.arange(2.0)


class Normal:
    """A predictor of independent normal rows; draws tell which predictor made them."""

    def __init__(self, means, stds, name=0):
        self.means, self.stds, self.name = np.array(means), np.array(stds), name

    def predict(self, table, *, noise_variance=None):
        extra = 0.0 if noise_variance is None else noise_variance
        return Prediction(self.means, np.hypot(self.stds, np.sqrt(extra)))

    def latent(self, table):
        return Prediction(self.means, 0.5 * self.stds)

    def mean(self, table):
        return self.means

    def covariance(self, table, *, noise_variance=None):
        return np.diag(self.predict(table, noise_variance=noise_variance).std ** 2)

    def quantiles(self, table, levels):
        return stats.norm.ppf(levels, self.means[..., None], self.stds[..., None])

    def sample(self, table, *, num_samples, seed):
        return np.full((num_samples, len(self.means)), float(self.name))


PARTS = (
    Normal([0.0, 1.0], [1.0, 0.5], 0),
    Normal([4.0, 1.0], [0.5, 0.5], 1),
    Normal([-2.0, 1.5], [2.0, 3.0], 2),
)
MIXTURE = MixturePredictor(WEIGHTS, PARTS)


def density(x, row):
    parts = zip(WEIGHTS, PARTS, strict=True)
    return sum(w * stats.norm.pdf(x, p.means[row], p.stds[row]) for w, p in parts)


@pytest.mark.parametrize("row", [0, 1])
def test_mean_and_standard_deviation_are_integrals(row):
    def moment(f):
        return integrate.quad(lambda x: f(x) * density(x, row), -30, 30, points=[0, 4], limit=200)[
            0
        ]

    mean = moment(lambda x: x)
    std = np.sqrt(moment(lambda x: (x - mean) ** 2))
    found = MIXTURE.predict(ROWS)
    assert found.mean[row] == pytest.approx(mean, abs=1e-8)
    assert found.std[row] == pytest.approx(std, rel=1e-7)
    assert MIXTURE.mean(ROWS)[row] == pytest.approx(mean, abs=1e-8)


@pytest.mark.parametrize("level", [0.01, 0.5, 0.93])
def test_quantiles_are_exact(level):
    (found,) = MIXTURE.quantiles(ROWS[:1], level)[:1, 0]
    below = integrate.quad(lambda x: density(x, 0), -40, found, points=[-2, 0], limit=200)[0]
    assert below == pytest.approx(level, abs=1e-8)


def test_quantiles_of_equal_predictors_are_theirs():
    same = MixturePredictor(np.array([0.4, 0.6]), (PARTS[0], PARTS[0]))
    levels = [0.1, 0.9]
    np.testing.assert_allclose(same.quantiles(ROWS, levels), PARTS[0].quantiles(ROWS, levels))


def test_covariance_is_the_law_of_total_covariance():
    joint = MIXTURE.covariance(ROWS)
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), MIXTURE.predict(ROWS).std, rtol=1e-12)
    means = np.stack([p.means for p in PARTS])
    mean = WEIGHTS @ means
    between = sum(w * np.outer(m - mean, m - mean) for w, m in zip(WEIGHTS, means, strict=True))
    assert joint[0, 1] == pytest.approx(between[0, 1], rel=1e-12)


def test_known_variances_reach_every_part():
    extra = np.array([2.0, 3.0])
    expected = np.sqrt(MIXTURE.predict(ROWS).std ** 2 + extra)
    np.testing.assert_allclose(MIXTURE.predict(ROWS, noise_variance=extra).std, expected)
    joint = MIXTURE.covariance(ROWS, noise_variance=extra)
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), expected)


def test_latent_mixes_the_latent_moments():
    means = np.stack([p.means for p in PARTS])
    second = np.stack([0.25 * p.stds**2 + p.means**2 for p in PARTS])
    found = MIXTURE.latent(ROWS)
    np.testing.assert_allclose(found.std, np.sqrt(WEIGHTS @ second - (WEIGHTS @ means) ** 2))


def test_squares_do_not_overflow():
    huge = tuple(Normal(1e200 * p.means, 1e200 * p.stds) for p in PARTS)
    found = MixturePredictor(WEIGHTS, huge).predict(ROWS)
    np.testing.assert_allclose(found.std, 1e200 * MIXTURE.predict(ROWS).std, rtol=1e-12)


def test_certain_predictors_that_agree_have_no_spread():
    sure = MixturePredictor(np.array([0.5, 0.5]), (Normal([1.0], [0.0]), Normal([1.0], [0.0])))
    assert sure.predict(ROWS[:1]).std[0] == 0


def test_every_draw_comes_from_one_predictor_by_its_weight():
    draws = MIXTURE.sample(ROWS, num_samples=4000, seed=0)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    shares = np.bincount(draws[:, 0].astype(int), minlength=3) / 4000
    np.testing.assert_allclose(shares, WEIGHTS, atol=4 * np.sqrt(0.25 / 4000))
    np.testing.assert_array_equal(draws, MIXTURE.sample(ROWS, num_samples=4000, seed=0))
    assert np.any(draws != MIXTURE.sample(ROWS, num_samples=4000, seed=1))
