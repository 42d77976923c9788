"""Leave-one-out scores against refits without each row, and scores integrated by hand."""

import jax
import numpy as np
import pytest
from scipy import integrate, stats

import gpkit as gp
from gpkit import kernels as gk
from gpkit import means
from gpkit.objectives import leave_one_out_crps, leave_one_out_log_density

N = 9
RNG = np.random.default_rng(2)
X, Y, KNOWN = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), RNG.uniform(0.05, 0.8, N)
MODEL = gp.GP(1.3 * gk.Matern32([0.7, 1.4]), means.Constant(0.2), gp.noise.Gaussian(0.15))


@pytest.fixture(scope="module")
def refits():
    """Mean and standard deviation of every row, predicted from the others: shape (2, n, t)."""
    rows = []
    for i in range(N):
        left = np.arange(N) != i
        post = gp.condition(MODEL, X[left], Y[left], noise_variance=KNOWN[left])
        mean, variance = post.predict(X[i : i + 1], noise_variance=KNOWN[i : i + 1])
        rows.append((np.asarray(mean)[0], np.sqrt(np.asarray(variance)[0])))
    return np.moveaxis(np.array(rows), 0, 1)


@pytest.fixture(scope="module")
def post():
    return gp.condition(MODEL, X, Y, noise_variance=KNOWN)


def test_moments_and_log_densities_are_those_of_refits(post, refits):
    found = post.leave_one_out()
    np.testing.assert_allclose(found.mean, refits[0], rtol=1e-10)
    np.testing.assert_allclose(np.sqrt(found.variance), refits[1], rtol=1e-11)
    expected = stats.norm.logpdf(Y, *refits)
    np.testing.assert_allclose(leave_one_out_log_density(post), expected, rtol=1e-10)
    total = gp.leave_one_out_nlpd(MODEL, X, Y, noise_variance=KNOWN)
    assert float(total.value) == pytest.approx(-expected.sum(), rel=1e-12)


def test_crps_is_the_integral_that_defines_it(post, refits):
    """The integral of (F(x) - 1[x >= y])^2 over x."""
    found = leave_one_out_crps(post)
    for i in range(N):
        mean, std, y = refits[0, i, 0], refits[1, i, 0], Y[i, 0]
        below = integrate.quad(lambda x: stats.norm.cdf(x, mean, std) ** 2, -np.inf, y)[0]
        above = integrate.quad(lambda x: stats.norm.sf(x, mean, std) ** 2, y, np.inf)[0]
        assert float(found[i, 0]) == pytest.approx(below + above, rel=1e-7)


def test_one_target_is_a_column_of_several(post):
    single = gp.condition(MODEL, X, Y[:, 1], noise_variance=KNOWN)
    for score in (leave_one_out_log_density, leave_one_out_crps):
        assert score(single).shape == (N,)
        np.testing.assert_allclose(score(single), score(post)[:, 1], rtol=1e-11)


def test_rows_outside_the_mask_score_nothing(post):
    mask = np.arange(N + 3) < N
    rows = np.concatenate([X, X[:3]])
    targets = np.concatenate([Y, np.full((3, 2), 50.0)])
    known = np.concatenate([KNOWN, np.ones(3)])
    padded = gp.condition(MODEL, rows, targets, noise_variance=known, mask=mask)
    for score in (leave_one_out_log_density, leave_one_out_crps):
        found = np.asarray(score(padded))
        np.testing.assert_array_equal(found[N:], 0)
        np.testing.assert_allclose(found[:N], score(post), rtol=1e-11)
    total = gp.leave_one_out_nlpd(MODEL, rows, targets, noise_variance=known, mask=mask)
    expected = -np.sum(np.asarray(leave_one_out_log_density(post)))
    assert float(total.value) == pytest.approx(expected, rel=1e-12)


ROWS = np.random.default_rng(3).normal(size=(48, 2)).astype(np.float32)
ROWS[10] = ROWS[11]
TARGETS = np.sin(3 * ROWS[:, 0]) + 0.1 * ROWS[:, 1]


@jax.jit
def nlpd(lengthscale, variance, noise, X, y):
    model = gp.GP(variance * gk.RBF(lengthscale), noise=gp.noise.Gaussian(noise))
    found = gp.leave_one_out_nlpd(model, X, y)
    return found.value, found.error_bound


@pytest.mark.parametrize("noise", [2e-5, 1e-3, 0.1])
@pytest.mark.parametrize("variance", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("lengthscale", [0.1, 1.0, 1e3])
def test_float32_lies_within_its_bound_of_float64(lengthscale, variance, noise):
    theta = np.float32([lengthscale, variance, noise])
    low, bound = nlpd(*theta, ROWS, TARGETS)
    exact, tight = nlpd(*theta.astype(float), ROWS.astype(float), TARGETS.astype(float))
    assert low.dtype == bound.dtype == np.float32
    assert abs(float(low) - float(exact)) <= float(bound)
    assert 0 < float(tight) < 1e-7 * float(bound)


def test_the_bound_adds_up_over_targets_and_skips_the_mask(post):
    found = gp.leave_one_out_nlpd(MODEL, X, Y, noise_variance=KNOWN)
    single = [gp.leave_one_out_nlpd(MODEL, X, y, noise_variance=KNOWN) for y in Y.T]
    total = sum(float(s.error_bound) for s in single)
    assert float(found.error_bound) == pytest.approx(total, rel=1e-9)
    # A row that does not count has no say in the smallest noise.
    mask = np.arange(N + 1) < N
    rows, targets = np.concatenate([X, X[:1]]), np.concatenate([Y, Y[:1]])
    known = np.append(KNOWN, 0.0)
    still = gp.GP(MODEL.kernel, MODEL.mean, gp.noise.NoNoise())
    padded = gp.leave_one_out_nlpd(still, rows, targets, noise_variance=known, mask=mask)
    plain = gp.leave_one_out_nlpd(still, X, Y, noise_variance=KNOWN)
    assert float(padded.error_bound) < 3 * float(plain.error_bound)


def test_gradient_is_that_of_differences():
    def total(noise):
        model = gp.replace(MODEL, "noise.variance", gp.params.Positive(noise))
        return gp.leave_one_out_nlpd(model, X, Y).value

    value = jax.jit(total)
    h = 1e-5
    expected = float(value(0.3 + h) - value(0.3 - h)) / (2 * h)
    assert float(jax.jit(jax.grad(total))(0.3)) == pytest.approx(expected, rel=1e-7)
    assert float(jax.jit(jax.jacfwd(total))(0.3)) == pytest.approx(expected, rel=1e-7)
