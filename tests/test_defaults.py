"""The default prior: which parameter gets which, and its growth with the columns."""

import math

import jax
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit import means, noise
from gpkit.defaults import default_prior
from gpkit.params import Fixed, Gamma, LogNormal, Positive, Shared, log_prior, named_parameters


def priors(model, d):
    found = named_parameters(default_prior(model, d))
    return {name: p.prior for name, p in found.items() if not isinstance(p, Fixed)}


def test_table_of_the_docstring():
    kernel = 1.5 * gk.RationalQuadratic(1.0, 0.8) + gk.Linear(0.5) + gk.ArcCosine(1, 1.0, 1.0)
    model = gp.GP(kernel, mean=means.Constant(), noise=noise.PerGroup([0.1, 0.2], (0,)))
    found = {name.rpartition("kernel.terms.")[2]: p for name, p in priors(model, 3).items()}
    # A log-normal density has its mode at exp(loc - scale^2).
    variance = LogNormal(9.0, 3.0)
    length = LogNormal(math.sqrt(2) + 0.5 * math.log(3) + 3, math.sqrt(3))
    expected = {
        "0.variance": variance,
        "0.kernel.lengthscale": length,
        "0.kernel.alpha": LogNormal(2.25, 1.5),
        "1.variance": variance,
        "2.weight_variance": variance,
        "2.bias_variance": variance,
        "mean.value": None,
        "noise.variance": LogNormal(11.0, 4.0),
    }
    assert found.keys() == expected.keys()
    for name, prior in found.items():
        if expected[name] is None:
            assert prior is None
        else:
            assert prior.loc == pytest.approx(expected[name].loc, rel=1e-12)
            assert prior.scale == pytest.approx(expected[name].scale, rel=1e-12)


@pytest.mark.parametrize("p", [1, 4, 25])
def test_lengthscales_grow_like_the_root_of_the_columns_they_see(p):
    inside = gp.GP(gk.Select(gk.RBF(1.0), range(p)))
    (prior,) = [v for k, v in priors(inside, 40).items() if k.endswith("lengthscale")]
    mode = math.exp(prior.loc - prior.scale**2)
    assert mode == pytest.approx(math.exp(math.sqrt(2)) * math.sqrt(p), rel=1e-12)
    assert prior.scale == pytest.approx(math.sqrt(3))


def test_own_priors_and_fixed_values_stay():
    own = Gamma(2.0, 3.0)
    kernel = gk.RBF(Positive(0.7, own)) + gk.Matern32(Fixed(Positive(0.5)))
    model = gp.GP(kernel, noise=noise.Gaussian(Fixed(0.2)))
    changed = default_prior(model, 2)
    assert changed.kernel.terms[0].lengthscale.prior == own
    assert changed.kernel.terms[1].lengthscale.inner.prior is None
    expected = float(own.log_prob(np.float64(0.7)))
    assert float(log_prior(changed)) == pytest.approx(expected, rel=1e-13)


def test_shared_lengthscales_get_one():
    model = gp.GP(gk.RBF(Shared(Positive([0.9, 1.1]), (0, 1, 1))), noise=noise.NoNoise())
    (prior,) = [p for p in priors(model, 3).values() if p is not None]
    assert prior.loc - 3 == pytest.approx(math.sqrt(2) + 0.5 * math.log(3))
    # Two values, so two terms, although three columns read them.
    density = prior.log_prob(np.array([0.9, 1.1])).sum()
    assert float(log_prior(default_prior(model, 3))) == pytest.approx(float(density))


def test_values_do_not_move():
    model = gp.GP(2.0 * gk.RBF([0.5, 0.7]))
    before, after = jax.tree.leaves(model), jax.tree.leaves(default_prior(model, 2))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
