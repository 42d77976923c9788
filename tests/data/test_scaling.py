"""The target's scale: every quantity back on the original scale, at any scale."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from gpkit.data import TargetScaler

Y = np.array([3.0, -1.0, 4.5, 10.0])
Y2 = np.stack([Y, 1e-3 * Y[::-1] + 7], axis=1)


def test_one_scale_per_target():
    scaler = TargetScaler.fit(Y2)
    np.testing.assert_allclose(scaler.center, Y2.mean(0), rtol=1e-15)
    np.testing.assert_allclose(scaler.scale, Y2.std(0), rtol=1e-12)
    single = TargetScaler.fit(Y)
    assert single.center.shape == ()
    assert single.standardize(Y).shape == (4,)


@pytest.mark.parametrize("y", [Y, Y2, Y * 1e300, Y * 1e-200, Y + 1e12, Y[:1]])
def test_mean_inverts_standardize(y):
    scaler = TargetScaler.fit(y)
    z = scaler.standardize(y)
    assert np.all(np.abs(z) < 2)
    np.testing.assert_allclose(scaler.mean(z), y, rtol=1e-15)
    np.testing.assert_array_equal(scaler.quantiles(z), scaler.mean(z))
    np.testing.assert_array_equal(scaler.samples(np.stack([z, z])), [scaler.mean(z)] * 2)


def test_log_density_moves_by_the_jacobian():
    # The density of y is that of z divided by the scale, row by row and target by target.
    scaler = TargetScaler.fit(Y2)
    z, mean, std = scaler.standardize(Y2), np.full(Y2.shape, 0.3), np.full(Y2.shape, 0.7)
    value = stats.norm(mean, std).logpdf(z).sum()
    original = stats.norm(scaler.mean(mean), scaler.std(std)).logpdf(Y2).sum()
    assert scaler.log_evidence(value, 4) == pytest.approx(original, rel=1e-13)


def test_log_evidence_of_one_target_by_hand():
    scaler = TargetScaler.fit(Y)
    assert scaler.log_evidence(-5.0, 4) == pytest.approx(-5.0 - 4 * math.log(Y.std()), rel=1e-15)
    huge = TargetScaler.fit(1e300 * Y)
    expected = -5.0 - 4 * (math.log(Y.std()) + 300 * math.log(10))
    assert huge.log_evidence(-5.0, 4) == pytest.approx(expected, rel=1e-14)


def test_deviations_variances_and_covariances_agree():
    scaler = TargetScaler.fit(Y)
    std = np.array([0.1, 0.5])
    np.testing.assert_allclose(scaler.variance(std**2), scaler.std(std) ** 2, rtol=1e-15)
    cov = np.array([[1.0, 0.2], [0.2, 2.0]])
    np.testing.assert_allclose(scaler.covariance(cov), Y.var() * cov, rtol=1e-15)


def test_covariance_of_several_targets_has_them_last():
    scaler = TargetScaler.fit(Y2)
    cov = np.array([[1.0, 0.2], [0.2, 2.0]])
    shared = scaler.covariance(cov)
    assert shared.shape == (2, 2, 2)
    for t in range(2):
        np.testing.assert_allclose(shared[..., t], Y2[:, t].var() * cov, rtol=1e-11)
    np.testing.assert_array_equal(scaler.covariance(np.stack([cov, cov], -1)), shared)


@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_std_survives_where_a_variance_does_not(factor):
    scaler = TargetScaler.fit(factor * Y)
    assert scaler.std(0.5) == pytest.approx(0.5 * factor * Y.std(), rel=1e-14)
    with pytest.raises(OverflowError, match="use standard deviations"):
        scaler.variance([0.25])
    with pytest.raises(OverflowError, match="other units"):
        scaler.covariance(np.eye(2))
    np.testing.assert_array_equal(scaler.variance([0.0]), [0.0])


@pytest.mark.parametrize("factor", [1.0, 1e150, 1e-150])
def test_known_noise_goes_to_standardised_units_and_back(factor):
    scaler = TargetScaler.fit(factor * Y)
    noise = np.array([0.0, 0.5, 2.0, 1.0]) * factor**2
    standardised = scaler.noise_variance(noise)
    np.testing.assert_allclose(standardised * Y.var(), noise / factor**2, rtol=1e-13)
    np.testing.assert_allclose(scaler.variance(standardised), noise, rtol=1e-14)


def test_known_noise_survives_a_scale_whose_square_does_not():
    huge, tiny = TargetScaler.fit(1e200 * Y), TargetScaler.fit(1e-200 * Y)
    np.testing.assert_allclose(huge.noise_variance([1e300]) * Y.var(), [1e-100], rtol=1e-13)
    np.testing.assert_allclose(tiny.noise_variance([1e-300]) * Y.var(), [1e100], rtol=1e-13)


def test_known_noise_of_several_targets():
    scaler = TargetScaler.fit(Y2)
    one = scaler.noise_variance(np.ones(4))
    np.testing.assert_allclose(one, np.broadcast_to(1 / Y2.var(0), (4, 2)), rtol=1e-11)
    np.testing.assert_array_equal(scaler.noise_variance(np.ones((4, 2))), one)


def test_a_constant_target_keeps_scale_one_and_says_so():
    scaler = TargetScaler.fit(np.full(5, 3.0), names=("price",))
    assert scaler.notes == ("target 'price' is constant (3): its scale is 1",)
    np.testing.assert_array_equal(scaler.standardize([3.0, 4.0]), [0.0, 1.0])
    mixed = TargetScaler.fit(np.stack([Y, np.ones(4)], 1))
    assert mixed.notes == ("target 'y1' is constant (1): its scale is 1",)


def test_without_standardisation_nothing_moves():
    for y in (Y, Y2):
        scaler = TargetScaler.fit(y, standardize=False)
        np.testing.assert_array_equal(scaler.standardize(y), y)
        assert scaler.log_evidence(-5.0, 4) == -5.0


@pytest.mark.parametrize("y", [Y, Y2])
def test_the_record_is_plain_and_makes_an_equal_scaler(y):
    scaler = TargetScaler.fit(y)
    again = TargetScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    np.testing.assert_array_equal(again.standardize(y), scaler.standardize(y))
    assert again.scale.shape == scaler.scale.shape
    assert again.notes == scaler.notes
