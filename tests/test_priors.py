"""Priors against SciPy's distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gpkit import kernels as gk
from gpkit.params import Gamma, HalfNormal, LogNormal, Normal, Positive

PRIORS = [
    (Normal(0.3, 1.7), scipy.stats.norm(0.3, 1.7)),
    (LogNormal(0.3, 0.8), scipy.stats.lognorm(0.8, scale=np.exp(0.3))),
    (HalfNormal(1.7), scipy.stats.halfnorm(scale=1.7)),
    (Gamma(2.5, 3.0), scipy.stats.gamma(2.5, scale=1 / 3.0)),
]
priors = pytest.mark.parametrize(("prior", "reference"), PRIORS, ids=lambda p: type(p).__name__)


@priors
def test_density(prior, reference):
    x = np.array([0.05, 0.7, 2.0, 6.0])
    np.testing.assert_allclose(prior.log_prob(x), reference.logpdf(x), rtol=1e-13)


@priors
def test_samples_follow_the_density(prior, reference):
    draws = prior.sample(jax.random.key(1), (2000,))
    assert draws.shape == (2000,)
    assert scipy.stats.kstest(np.asarray(draws), reference.cdf).pvalue > 0.05


def test_half_normal_below_zero():
    assert HalfNormal(1.0).log_prob(jnp.asarray(-0.1)) == -jnp.inf


def test_priors_have_no_leaves():
    for prior, _ in PRIORS:
        assert jax.tree.leaves(prior) == []
    kernel = gk.RBF(Positive(1.0, Gamma(2.0, 3.0)))
    assert len(jax.tree.leaves(kernel)) == 1
