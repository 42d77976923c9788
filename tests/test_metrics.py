"""Metrics: values against scipy and quadrature, orientation, extreme scales, errors."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from gpkit import metrics

Y = np.array([0.3, -1.2, 2.0, 0.05])
MEAN = np.array([0.1, -1.0, 1.0, 0.0])
STD = np.array([0.5, 0.3, 2.0, 0.1])


def test_nlpd_equals_scipy():
    expected = -stats.norm(MEAN, STD).logpdf(Y).mean()
    assert metrics.nlpd(Y, MEAN, STD) == pytest.approx(expected, rel=1e-14)


def test_crps_equals_quadrature():
    def one(y, mean, std):
        cdf = stats.norm(mean, std).cdf
        low = integrate.quad(lambda t: cdf(t) ** 2, mean - 12 * std, y, epsabs=1e-13)[0]
        high = integrate.quad(lambda t: (1 - cdf(t)) ** 2, y, mean + 12 * std, epsabs=1e-13)[0]
        return low + high

    expected = np.mean([one(*row) for row in zip(Y, MEAN, STD, strict=True)])
    assert metrics.crps(Y, MEAN, STD) == pytest.approx(expected, rel=1e-10)


def test_crps_at_zero_std_is_absolute_error():
    assert metrics.crps(Y, MEAN, np.zeros(4)) == pytest.approx(metrics.mae(Y, MEAN), rel=1e-15)
    assert metrics.crps(Y, MEAN, np.full(4, 1e-310)) == pytest.approx(metrics.mae(Y, MEAN))
    assert metrics.crps([1.0], [1.0], [0.0]) == 0.0


def test_point_errors_by_hand():
    error = Y - MEAN
    assert metrics.rmse(Y, MEAN) == pytest.approx(math.sqrt(np.mean(error**2)), rel=1e-15)
    assert metrics.mae(Y, MEAN) == pytest.approx(np.mean(np.abs(error)), rel=1e-15)
    expected = 1 - np.sum(error**2) / np.sum((Y - Y.mean()) ** 2)
    assert metrics.r2(Y, MEAN) == pytest.approx(expected, rel=1e-14)


def test_r2_of_the_mean_is_zero_and_of_truth_is_one():
    assert metrics.r2(Y, np.full(4, Y.mean())) == pytest.approx(0.0, abs=1e-15)
    assert metrics.r2(Y, Y) == 1.0


def test_msll_is_zero_for_the_trivial_model():
    train = np.array([1.0, 4.0, -2.0])
    mean, std = np.full(4, train.mean()), np.full(4, train.std())
    assert metrics.msll(Y, mean, std, train) == pytest.approx(0.0, abs=1e-15)
    assert metrics.msll(Y, Y, STD, train) < 0
    assert metrics.msll(Y, MEAN, STD, train) == pytest.approx(
        metrics.nlpd(Y, MEAN, STD) - metrics.nlpd(Y, mean, std), rel=1e-14
    )


@pytest.mark.parametrize("name", ["rmse", "mae", "nlpd", "crps", "r2", "msll"])
def test_better_means_move_every_metric_the_right_way(name):
    metric = getattr(metrics, name)
    extra = (Y,) if name == "msll" else ()
    good = metric(Y, Y + 0.1, STD, *extra)
    bad = metric(Y, Y + 1.0, STD, *extra)
    assert (good > bad) if name == "r2" else (good < bad)


@pytest.mark.parametrize("name", ["nlpd", "crps"])
def test_honest_widths_score_better_than_wrong_ones(name):
    metric = getattr(metrics, name)
    y = stats.norm(0, 1).ppf((np.arange(200) + 0.5) / 200)
    honest, narrow, wide = (metric(y, np.zeros(200), s) for s in (1.0, 0.3, 3.0))
    assert honest < narrow
    assert honest < wide


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_coverage_of_exact_quantiles_is_the_level(level):
    y = stats.norm(2, 3).ppf((np.arange(1000) + 0.5) / 1000)
    assert metrics.coverage(y, np.full(1000, 2.0), 3.0, level=level) == pytest.approx(level)


def test_coverage_counts_by_hand():
    assert metrics.coverage([0.0, 1.7, -1.6, 5.0], np.zeros(4), 1.0) == 0.5


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e300])
def test_extreme_scales_neither_overflow_nor_vanish(scale):
    y, mean, std = Y * scale, MEAN * scale, STD * scale
    assert metrics.rmse(y, mean) == pytest.approx(scale * metrics.rmse(Y, MEAN), rel=1e-14)
    assert metrics.crps(y, mean, std) == pytest.approx(scale * metrics.crps(Y, MEAN, STD))
    assert metrics.r2(y, mean) == pytest.approx(metrics.r2(Y, MEAN), rel=1e-13)
    expected = metrics.nlpd(Y, MEAN, STD) + math.log(scale)
    assert metrics.nlpd(y, mean, std) == pytest.approx(expected, rel=1e-14)
    assert metrics.msll(y, mean, std, y) == pytest.approx(metrics.msll(Y, MEAN, STD, Y), rel=1e-12)


def test_several_targets_average():
    y, mean, std = (np.stack([a, 2 * a], axis=1) for a in (Y, MEAN, STD))
    expected = 0.5 * (metrics.crps(Y, MEAN, STD) + metrics.crps(2 * Y, 2 * MEAN, 2 * STD))
    assert metrics.crps(y, mean, std) == pytest.approx(expected, rel=1e-14)
    assert metrics.r2(y, mean) == pytest.approx(metrics.r2(Y, MEAN), rel=1e-14)


def test_evaluate_is_the_row_of_single_metrics():
    row = metrics.evaluate(Y, MEAN, STD, level=0.5)
    assert row["nlpd"] == metrics.nlpd(Y, MEAN, STD)
    assert row["coverage"] == metrics.coverage(Y, MEAN, STD, level=0.5)
    assert set(row) == {"rmse", "mae", "nlpd", "crps", "coverage"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.rmse(Y, MEAN[:, None]), "ravel"),
        (lambda: metrics.mae([], []), "empty"),
        (lambda: metrics.mae([np.nan], [0.0]), "y_true holds NaN"),
        (lambda: metrics.mae([0.0], [np.inf]), "mean holds NaN or infinity"),
        (lambda: metrics.nlpd(Y, MEAN, np.zeros(4)), "std has zero"),
        (lambda: metrics.crps(Y, MEAN, -STD), "std has negative"),
        (lambda: metrics.nlpd(Y, MEAN, STD[:2]), "std has shape"),
        (lambda: metrics.r2(np.ones(4), MEAN), "constant"),
        (lambda: metrics.msll(Y, MEAN, STD, np.ones(3)), "y_train is constant"),
        (lambda: metrics.coverage(Y, MEAN, STD, level=90), "level"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
