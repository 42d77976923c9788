"""Transforms of the target: inverse, Jacobian, moments, against mpmath, scipy and simulation."""

import mpmath
import numpy as np
import pytest
from scipy import stats
from sklearn.preprocessing import PowerTransformer

from gpkit.data.quadrature import normal_covariance, normal_crps
from gpkit.data.transforms import (
    TRANSFORMS,
    Identity,
    Log,
    YeoJohnson,
    fit_transform,
    transform_from_dict,
)


def yeo_johnson(power):
    return YeoJohnson(np.array(2.0), np.array(3.0), np.array(power))


CASES = [
    Identity(),
    Log(0.0),
    Log(1.0),
    *(yeo_johnson(p) for p in (0.0, 1e-9, 0.3, 1.0, 1.7, 2.0)),
]
POSITIVE = np.array([1e-6, 0.01, 0.7, 2.0, 5.0, 300.0])


@pytest.mark.parametrize("transform", CASES, ids=repr)
def test_inverse_and_slope(transform):
    z = transform.forward(POSITIVE)
    np.testing.assert_allclose(transform.inverse(z), POSITIVE, rtol=1e-9)
    assert np.all(np.diff(z) > 0)
    y = POSITIVE[1:]
    slope = (transform.forward(1.0001 * y) - transform.forward(0.9999 * y)) / (0.0002 * y)
    np.testing.assert_allclose(np.exp(transform.log_slope(y)), slope, rtol=1e-7)


def test_yeo_johnson_against_scikit_learn():
    y = np.random.default_rng(0).gamma(2.0, size=200)
    found = YeoJohnson.fit(y)
    u = (y - y.mean()) / y.std()
    theirs = PowerTransformer(method="yeo-johnson", standardize=False).fit(u[:, None])
    assert 0 < found.power == pytest.approx(theirs.lambdas_[0], abs=1e-3)
    theirs.lambdas_[0] = found.power
    np.testing.assert_allclose(found.forward(y), theirs.transform(u[:, None])[:, 0], rtol=1e-9)


@pytest.mark.parametrize(("scale", "offset"), [(1e-200, 0.0), (1e200, 0.0), (1.0, 1e9)])
def test_yeo_johnson_does_not_depend_on_units(scale, offset):
    y = np.random.default_rng(0).gamma(2.0, size=100)
    found, plain = YeoJohnson.fit(scale * y + offset), YeoJohnson.fit(y)
    assert float(found.power) == pytest.approx(float(plain.power), abs=1e-4)
    np.testing.assert_allclose(found.forward(scale * y + offset), plain.forward(y), atol=1e-4)


def test_power_stays_where_every_gaussian_is_a_target():
    heavy = np.exp(2 * np.random.default_rng(0).normal(size=300))
    assert float(YeoJohnson.fit(heavy).power) == 0.0
    assert float(YeoJohnson.fit(-heavy).power) == 2.0
    assert np.all(np.isfinite(YeoJohnson.fit(heavy).inverse(np.linspace(-50, 50, 9))))
    assert float(YeoJohnson.fit(np.full(5, 3.0)).power) == 1.0


def exact_moments(transform, mean, std):
    """Mean and standard deviation by mpmath, which knows nothing of quadrature nodes here."""
    if isinstance(transform, Log):
        inverse = lambda z: mpmath.exp(z) - transform.shift  # noqa: E731
    else:
        p = mpmath.mpf(float(transform.power))
        half = lambda z, q: mpmath.expm1(z) if q == 0 else (1 + q * z) ** (1 / q) - 1  # noqa: E731
        inverse = lambda z: 2 + 3 * (half(z, p) if z >= 0 else -half(-z, 2 - p))  # noqa: E731
    ends = sorted(
        [mean - 14 * std, mean, mean + 14 * std, *([0.0] if abs(mean) < 14 * std else [])]
    )
    density = lambda z: mpmath.npdf(z, mean, std)  # noqa: E731
    first = mpmath.quad(lambda z: inverse(z) * density(z), ends)
    second = mpmath.quad(lambda z: (inverse(z) - first) ** 2 * density(z), ends)
    return float(first), float(mpmath.sqrt(second))


@pytest.mark.parametrize("transform", CASES[1:], ids=repr)
@pytest.mark.parametrize(("mean", "std"), [(0.3, 0.1), (-0.8, 0.7), (1.5, 0.9)])
def test_moments_against_mpmath(transform, mean, std):
    found = transform.moments(np.array([mean]), np.array([std]))
    expected = exact_moments(transform, mean, std)
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-10)
    sure = transform.moments(np.array([mean]), np.zeros(1))
    np.testing.assert_allclose(np.ravel(sure), [transform.inverse(mean), 0.0], atol=1e-15)


