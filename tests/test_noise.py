"""Noise: variances of rows, the floor that depends on the precision, groups."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.noise import Gaussian, NoNoise, PerGroup, noise_floor
from gpkit.params import Positive

X = jnp.asarray([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 1.0]])


def test_gaussian_is_the_same_for_every_row():
    np.testing.assert_allclose(Gaussian(0.3).diagonal(X), np.full(3, 0.3), rtol=1e-15)
    assert not Gaussian(0.3).at_floor(X)


@pytest.mark.parametrize(("dtype", "floor"), [(jnp.float64, 1e-8), (jnp.float32, 1e-5)])
def test_the_floor_depends_on_the_precision(dtype, floor):
    assert noise_floor(dtype) == floor
    rows = X.astype(dtype)
    for noise in (Gaussian(floor / 10), PerGroup([1.0, floor / 10], (1, 2))):
        assert noise.at_floor(rows)
        assert noise.diagonal(rows).dtype == dtype
        assert float(jnp.min(noise.diagonal(rows))) == pytest.approx(floor, rel=1e-6)
    for noise in (Gaussian(floor * 10), PerGroup([1.0, floor * 10], (1, 2))):
        assert not noise.at_floor(rows)
        assert float(jnp.min(noise.diagonal(rows))) == pytest.approx(floor * 10, rel=1e-6)


def test_a_group_without_rows_does_not_report_the_floor():
    noise = PerGroup([1.0, 2.0, 3.0, 1e-12], (0,))
    assert not noise.at_floor(X)


def test_groups_by_code_and_by_one_hot_columns():
    by_code = PerGroup([0.1, 0.2, 0.3], (0,))
    np.testing.assert_allclose(by_code.diagonal(X), [0.1, 0.2, 0.3], rtol=1e-15)
    one_hot = PerGroup([0.5, 0.7], (1, 2))
    np.testing.assert_allclose(one_hot.diagonal(X), [0.5, 0.5, 0.7], rtol=1e-15)
    slopes = jax.grad(lambda v: jnp.sum(PerGroup(Positive(v), (1, 2)).diagonal(X)))(
        jnp.asarray([0.5, 0.7])
    )
    np.testing.assert_allclose(slopes, [2.0, 1.0], rtol=1e-12)


@pytest.mark.parametrize("code", [-1.0, 3.0, 7.0])
def test_a_code_without_a_variance_is_not_that_of_another_group(code):
    found = PerGroup([0.1, 0.2, 0.3], (0,)).diagonal(X.at[1, 0].set(code))
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])


@pytest.mark.parametrize(
    ("variance", "columns"), [([0.1, 0.2], (0, 1, 2)), (0.1, (0,)), ([[0.1]], (0,)), ([0.1], ())]
)
def test_groups_that_do_not_fit_are_refused(variance, columns):
    with pytest.raises(ValueError, match=r"PerGroup needs|one entry per group"):
        PerGroup(variance, columns)


def test_no_noise():
    np.testing.assert_array_equal(NoNoise().diagonal(X), np.zeros(3))
    assert not NoNoise().at_floor(X)


def test_a_variance_must_be_positive():
    with pytest.raises(ValueError, match="Positive needs values above zero"):
        Gaussian(-0.1)
