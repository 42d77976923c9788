"""Leave-one-out scores of the iterative solver against those of the dense one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.results import Status

N = 120
RNG = np.random.default_rng(5)
X = RNG.normal(size=(N, 2))
MODEL = gp.GP(1.3 * gk.Matern32([0.8, 1.3]), noise=gp.noise.Gaussian(0.1))
COVARIANCE = np.asarray(MODEL.kernel(jnp.asarray(X))) + 0.1 * np.eye(N)
Y = np.linalg.cholesky(COVARIANCE) @ RNG.normal(size=(N, 2))
SOLVER = gp.solvers.Iterative(rank=16, dtype="float64")


def found(y, key=0, **options):
    options = {"solver": SOLVER, "num_probes": 16, **options}
    return gp.leave_one_out_nlpd(MODEL, X, y, key=jax.random.key(key), **options)


def test_estimate_is_that_of_the_dense_solver_within_its_error():
    estimate, exact = found(Y[:, 0]), gp.leave_one_out_nlpd(MODEL, X, Y[:, 0])
    assert estimate.samples.shape == (16,)
    assert 0 < float(estimate.stderr) < 0.02 * N
    assert abs(float(estimate.value - exact.value)) < 4 * float(estimate.stderr)
    assert float(estimate.error_bound) < 0.01 * N
    assert int(estimate.status) == Status.SUCCESS
    np.testing.assert_array_equal(found(Y[:, 0]).value, estimate.value)
    assert float(found(Y[:, 0], key=1).value) != float(estimate.value)


@pytest.mark.slow
def test_targets_add_up():
    both, one = found(Y), [found(Y[:, j]) for j in range(2)]
    np.testing.assert_allclose(both.value, sum(e.value for e in one), rtol=1e-6)
    np.testing.assert_allclose(both.samples, sum(e.samples for e in one), rtol=1e-5)


@pytest.mark.slow
def test_rows_outside_of_the_mask_do_not_count():
    mask = np.arange(N) < N - 20
    y = np.where(mask, Y[:, 0], 1e3)
    estimate = found(y, mask=mask)
    exact = gp.leave_one_out_nlpd(MODEL, X[mask], y[mask])
    assert abs(float(estimate.value - exact.value)) < 4 * float(estimate.stderr)
    assert float(estimate.error_bound) < 0.01 * N


@pytest.mark.slow
def test_loose_solves_are_in_the_error_bound():
    loose = gp.solvers.Iterative(rank=2, max_steps=3, depth=8, dtype="float64")
    estimate = found(Y[:, 0], solver=loose)
    exact = float(gp.leave_one_out_nlpd(MODEL, X, Y[:, 0]).value)
    assert int(estimate.status) >= Status.MAX_STEPS
    low, high = (float(end) for end in estimate.interval())
    assert low < exact < high


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.1, 1e-2, 1e-3])
def test_intervals_cover(noise):
    n = 600
    rows = np.random.default_rng(1).normal(size=(n, 4))
    model = gp.GP(gk.Matern32(2.0), noise=gp.noise.Gaussian(noise))
    K = np.asarray(model.kernel(jnp.asarray(rows)))
    root = np.linalg.cholesky(K + noise * np.eye(n))
    hits, errors = [], []
    for seed in range(4):
        y = root @ np.random.default_rng(seed).normal(size=n)
        exact = float(gp.leave_one_out_nlpd(model, rows, y).value)
        for key in range(50):
            estimate = gp.leave_one_out_nlpd(
                model, rows, y, solver=gp.solvers.Iterative(), key=jax.random.key(key)
            )
            low, high = (float(end) for end in estimate.interval())
            hits.append(low <= exact <= high)
            errors.append(float(estimate.value) - exact)
    assert np.sqrt(np.mean(np.square(errors))) < 0.005 * n
    assert np.mean(hits) > 0.9
