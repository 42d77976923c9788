"""Means: values, shapes for several targets, and refusals."""

import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import means
from gpkit.means import prior_mean
from gpkit.params import num_parameters

X = np.arange(6.0).reshape(3, 2)


def test_zero():
    np.testing.assert_array_equal(means.Zero()(X), np.zeros(3))
    assert num_parameters(means.Zero()) == 0


def test_constant():
    np.testing.assert_array_equal(means.Constant(2.5)(X), np.full(3, 2.5))
    np.testing.assert_array_equal(means.Constant([1.0, 2.0])(X), np.tile([1.0, 2.0], (3, 1)))
    # An integer would not be trainable.
    assert num_parameters(means.Constant(2)) == 1


def test_linear():
    w = np.array([0.5, -2.0])
    np.testing.assert_allclose(means.Linear(w, 3.0)(X), X @ w + 3.0, rtol=1e-15)
    several = np.array([[0.5, 1.0, 2.0], [-2.0, 0.0, 1.0]])
    intercepts = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        means.Linear(several, intercepts)(X), X @ several + intercepts, rtol=1e-15
    )
    with pytest.raises(ValueError, match="the linear mean has 3 weights, but X has 2 columns"):
        means.Linear(np.ones(3))(X)


@pytest.mark.parametrize("mean", [means.Zero(), means.Constant(0.1), means.Linear([0.1, 0.2])])
def test_precision_is_that_of_the_inputs(mean):
    assert mean(jnp.asarray(X, jnp.float32)).dtype == jnp.float32
    assert mean(jnp.asarray(X)).dtype == jnp.float64


@pytest.mark.parametrize(
    ("mean", "outputs", "shape"),
    [
        (means.Constant(1.0), (), (3,)),
        (means.Constant(1.0), (2,), (3, 1)),
        (means.Constant([1.0, 2.0]), (2,), (3, 2)),
        (means.Linear(np.ones((2, 3)), np.zeros(3)), (3,), (3, 3)),
    ],
)
def test_prior_mean_fits_the_targets(mean, outputs, shape):
    assert prior_mean(mean, X, outputs).shape == shape


@pytest.mark.parametrize("outputs", [(), (2,)])
def test_a_mean_for_other_targets_is_refused(outputs):
    # Three rows and three entries: broadcasting would go through.
    with pytest.raises(ValueError, match="the mean has \\(3,\\) values a row"):
        prior_mean(means.Constant(np.zeros(3)), X, outputs)
