"""Starts read off the data, and random ones around them."""

import jax
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.fitting.start import data_start, random_start
from gpkit.padding import pad_rows
from gpkit.params import Bounded, Fixed, Positive, Shared, named_parameters
from tests.helpers import KERNELS

RNG = np.random.default_rng(0)
X = np.stack([RNG.normal(size=50), 10 * RNG.normal(size=50), 0.1 * RNG.normal(size=50)], axis=1)
Y = 4 + 3 * RNG.normal(size=50)
ROWS = pad_rows(X, Y)
SPREAD = X.std(axis=0)


def kernel_at(kernel, rows=ROWS):
    return data_start(gp.GP(kernel), rows).kernel


# --------------------------------------------------------------------- read off the data


def test_scales_of_the_data():
    start = data_start(gp.GP(7.0 * gk.RBF(np.ones(3))), ROWS)
    found = named_parameters(start)
    values = {name: np.asarray(gp.val(p)) for name, p in found.items()}
    np.testing.assert_allclose(values["kernel.variance"], Y.var(), rtol=1e-12)
    np.testing.assert_allclose(values["kernel.kernel.lengthscale"], np.sqrt(3) * SPREAD, rtol=1e-12)
    np.testing.assert_allclose(values["noise.variance"], 0.1 * Y.var(), rtol=1e-12)


def test_one_lengthscale_for_all_columns_is_the_geometric_mean():
    expected = np.sqrt(3) * np.exp(np.log(SPREAD).mean())
    for kernel in (gk.RBF(1.0), gk.RBF(Shared(Positive([1.0]), (0, 0, 0)))):
        found = data_start(gp.GP(kernel), ROWS).kernel(X[:2])[0, 1]
        wanted = gk.RBF(expected)(X[:2])[0, 1]
        assert float(found) == pytest.approx(float(wanted), rel=1e-10)


def test_only_the_selected_columns_count():
    kernel = kernel_at(gk.Select(gk.Matern32(1.0), (1,)))
    assert float(gp.val(kernel.kernel.lengthscale)) == pytest.approx(SPREAD[1], rel=1e-12)


@pytest.mark.parametrize("period", [0.7, 3.0, 11.0])
def test_period_is_that_of_the_strongest_line_beside_a_trend(period):
    t = np.linspace(0, 30, 150)[:, None]
    y = 2 * t[:, 0] + np.sin(2 * np.pi * t[:, 0] / period)
    found = kernel_at(gk.Periodic(1.0, 5.0), pad_rows(t, y))
    # The periodogram is read at every half cycle of the range.
    assert 30 / float(gp.val(found.period)) == pytest.approx(30 / period, abs=0.5)


def test_constant_columns_and_targets_do_no_harm():
    rows = pad_rows(np.concatenate([np.ones((20, 1)), X[:20, :1]], axis=1), np.full(20, 3.0))
    for kernel in (1.0 * gk.RBF([1.0, 1.0]), gk.Periodic([1.0, 1.0], [1.0, 1.0])):
        for leaf in jax.tree.leaves(data_start(gp.GP(kernel), rows)):
            assert np.all(np.isfinite(leaf))


def test_several_targets_share_their_mean_variance():
    start = data_start(gp.GP(1.0 * gk.RBF(1.0)), pad_rows(X, np.stack([Y, 100 + 2 * Y], axis=1)))
    assert float(gp.val(start.kernel.variance)) == pytest.approx(2.5 * Y.var(), rel=1e-12)


def test_padding_does_not_count():
    full = pad_rows(X[:48], Y[:48])
    assert full.mask.all()
    short = pad_rows(X[:35], Y[:35])
    found = gp.val(kernel_at(1.0 * gk.RBF(1.0), short).variance)
    assert float(found) == pytest.approx(Y[:35].var(), rel=1e-12)


# ----------------------------------------------------------------------------- random


@pytest.mark.parametrize("case", KERNELS, ids=lambda case: case.name)
def test_every_kernel_has_starts_within_its_support(case):
    rows = pad_rows(X[:, : case.d], Y)
    model = gp.GP(case.kernel)
    starts = [
        data_start(model, rows),
        *(random_start(model, rows, jax.random.key(0), j) for j in (1, 2)),
    ]
    for start in starts:
        assert jax.tree.structure(start) == jax.tree.structure(model)
        for leaf, old in zip(jax.tree.leaves(start), jax.tree.leaves(model), strict=True):
            assert leaf.shape == old.shape
            assert leaf.dtype == old.dtype
            assert np.all(np.isfinite(leaf))


def test_random_starts_depend_on_key_and_number_alone():
    model = gp.GP(1.0 * gk.RBF(np.ones(3)))
    draw = lambda seed, number: jax.tree.leaves(  # noqa: E731
        random_start(model, ROWS, jax.random.key(seed), number)
    )
    for a, b in zip(draw(1, 1), draw(1, 1), strict=True):
        np.testing.assert_array_equal(a, b)
    for other in (draw(1, 2), draw(2, 1)):
        assert all(np.all(a != b) for a, b in zip(draw(1, 1), other, strict=True))


def test_random_lengthscales_spread_around_those_of_the_data():
    model, centre = gp.GP(gk.RBF(np.ones(3))), np.sqrt(3) * SPREAD
    draws = [
        gp.val(random_start(model, ROWS, jax.random.key(0), j).kernel.lengthscale) / centre
        for j in range(40)
    ]
    decades = np.log10(np.array(draws))
    assert decades.min() > -2
    assert decades.max() < 1.6
    assert 0.3 < decades.std() < 0.7


def test_bounds_are_kept():
    model = gp.GP(gk.RBF(Bounded(0.5, 0.1, 1.0)))
    for start in (data_start(model, ROWS), random_start(model, ROWS, jax.random.key(0), 1)):
        assert 0.1 < float(gp.val(start.kernel.lengthscale)) < 1.0


def test_what_is_fixed_stays():
    model = gp.GP(gk.Scale(gk.RBF(Fixed(0.3)), 2.0), noise=gp.noise.Gaussian(Fixed(Positive(0.7))))
    for start in (data_start(model, ROWS), random_start(model, ROWS, jax.random.key(0), 1)):
        assert float(gp.val(start.kernel.kernel.lengthscale)) == 0.3
        np.testing.assert_array_equal(
            start.noise.variance.inner.raw, model.noise.variance.inner.raw
        )
