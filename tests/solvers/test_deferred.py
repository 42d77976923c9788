"""A factor kept as what it is made from: the same numbers whenever it is made."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.operators import covariance
from gpkit.predictor import on_host
from gpkit.solvers import DeferredFactor, Iterative

RNG = np.random.default_rng(6)
N = 64
X, B = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 3))
MODEL = gp.GP(1.5 * gk.Matern52([0.8, 1.2]), noise=gp.noise.Gaussian(0.2))


@pytest.fixture(scope="module")
def factor():
    with jax.enable_x64(True):
        H = covariance(MODEL, jnp.asarray(X))
        data = jax.random.key_data(jax.random.key(3))
        return on_host(DeferredFactor(H, Iterative(rank=8), data, jnp.zeros((), jnp.int32)))


@pytest.mark.slow
def test_it_answers_as_the_factor_that_it_stands_for(factor):
    made = factor.made()
    assert float(made.root.error) < 1e-4
    inverse = np.linalg.inv(np.asarray(factor.H.dense()))
    np.testing.assert_allclose(factor.solve(B), inverse @ B, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(factor.quadratic(B), made.quadratic(B))
    np.testing.assert_allclose(factor.inner(B), B.T @ inverse @ B, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(factor.inverse_diagonal(), np.diag(inverse), rtol=1e-3)
    with pytest.raises(NotImplementedError, match="log_evidence"):
        factor.logdet()


def test_it_is_small_and_survives_pickling(factor):
    data = pickle.dumps(factor)
    assert len(data) < 4 * (X.nbytes + 8 * N) + 4000
    other = pickle.loads(data)
    assert other.solver.rank == 8
    np.testing.assert_array_equal(other.H.X, X)
    np.testing.assert_array_equal(other.key_data, factor.key_data)
