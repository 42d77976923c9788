"""Offset and scale against exact rational arithmetic, over all of float64's range."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpkit.data.moments import is_constant, moments, standardised

BASE = np.array([1.5, -2.25, 0.75, 8.0, 3.125, 3.125])


def _exact(values):
    """Mean, and standard deviation to double precision, from rational sums."""
    exact = [Fraction(float(v)) for v in values]
    mean = sum(exact) / len(exact)
    variance = sum((v - mean) ** 2 for v in exact) / len(exact)
    size = max(abs(v - mean) for v in exact)
    return float(mean), float(size) * float(variance / size**2) ** 0.5


@pytest.mark.parametrize("scale", [5e-310, 1e-300, 1e-200, 1e-154, 1.0, 1e154, 1e200, 2e307])
def test_moments_are_exact_at_every_scale(scale):
    values = BASE * scale
    mean, std = _exact(values)
    m = moments(values)
    assert not m.constant
    # Below 2.2e-308 float64 has fewer digits: 5e-310 is known to about 1e-14 of itself.
    rtol = 1e-13 if scale < 1e-307 else 4e-16
    assert m.offset == pytest.approx(mean, rel=rtol)
    assert m.scale == pytest.approx(std, rel=rtol)


@pytest.mark.parametrize("offset", [1e12, -1e12, 1e300])
def test_a_large_offset_costs_no_digit_of_the_spread(offset):
    step = np.spacing(abs(offset))
    values = offset + step * 1024 * np.array([0.0, 1.0, 5.0, -3.0, 2.0])
    mean, std = _exact(values)
    m = moments(values)
    assert m.scale == pytest.approx(std, rel=4e-16)
    assert abs(m.offset - mean) <= step


def test_powers_of_two_change_no_bit():
    a, b = moments(BASE), moments(np.ldexp(BASE, 777))
    assert b.offset == np.ldexp(a.offset, 777)
    assert b.scale == np.ldexp(a.scale, 777)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(4),
        np.full(5, 0.1),
        np.full(5, -1e300),
        np.array([3.25]),
        np.array([0.1 + 0.2, 0.3, 0.3]),
        1e12 * (1 + np.array([0, 1, 2]) * np.finfo(float).eps),
    ],
)
def test_constant_columns_keep_scale_one(values):
    m = moments(values)
    assert is_constant(values)
    assert m.constant
    assert m.scale == 1.0
    assert m.offset == pytest.approx(values[0], rel=1e-15)


@pytest.mark.parametrize("values", [[1e12, 1e12 + 1], [0.0, 5e-324], [1.0, 1.0 + 1e-14]])
def test_small_spreads_are_not_constant(values):
    assert not is_constant(np.array(values))


def test_a_spread_too_small_to_divide_by_keeps_scale_one():
    values = np.zeros(9)
    values[0] = 5e-324
    assert moments(values).scale == 1.0
    assert moments(values).constant


def test_standardised_overflows_only_with_the_quotient():
    # The difference of these two is beyond float64, the quotient is not.
    assert standardised(np.array([1.7e308]), -1.7e308, 1.7e308)[0] == pytest.approx(2.0)
    assert standardised(np.array([3e-320]), 0.0, 1e-320)[0] == pytest.approx(3.0, rel=1e-3)
    assert np.isinf(standardised(np.array([1e300]), 0.0, 1e-100)[0])
    np.testing.assert_array_equal(standardised(BASE, 0.0, 1.0), BASE)


@given(
    st.lists(st.floats(-1e308, 1e308), min_size=2, max_size=30),
)
def test_standardised_columns_have_mean_zero_and_deviation_one(values):
    values = np.array(values)
    m = moments(values)
    z = standardised(values, m.offset, m.scale)
    assert np.all(np.isfinite(z))
    if not m.constant and m.scale > 1e-290:
        # The offset is rounded to its last place, which shows where it is large.
        blur = np.spacing(abs(m.offset)) / m.scale + 1e-13
        assert abs(z.mean()) <= blur
        assert abs(np.sqrt(np.mean((z - z.mean()) ** 2)) - 1) <= blur
