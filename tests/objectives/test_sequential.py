"""The chain rule: every row predicted from those before it, and the sum of it all."""

import numpy as np
import pytest
from scipy import stats

import gpkit as gp
from gpkit import kernels as gk
from gpkit.objectives import sequential_log_density
from gpkit.posterior import Posterior
from gpkit.solvers import AbstractFactor

N = 8
RNG = np.random.default_rng(4)
X, Y, KNOWN = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), RNG.uniform(0.05, 0.8, N)
MODEL = gp.GP(1.3 * gk.RBF(0.9), gp.means.Constant(0.4), gp.noise.Gaussian(0.1))


def test_rows_are_predictions_from_the_rows_before():
    found = sequential_log_density(gp.condition(MODEL, X, Y, noise_variance=KNOWN))
    assert found.shape == (N,)
    first = stats.norm.logpdf(Y[0], 0.4, np.sqrt(1.3 + 0.1 + KNOWN[0])).sum()
    assert float(found[0]) == pytest.approx(first, rel=1e-12)
    before = gp.condition(MODEL, X[:5], Y[:5], noise_variance=KNOWN[:5])
    mean, variance = before.predict(X[5:6], noise_variance=KNOWN[5:6])
    expected = stats.norm.logpdf(Y[5], mean[0], np.sqrt(variance[0])).sum()
    assert float(found[5]) == pytest.approx(expected, rel=1e-10)


def test_the_sum_is_the_log_evidence():
    evidence = gp.log_evidence(MODEL, X, Y, noise_variance=KNOWN)
    mask = np.arange(N + 4) < N
    rows, targets = np.concatenate([X, X[:4]]), np.concatenate([Y, np.full((4, 2), 30.0)])
    known = np.concatenate([KNOWN, np.ones(4)])
    post = gp.condition(MODEL, rows, targets, noise_variance=known, mask=mask)
    found = np.asarray(sequential_log_density(post))
    np.testing.assert_array_equal(found[N:], 0)
    assert found.sum() == pytest.approx(float(evidence.value), rel=1e-12)


def test_another_factor_is_refused():
    class Other(AbstractFactor):
        status: int = 0

        def solve(self, b):
            return b

        def quadratic(self, b):
            return b

        def inner(self, b):
            return b

        def inverse_diagonal(self):
            return 1.0

        def logdet(self):
            return 0.0

    post = Posterior(MODEL, X, Y, Y, Other(), None)
    with pytest.raises(TypeError, match=r"need the factor of gpkit\.solvers\.Dense"):
        sequential_log_density(post)
