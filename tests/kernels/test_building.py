"""Calls become kernels: columns, units, starts."""

import numpy as np

from gpkit import kernels as gk
from gpkit.kernels import parse
from gpkit.params import Bounded, Fixed, Positive, Real, Shared, val
from tests.kernels.tables import COLUMNS


def call(text, columns=COLUMNS):
    """The kernel of one call, without the variance around it."""
    kernel = parse(text, columns)
    return kernel.kernel if isinstance(kernel, gk.Scale) else kernel


def close(parameter, expected):
    np.testing.assert_allclose(val(parameter), expected, rtol=1e-14, atol=1e-15)


def test_bare_words_start_over_all_columns_at_the_root_of_their_number():
    kernel = call("matern32")
    assert isinstance(kernel, gk.Matern32)
    assert isinstance(kernel.lengthscale, Positive)
    close(kernel.lengthscale, np.sqrt(6))
    close(call("rbf(year, city)").kernel.lengthscale, np.sqrt(4))
    close(call("periodic(year)").kernel.lengthscale, 1.0)


def test_lengthscales_are_in_units_of_their_column():
    close(call("rbf(age, lengthscale=5)").kernel.lengthscale, 0.5)
    close(call("rbf(age, year, lengthscale=[5, 3])").kernel.lengthscale, [0.5, 1.5])
    close(call("periodic(year, period=4, lengthscale=0.7)").kernel.period, 2.0)
    close(call("periodic(year, period=4, lengthscale=0.7)").kernel.lengthscale, 0.7)
    close(call("cosine(age, period=5)").kernel.period, 0.5)


def test_one_lengthscale_for_several_columns_is_in_their_geometric_mean():
    close(call("rbf(year, age, lengthscale=5)").kernel.lengthscale, 5 / np.sqrt(20))
    close(call("rbf(lengthscale=5)").lengthscale, 5 / (2 * 10 * 1 * 0.5) ** 0.25)


def test_ard_has_one_entry_per_column():
    kernel = call("rbf(ard)", gk.Columns.plain(3))
    assert isinstance(kernel.lengthscale, Positive)
    close(kernel.lengthscale, np.sqrt([3.0, 3.0, 3.0]))
    assert isinstance(call("rbf(ard, year, age)").kernel.lengthscale, Positive)
    close(call("rbf(ard, year, age, lengthscale=5)").kernel.lengthscale, [2.5, 0.5])
    close(call("periodic(ard, year, age, period=5)").kernel.period, [2.5, 0.5])
    close(call("periodic(ard, year, age)").kernel.lengthscale, [1.0, 1.0])


def test_dummies_of_a_category_share_one_entry():
    kernel = call("rbf(ard, lengthscale=[2, 10, 3, 0.5])")
    assert isinstance(kernel.lengthscale, Shared)
    assert kernel.lengthscale.index == (0, 1, 2, 2, 2, 3)
    close(kernel.lengthscale.inner, [1.0, 1.0, 3.0, 1.0])
    variance = call("linear(age, city, ard)").kernel.variance
    assert variance.index == (0, 1, 1, 1)
    frozen = call("rbf(ard, lengthscale=fixed(1))").lengthscale
    assert isinstance(frozen, Shared)
    assert isinstance(frozen.inner, Fixed)
    assert isinstance(frozen.inner.inner, Positive)


def test_named_columns_are_selected():
    kernel = call('rbf("long name", city)')
    assert isinstance(kernel, gk.Select)
    assert kernel.columns == (5, 2, 3, 4)
    assert kernel.names == ("long name", "city")


def test_fixed_values():
    lengthscale = call("rbf(lengthscale=fixed(0.5))", 1).lengthscale
    assert isinstance(lengthscale, Fixed)
    close(lengthscale, 0.5)
    close(call("powexp(power=fixed(2))").power, 2.0)
    assert isinstance(call("powexp(power=0.7)").power, Bounded)


def test_change_points_are_in_original_units():
    kernel = call("changepoint(rbf, rq, age, location=25, steepness=0.3)")
    assert kernel.column == 1
    assert isinstance(kernel.location, Real)
    close(kernel.location, -1.5)
    close(kernel.steepness, 3.0)
    close(call("changepoint(rbf, rq, age)").location, 0.0)
    assert call("changepoint(rbf, rq)", 1).column == 0


def test_offset_of_the_linear_kernel():
    assert call("linear").offset is None
    close(call("linear(age, offset=25)").kernel.offset, -1.5)
    close(call("linear(age, year, offset=[25, 2006])").kernel.offset, [-1.5, 3.0])


def test_integers_with_and_without_keyword():
    assert call("polynomial").degree == 2
    assert call("polynomial(3)").degree == 3
    assert call("polynomial(degree=3, offset=2)").degree == 3
    assert call("arccosine").order == 1
    assert call("arccosine(0)").order == 0


def test_variances_of_the_arccosine_kernel_leave_one_at_rest():
    plain, ard = call("arccosine"), call("arccosine(ard)")
    assert isinstance(plain.weight_variance, Fixed)
    assert isinstance(plain.bias_variance, Positive)
    assert isinstance(ard.weight_variance, Shared)
    assert isinstance(ard.weight_variance.inner, Positive)
    assert isinstance(ard.bias_variance, Fixed)
    assert isinstance(call("arccosine(weight_variance=2)").weight_variance, Positive)


def test_parts_of_a_spectral_mixture_start_apart():
    kernel = call("spectral(3, year, age)").kernel
    assert val(kernel.means).shape == (3, 2)
    close(kernel.weights, [1 / 3] * 3)
    close(val(kernel.means)[:, 0], [1 / 6, 1 / 2, 5 / 6])
    written = call("spectral(year, weights=[1, 2], means=[[0.1], [0.2]])").kernel
    close(written.weights, [1.0, 2.0])
    close(written.means, [[0.2], [0.4]])
    assert val(call("spectral(year)").kernel.weights).shape == (1,)


def test_range_of_a_warp():
    kernel = call("warp(rbf, age, year, b=2)")
    assert kernel.columns == (1, 0)
    assert kernel.kernel.low == (-4.0, -5.0)
    assert kernel.kernel.high == (6.0, 10.0)
    close(kernel.kernel.b, 2.0)
    written = call("warp(rbf(year), age, year, low=[30, 1996], high=[50, 2010])")
    assert written.kernel.low == (-1.0, -2.0)
    assert written.kernel.high == (1.0, 5.0)
    # The kernel inside counts columns among those that are warped.
    assert written.kernel.kernel.kernel.columns == (1,)


def test_categories():
    kernel = call("categorical(city, rho=0.2)")
    assert kernel.columns == (2, 3, 4)
    close(kernel.kernel.rho, 0.2)
    close(call("hamming(city, age, lengthscale=2)").kernel.lengthscale, 2.0)
