"""The objective as a function of one flat vector: two ways of evaluating it agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.defaults import default_prior
from gpkit.fitting.problem import evaluate_at_once, make_problem
from gpkit.padding import pad_rows
from gpkit.params import Fixed, Positive, num_parameters, partition
from gpkit.results import Status
from gpkit.solvers import Dense

N = 20
RNG = np.random.default_rng(0)
X, Y, KNOWN = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), RNG.uniform(0.1, 0.3, N)


def model():
    kernel = 1.3 * gk.Matern52([0.8, 1.4]) + gk.RBF(Fixed(Positive(0.5)))
    return default_prior(gp.GP(kernel, mean=gp.means.Constant([0.1, 0.2])), 2)


ROWS = pad_rows(X, Y, KNOWN)


@pytest.fixture(scope="module")
def problem():
    return make_problem(model(), ROWS, Dense(), None)


def test_value_is_the_negative_log_posterior_density(problem):
    at = problem.evaluate(problem.start)
    expected = gp.log_posterior_density(model(), X, Y, noise_variance=KNOWN)
    assert at.value == pytest.approx(-float(expected), rel=1e-12)
    assert float(problem.traced(jnp.asarray(problem.start))) == pytest.approx(at.value, rel=1e-12)
    assert at.status == Status.SUCCESS
    assert 0 < at.error_bound < 1e-8
    assert at.finite


def test_gradient_is_that_of_the_value(problem):
    x = problem.start + 0.1 * RNG.normal(size=problem.start.shape)
    at, h = problem.evaluate(x), 1e-4
    expected = [
        (problem.evaluate(x + h * e).value - problem.evaluate(x - h * e).value) / (2 * h)
        for e in np.eye(x.size)
    ]
    np.testing.assert_allclose(at.gradient, expected, rtol=1e-5, atol=1e-6)
    traced = jax.jit(jax.grad(problem.traced))(jnp.asarray(x))
    np.testing.assert_allclose(traced, at.gradient, rtol=1e-9, atol=1e-10)


def test_in_stages_and_at_once_agree(problem):
    x = jnp.asarray(problem.start)
    params, rest = partition(model())
    value, gradient, status, bound = evaluate_at_once(x, params, rest, ROWS, Dense(), None)
    at = problem.evaluate(problem.start)
    # What is evaluated is the log density; what is minimised, its negative.
    assert float(value) == pytest.approx(-at.value, rel=1e-13)
    np.testing.assert_allclose(gradient, -at.gradient, rtol=1e-10, atol=1e-11)
    assert int(status) == at.status
    assert float(bound) == pytest.approx(at.error_bound, rel=1e-6)


def test_the_vector_holds_the_trainable_scalars_and_zeros(problem):
    size = num_parameters(model())
    assert problem.start.shape == (16,)
    np.testing.assert_array_equal(problem.start[size:], 0)
    np.testing.assert_array_equal(problem.evaluate(problem.start).gradient[size:], 0)
    back = problem.model_at(problem.start)
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(model()), strict=True):
        np.testing.assert_array_equal(a, b)
    moved = problem.model_at(problem.start + 1.0)
    np.testing.assert_array_equal(
        gp.val(moved.kernel.terms[1].lengthscale), gp.val(model().kernel.terms[1].lengthscale)
    )
    np.testing.assert_allclose(gp.val(moved.noise.variance), 0.1 * np.e, rtol=1e-12)


def test_status_comes_through(problem):
    names = list(gp.params.named_parameters(model()))
    low = gp.replace(model(), names[-1], 1e-12)
    at = make_problem(low, ROWS, Dense(), None).evaluate(
        make_problem(low, ROWS, Dense(), None).start
    )
    assert at.status == Status.NOISE_AT_FLOOR
    bad = problem.evaluate(problem.start * np.nan)
    assert bad.status == Status.NON_FINITE
    assert not bad.finite
