"""The covariance of observations: noise, known variances, neutral rows, status."""

import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.operators import covariance
from gpkit.results import Status

X = np.random.default_rng(0).normal(size=(6, 2))
MODEL = gp.GP(1.5 * gk.RBF([0.8, 1.2]), noise=gp.noise.Gaussian(0.2))


def rbf(X):
    r2 = (((X[:, None] - X[None]) / [0.8, 1.2]) ** 2).sum(-1)
    return 1.5 * np.exp(-0.5 * r2)


def test_kernel_plus_noise_plus_known_variances():
    known = np.linspace(0.1, 0.6, 6)
    H = covariance(MODEL, X, noise_variance=known)
    np.testing.assert_allclose(H.dense(), rbf(X) + np.diag(0.2 + known), rtol=1e-13)
    np.testing.assert_allclose(H.noise, 0.2 + known, rtol=1e-14)
    assert H.num_rows() == 6
    assert int(H.status) == Status.SUCCESS


def test_rows_outside_the_mask_are_those_of_the_identity():
    mask = np.array([True, False, True, True, False, True])
    H = covariance(MODEL, X, noise_variance=np.arange(6.0), mask=jnp.asarray(mask))
    dense = np.asarray(H.dense())
    np.testing.assert_array_equal(dense[~mask], np.eye(6)[~mask])
    np.testing.assert_array_equal(dense[:, ~mask], np.eye(6)[:, ~mask])
    inside = rbf(X[mask]) + np.diag(0.2 + np.arange(6.0)[mask])
    np.testing.assert_allclose(dense[np.ix_(mask, mask)], inside, rtol=1e-13)
    assert int(H.num_rows()) == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_floor_is_in_the_matrix_and_in_the_status(dtype):
    floor = gp.noise.noise_floor(dtype)
    H = covariance(gp.replace(MODEL, "noise.variance", floor / 100), X.astype(dtype))
    assert int(H.status) == Status.NOISE_AT_FLOOR
    assert H.dense().dtype == dtype
    np.testing.assert_allclose(np.diagonal(H.dense()), dtype(1.5 + floor), rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_products_columns_and_diagonal_are_those_of_the_dense_matrix(masked):
    mask = jnp.asarray([True, False, True, True, False, True]) if masked else None
    H = covariance(MODEL, X, noise_variance=np.arange(6.0), mask=mask)
    dense = np.asarray(H.dense())
    V = np.random.default_rng(1).normal(size=(6, 3))
    np.testing.assert_allclose(H.matmul(V), dense @ V, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(H.matmul(V[:, 0]), dense @ V[:, 0], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(H.diagonal(), np.diagonal(dense), rtol=1e-14)
    places = jnp.asarray([4, 1, 5, 0])
    np.testing.assert_allclose(H.columns(places), dense[:, places], rtol=1e-14, atol=1e-16)
    without = dense - np.diag(np.where(mask, H.noise, 1.0) if masked else H.noise)
    np.testing.assert_allclose(H.kernel_columns(places), without[:, places], atol=1e-14)
    np.testing.assert_allclose(H.kernel_diagonal(), np.diagonal(without), atol=1e-14)
