"""Pathwise samples against the moments of the dense posterior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit import means
from gpkit.fitting.problem import condition_fitted
from gpkit.padding import pad_rows
from gpkit.results import Status

N, M = 20, 6
RNG = np.random.default_rng(5)
X, Y, X_NEW = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), RNG.normal(size=(M, 2))
KNOWN = RNG.uniform(0.1, 1, size=N)
MODEL = gp.GP(
    1.5 * gk.Matern32([0.8, 1.3]) + 0.5 * gk.Linear(),
    mean=means.Linear([0.4, -0.2], 0.3),
    noise=gp.noise.Gaussian(0.2),
)
# Without random features in the way: every term is exact.
EXACT = gp.GP(gk.Linear(1.3) + 0.7, mean=means.Constant(0.2), noise=gp.noise.Gaussian(0.2))
SAMPLES = 8000


def deviations(draws, post, slack=0.0):
    """Errors of mean and covariance of draws (s, m) in standard errors plus a slack."""
    draws = np.asarray(draws)
    mean, cov = np.asarray(post.mean(X_NEW)), np.asarray(post.covariance(X_NEW))
    variance = np.diag(cov)
    centred = draws - mean
    spread = np.sqrt((cov**2 + np.outer(variance, variance)) / len(draws))
    first = np.abs(draws.mean(axis=0) - mean) / np.sqrt(variance / len(draws))
    second = np.abs(centred.T @ centred / len(draws) - cov) / (spread + slack)
    return max(first.max(), second.max())


@pytest.mark.parametrize("how", ["known", "masked"])
def test_moments_are_those_of_the_posterior(how):
    rows, y, known, mask = X, Y[:, 0], KNOWN, None
    if how == "masked":
        rows = np.concatenate([X, RNG.normal(size=(4, 2))])
        y, known = np.append(y, np.full(4, 1e3)), np.append(KNOWN, np.full(4, 1e3))
        mask = np.arange(N + 4) < N
    post = gp.condition(EXACT, rows, y, noise_variance=known, mask=mask)
    paths = gp.pathwise(post, num_samples=SAMPLES, key=jax.random.key(0))
    draws = paths(X_NEW)
    assert draws.shape == (SAMPLES, M)
    assert int(paths.status) == Status.SUCCESS
    assert deviations(draws, post) < 4.5


@pytest.mark.slow
def test_covariance_over_the_draw_of_the_features():
    # A sample of its own features each: their errors average out with those of the samples.
    post = gp.condition(MODEL, X, Y[:, 0])
    one = lambda key: gp.pathwise(post, num_samples=1, num_features=16, key=key)(X_NEW)[0]  # noqa: E731
    draws = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), 4000))
    assert deviations(draws, post) < 4.5


@pytest.mark.slow
def test_many_features_come_close_to_the_posterior():
    post = gp.condition(MODEL, X, Y[:, 0])
    paths = gp.pathwise(post, num_samples=SAMPLES, num_features=4096, key=jax.random.key(1))
    # 1.5 / sqrt(4096) is the error of the features.
    assert deviations(paths(X_NEW), post, slack=0.02) < 4.5


@pytest.mark.slow
def test_several_targets_have_their_own_functions():
    post = gp.condition(EXACT, X, Y)
    draws = gp.pathwise(post, num_samples=SAMPLES, key=jax.random.key(2))(X_NEW)
    assert draws.shape == (SAMPLES, M, 2)
    for j in range(2):
        assert deviations(draws[:, :, j], gp.condition(EXACT, X, Y[:, j])) < 4.5
    left, right = (draws[:, 0, j] - jnp.mean(draws[:, 0, j]) for j in range(2))
    correlation = jnp.sum(left * right) / jnp.sqrt(jnp.sum(left**2) * jnp.sum(right**2))
    assert abs(float(correlation)) < 4 / SAMPLES**0.5


@pytest.mark.slow
def test_iterative_factors_give_the_same_paths():
    options = {"num_samples": 3, "key": jax.random.key(0)}
    solver = gp.solvers.Iterative(rank=8, dtype="float64", rtol=1e-10)
    post = gp.condition(EXACT, X, Y[:, 0], solver=solver, key=jax.random.key(1))
    found = gp.pathwise(post, **options)
    expected = gp.pathwise(gp.condition(EXACT, X, Y[:, 0]), **options)
    np.testing.assert_allclose(found(X_NEW), expected(X_NEW), rtol=1e-7, atol=1e-7)
    assert int(found.status) == Status.SUCCESS
    short = gp.solvers.Iterative(rank=1, max_steps=1, rtol=1e-10)
    post = gp.condition(EXACT, X, Y[:, 0], solver=short, key=jax.random.key(1))
    assert int(gp.pathwise(post, **options).status) >= Status.MAX_STEPS


def test_paths_are_functions():
    post = gp.condition(MODEL, X, Y[:, 0])
    paths = gp.pathwise(post, num_samples=3, num_features=16, key=jax.random.key(0))
    whole = paths(X_NEW)
    np.testing.assert_allclose(paths(X_NEW[2:4]), whole[:, 2:4], rtol=1e-10)
    # Noise-free observations hold the functions fast.
    tight = gp.replace(MODEL, "noise.variance", 1e-8)
    post = gp.condition(tight, X, Y[:, 0])
    at = gp.pathwise(post, num_samples=3, num_features=16, key=jax.random.key(0))(X)
    np.testing.assert_allclose(at, np.tile(Y[:, 0], (3, 1)), atol=1e-3)

    def height(x):
        return jnp.sum(paths(x[None])[:, 0])

    x, h = jnp.asarray(X_NEW[0]), 1e-6
    numeric = [(height(x.at[j].add(h)) - height(x.at[j].add(-h))) / (2 * h) for j in range(2)]
    np.testing.assert_allclose(jax.grad(height)(x), numeric, rtol=1e-6)


def test_the_estimators_posterior_keeps_known_variances():
    rows = pad_rows(X, Y[:, 0], KNOWN)
    found = condition_fitted(EXACT, rows)
    np.testing.assert_array_equal(found.noise_variance[:N], KNOWN)


def test_bad_input():
    post = gp.condition(EXACT, X, Y[:, 0])
    with pytest.raises(ValueError, match="num_samples must be positive, got 0"):
        gp.pathwise(post, num_samples=0, key=jax.random.key(0))
    paths = gp.pathwise(post, num_samples=1, key=jax.random.key(0))
    with pytest.raises(ValueError, match="X_new has 1 columns, the training inputs have 2"):
        paths(X_NEW[:, :1])