@pytest.mark.parametrize("transform", CASES, ids=repr)
def test_covariance_against_draws_and_its_own_diagonal(transform):
    rng = np.random.default_rng(1)
    mean = np.array([0.2, 0.5, -0.4])
    root = 0.4 * rng.normal(size=(3, 3))
    joint = root @ root.T
    found = transform.covariance(mean, joint)
    np.testing.assert_allclose(
        np.sqrt(np.diag(found)), transform.moments(mean, np.sqrt(np.diag(joint)))[1], rtol=1e-8
    )
    assert np.linalg.eigvalsh(found).min() > -1e-12
    draws = transform.inverse(mean + rng.normal(size=(400_000, 3)) @ root.T)
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    np.testing.assert_allclose(np.cov(draws.T) / scale, found / scale, atol=0.03)


def test_the_expansion_of_the_covariance_against_the_log_normal_form():
    mean = np.array([0.2, 0.5, -0.4])
    joint = np.array([[0.3, 0.1, -0.2], [0.1, 0.5, 0.0], [-0.2, 0.0, 0.4]])
    exact = Log(0.0).covariance(mean, joint)
    np.testing.assert_allclose(normal_covariance(np.exp, mean, joint), exact, rtol=1e-9, atol=1e-12)


def test_several_targets_have_powers_of_their_own():
    rng = np.random.default_rng(0)
    Y = np.stack([rng.gamma(1.0, size=80), rng.normal(size=80)], axis=1)
    both = YeoJohnson.fit(Y)
    each = [YeoJohnson.fit(column) for column in Y.T]
    np.testing.assert_array_equal(both.power, [e.power for e in each])
    assert both.num_parameters == 2
    np.testing.assert_array_equal(both.forward(Y)[:, 0], each[0].forward(Y[:, 0]))
    joint = np.stack([np.eye(3), 0.5 * np.eye(3)], axis=-1)
    found = both.covariance(np.zeros((3, 2)), joint)
    np.testing.assert_allclose(found[..., 1], each[1].covariance(np.zeros(3), joint[..., 1]))


def test_crps_of_a_normal_a_log_normal_and_a_point():
    mean, std = np.array([0.1, 0.4, -1.0]), np.array([0.5, 0.9, 0.2])
    z = np.array([0.3, -0.6, 1.5])
    found = normal_crps(lambda x: x, mean, std, z)
    w = (z - mean) / std
    normal = std * (w * (2 * stats.norm.cdf(w) - 1) + 2 * stats.norm.pdf(w) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(found, normal, rtol=1e-10)
    # Log-normal, closed form: Jordan, Krueger and Lerch (2019), appendix A.
    y = np.exp(z)
    closed = y * (2 * stats.norm.cdf(w) - 1) - 2 * np.exp(mean + std**2 / 2) * (
        stats.norm.cdf(w - std) + stats.norm.cdf(std / np.sqrt(2)) - 1
    )
    np.testing.assert_allclose(normal_crps(np.exp, mean, std, z), closed, rtol=1e-9)
    point = normal_crps(np.exp, mean, np.zeros(3), z)
    np.testing.assert_allclose(point, np.abs(np.exp(mean) - y), rtol=1e-12)


@pytest.mark.parametrize("name", [None, *TRANSFORMS])
def test_dictionaries(name):
    y = np.random.default_rng(0).gamma(2.0, size=30)
    transform = fit_transform(name, y)
    again = transform_from_dict(transform.to_dict())
    np.testing.assert_array_equal(again.forward(y), transform.forward(y))


@pytest.mark.parametrize(
    ("name", "y", "message"),
    [
        (
            "log",
            [1.0, 0.0],
            r"above 0, but row 1 \(counted from 0\) has 0; use 'log1p'",
        ),
        ("log1p", [-1.0, 0.0], r"needs targets above -1, but row 0 .* has -1; use 'yeo-johnson'"),
        ("sqrt", [1.0], "must be one of 'log', 'log1p', 'yeo-johnson' or None, got 'sqrt'"),
    ],
)
def test_refusals(name, y, message):
    with pytest.raises(ValueError, match=message):
        fit_transform(name, np.array(y))


def test_what_leaves_the_range_is_refused():
    with pytest.raises(OverflowError, match="leaves the range of float64"):
        Log(0.0).moments(np.array([800.0]), np.array([1.0]))
    with pytest.raises(OverflowError, match="leaves the range of float64"):
        yeo_johnson(0.0).moments(np.array([800.0]), np.array([1.0]))
