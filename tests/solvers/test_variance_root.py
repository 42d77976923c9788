"""A factor in single precision: as preconditioner, and for the variances of many rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.operators import covariance
from gpkit.results import Status
from gpkit.solvers import Iterative

N, D = 300, 3
RNG = np.random.default_rng(3)
X = jnp.asarray(RNG.standard_normal((N, D)))
Y = jnp.asarray(np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.1 * RNG.standard_normal(N))
NEW = jnp.asarray(RNG.standard_normal((50, D)))
MODEL = gp.GP(2.0 * gk.RBF([0.8, 1.5, 2.5]), noise=gp.noise.Gaussian(0.01))
KEY = jax.random.key(2)


@pytest.fixture(scope="module")
def posterior():
    return gp.condition(MODEL, X, Y, solver=Iterative(rank=30), key=KEY)


def test_cached_variances_are_those_of_the_dense_posterior(posterior):
    cached = posterior.cached(key=KEY)
    exact = gp.condition(MODEL, X, Y).predict(NEW)
    found = cached.predict(NEW)
    np.testing.assert_allclose(found.variance, exact.variance, rtol=1e-2)
    np.testing.assert_allclose(found.mean, posterior.predict(NEW).mean, rtol=1e-12)
    assert 1e-9 < cached.factor.root.error < 1e-2
    assert cached.status == Status.SUCCESS


def test_a_dense_posterior_is_its_own_cache():
    dense = gp.condition(MODEL, X, Y)
    assert dense.cached(key=KEY).factor.factor is dense.factor.factor


def test_memory_is_a_ceiling(posterior):
    with pytest.raises(ValueError, match="raise memory"):
        posterior.cached(key=KEY, memory=100_000)


@pytest.mark.slow
def test_a_covariance_beyond_single_precision_says_so():
    twice = jnp.concatenate([X[:150], X[:150]])
    model = gp.replace(MODEL, "noise.variance", 1e-8)
    hard = gp.condition(model, twice, Y, solver=Iterative(rank=30, max_steps=5), key=KEY)
    assert hard.cached(key=KEY).status != Status.SUCCESS


@pytest.mark.slow
def test_a_full_preconditioner_leaves_few_steps_and_the_same_evidence():
    hard = gp.replace(MODEL, "noise.variance", 1e-3)
    full = Iterative(rank="full", num_probes=10, probe_rtol=1e-6)
    H = covariance(hard, X)
    assert full.frozen(H, Y, key=KEY).steps < 8
    exact = gp.log_evidence(hard, X, Y)
    found = gp.log_evidence(hard, X, Y, solver=full, key=KEY)
    assert found.stderr < 0.05
    low, high = found.interval(0.999)
    assert low - 0.05 < exact.value < high + 0.05
    with pytest.raises(ValueError, match="rank"):
        Iterative(rank="half")
