"""The matrix-free solver against the dense one: value, errors, gradients, solves."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.operators import KernelOperator, StoredOperator, covariance
from gpkit.results import Status
from gpkit.solvers import Dense, Iterative
from gpkit.solvers.preconditioning import precondition

N, D = 300, 3
RNG = np.random.default_rng(3)
X = jnp.asarray(RNG.standard_normal((N, D)))
Y = jnp.asarray(np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.3 * RNG.standard_normal(N))
MODEL = gp.GP(
    1.7 * gk.Matern32([0.8, 1.5, 2.5]) + gk.Linear(0.4),
    mean=gp.means.Constant(0.1),
    noise=gp.noise.Gaussian(0.05),
)
KEY = jax.random.key(5)
SOLVER = Iterative(rank=40, num_probes=10, depth=64)
# Deep enough that nothing but the probes is random, in double precision.
EXACT = Iterative(rank=40, num_probes=10, depth=120, rtol=1e-12, probe_rtol=1e-10, dtype="float64")


def flat(tree):
    return np.concatenate([np.ravel(a) for a in jax.tree.leaves(eqx.filter(tree, eqx.is_array))])


@eqx.filter_jit
def value_and_grad(model, X, y, solver, key, mask=None):
    def value(model):
        estimate = gp.log_evidence(model, X, y, solver=solver, mask=mask, key=key)
        return estimate.value, estimate

    (_, estimate), gradient = eqx.filter_value_and_grad(value, has_aux=True)(model)
    return estimate, gradient


@pytest.fixture(scope="module")
def dense():
    estimate, gradient = value_and_grad(MODEL, X, Y, Dense(), None)
    return float(estimate.value), flat(gradient)


def test_interval_holds_the_dense_value_and_the_bound_is_small(dense):
    estimate, _ = value_and_grad(MODEL, X, Y, SOLVER, KEY)
    low, high = estimate.interval(0.999)
    assert low < dense[0] < high
    assert 0 < estimate.stderr < 5.0
    assert 0 < estimate.error_bound < 0.05
    assert estimate.status == Status.SUCCESS


@pytest.mark.slow
def test_estimates_over_keys_have_the_mean_of_the_dense_value_and_gradient(dense):
    keys = [jax.random.key(i) for i in range(30)]
    found = [value_and_grad(MODEL, X, Y, SOLVER, key) for key in keys]
    values = np.array([float(e.value) for e, _ in found])
    gradients = np.array([flat(g) for _, g in found])
    for sample, exact in ((values[:, None], dense[0]), (gradients, dense[1])):
        error = np.abs(sample.mean(0) - exact)
        assert np.all(error < 4.5 * sample.std(0, ddof=1) / np.sqrt(30) + 2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("gradient", ["pathwise", "solves"])
def test_every_gradient_estimator_is_unbiased(dense, gradient):
    solver = Iterative(rank=40, num_probes=200, depth=64, gradient=gradient)
    found = flat(value_and_grad(MODEL, X, Y, solver, KEY)[1])
    few = [
        flat(value_and_grad(MODEL, X, Y, Iterative(rank=40, num_probes=20, depth=64,
             gradient=gradient), jax.random.key(i))[1]) for i in range(8)
    ]  # fmt: skip
    spread = np.std(few, axis=0, ddof=1) / np.sqrt(10)
    assert np.all(np.abs(found - dense[1]) < 5 * spread + 1e-3)


def test_frozen_gradient_is_that_of_the_value_along_a_line():
    H = covariance(MODEL, X)
    frozen = EXACT.frozen(H, Y, key=KEY)
    arrays, static = eqx.partition(MODEL, eqx.is_inexact_array)
    x, unravel = jax.flatten_util.ravel_pytree(arrays)
    direction = jnp.asarray(RNG.standard_normal(x.size))

    @jax.jit
    def along(t):
        def value(x):
            model = eqx.combine(unravel(x), static)
            return gp.log_evidence(model, X, Y, solver=frozen, key=KEY).value

        found, gradient = jax.value_and_grad(value)(x + t * direction)
        return found, gradient @ direction

    h = 1e-3
    points = np.array([-2, -1, 1, 2]) * h
    values = np.array([float(along(t)[0]) for t in points])
    difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    np.testing.assert_allclose(along(0.0)[1], difference, rtol=1e-7)


@pytest.mark.slow
def test_adjoint_gradient_is_that_of_a_quadrature_cut_short():
    options = {"rank": 5, "num_probes": 3, "depth": 8, "rtol": 1e-12, "dtype": "float64"}
    hard = gp.replace(MODEL, "noise.variance", 1e-3)
    arrays, static = eqx.partition(hard, eqx.is_inexact_array)
    x, unravel = jax.flatten_util.ravel_pytree(arrays)
    direction = jnp.asarray(RNG.standard_normal(x.size))
    wrong = []
    for gradient in ("adjoint", "forward"):
        solver = Iterative(gradient=gradient, **options)
        P = precondition(covariance(hard, X), rank=5, key=KEY)
        solver = eqx.tree_at(
            lambda s: (s.preconditioner, s.steps), solver, (P, jnp.asarray(8)),
            is_leaf=lambda leaf: leaf is None,
        )  # fmt: skip

        @jax.jit
        def along(t, solver=solver):
            def value(x):
                model = eqx.combine(unravel(x), static)
                return gp.log_evidence(model, X, Y, solver=solver, key=KEY).value

            found, slope = jax.value_and_grad(value)(x + t * direction)
            return found, slope @ direction

        h = 1e-4
        difference = float((along(h)[0] - along(-h)[0]) / (2 * h))
        wrong.append(abs(float(along(0.0)[1]) / difference - 1))
    assert wrong[0] < 1e-6
    assert wrong[1] > 1e-4


@pytest.mark.slow
def test_no_jump_along_a_line():
    frozen = SOLVER.frozen(covariance(MODEL, X), Y, key=KEY)

    @jax.jit
    def value(t):
        model = gp.replace(MODEL, "noise.variance", 0.05 * jnp.exp(0.2 * t))
        return gp.log_evidence(model, X, Y, solver=frozen, key=KEY).value

    line = np.linspace(-1, 1, 200)
    values = np.array([float(value(t)) for t in line])
    # Third differences of a smooth function on a fine grid are tiny, those of a jump are not.
    assert np.abs(np.diff(values, 3)).max() < 2e-4


@pytest.mark.slow
def test_forward_and_reverse_mode_agree_and_jit_is_eager():
    arrays, static = eqx.partition(MODEL, eqx.is_inexact_array)

    def value(arrays):
        model = eqx.combine(arrays, static)
        return gp.log_evidence(model, X, Y, solver=SOLVER, key=KEY).value

    tangent = jax.tree.map(jnp.ones_like, arrays)
    found, moved = jax.jit(lambda a, t: jax.jvp(value, (a,), (t,)))(arrays, tangent)
    estimate, gradient = value_and_grad(MODEL, X, Y, SOLVER, KEY)
    np.testing.assert_allclose(moved, np.sum(flat(gradient)), rtol=1e-9)
    np.testing.assert_allclose(found, estimate.value, rtol=1e-12)


@pytest.mark.slow
def test_gradient_with_respect_to_inputs_targets_and_noise_variances():
    known = jnp.full((N,), 0.01)

    def value(solver):
        def f(X, y, known):
            return gp.log_evidence(MODEL, X, y, solver=solver, noise_variance=known, key=KEY).value

        return jax.jit(jax.grad(f, argnums=(0, 1, 2)))

    # The derivative in y is the weights themselves: as exact as their solve, which the value alone
    # does not need to three digits.
    many = Iterative(rank=150, num_probes=150, depth=64, rtol=1e-5)
    for found, exact in zip(value(many)(X, Y, known), value(Dense())(X, Y, known), strict=True):
        scale = np.abs(exact).max()
        np.testing.assert_allclose(found, exact, atol=0.2 * scale)
    np.testing.assert_allclose(
        value(many)(X, Y, known)[1], value(Dense())(X, Y, known)[1], rtol=1e-3, atol=1e-4
    )


@pytest.mark.slow
def test_rows_outside_of_the_mask_change_nothing():
    mask = jnp.arange(N) < 250
    moved = X.at[250:].add(17.0)
    # Distances are about the mean of all rows: other units in the last place of float64, which
    # single precision may round the other way.
    solver = replace(SOLVER, dtype="float64")
    a, ga = value_and_grad(MODEL, X, Y, solver, KEY, mask)
    b, gb = value_and_grad(MODEL, moved, Y.at[250:].set(5.0), solver, KEY, mask)
    np.testing.assert_allclose(a.value, b.value, rtol=1e-9)
    np.testing.assert_allclose(flat(ga), flat(gb), rtol=1e-6, atol=1e-8)
    alone = gp.log_evidence(MODEL, X[:250], Y[:250])
    assert abs(float(a.value - alone.value)) < 5 * float(a.stderr) + float(a.error_bound)


@pytest.mark.slow
def test_several_targets_add_up():
    both = jnp.stack([Y, Y[::-1]], axis=1)
    exact = gp.log_evidence(MODEL, X, both).value
    found = gp.log_evidence(MODEL, X, both, solver=SOLVER, key=KEY)
    assert abs(float(found.value - exact)) < 5 * float(found.stderr) + float(found.error_bound)


@pytest.mark.slow
def test_recomputed_tiles_give_what_stored_ones_give():
    options = {"rank": 40, "num_probes": 2, "depth": 64, "dtype": "float64"}
    small, large = Iterative(memory=800_000, **options), Iterative(**options)
    H = covariance(MODEL, X)
    P = precondition(H, rank=40, key=KEY)
    assert isinstance(small.operator(H, P), KernelOperator)
    assert isinstance(large.operator(H, P), StoredOperator)
    a = gp.log_evidence(MODEL, X, Y, solver=small, key=KEY)
    b = gp.log_evidence(MODEL, X, Y, solver=large, key=KEY)
    np.testing.assert_allclose(a.value, b.value, rtol=1e-9)


@pytest.mark.slow
def test_truncation_is_in_the_bound_not_hidden(dense):
    shallow = Iterative(rank=5, num_probes=10, depth=8, rtol=1e-8)
    hard = gp.replace(MODEL, "noise.variance", 1e-4)
    exact = gp.log_evidence(hard, X, Y).value
    found = gp.log_evidence(hard, X, Y, solver=shallow, key=KEY)
    assert found.error_bound > 5.0
    low, high = found.interval(0.95)
    assert low < exact < high


@pytest.mark.slow
def test_a_solve_that_fails_says_so():
    stuck = Iterative(rank=5, num_probes=2, depth=8, rtol=1e-10, max_steps=2)
    hard = gp.replace(MODEL, "noise.variance", 1e-6)
    found = gp.log_evidence(hard, X, Y, solver=stuck, key=KEY)
    assert found.status == Status.MAX_STEPS
    broken = gp.log_evidence(MODEL, X.at[3, 0].set(1e200), Y, solver=SOLVER, key=KEY)
    assert broken.status != Status.SUCCESS


@pytest.mark.slow
def test_float32_inputs_stay_float32():
    model = jax.tree.map(lambda a: a.astype(jnp.float32), MODEL)
    estimate, gradient = value_and_grad(
        model, X.astype(jnp.float32), Y.astype(jnp.float32), SOLVER, KEY
    )
    assert estimate.value.dtype == jnp.float32
    assert all(a.dtype == jnp.float32 for a in jax.tree.leaves(gradient))
    exact = gp.log_evidence(MODEL, X, Y).value
    assert abs(float(estimate.value - exact)) < 5 * float(estimate.stderr) + 0.1


def test_factor_solves_like_the_dense_one():
    H = covariance(MODEL, X)
    factor, exact = Iterative(rtol=1e-9, rank=40).factorise(H, key=KEY), Dense().factorise(H)
    B = jnp.asarray(RNG.standard_normal((N, 4)))
    np.testing.assert_allclose(factor.solve(B), exact.solve(B), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(factor.quadratic(B), exact.quadratic(B), rtol=1e-6)
    np.testing.assert_allclose(factor.inner(B), exact.inner(B), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(factor.inverse_diagonal(), exact.inverse_diagonal(), rtol=2e-5)
    solved = factor.solve_reported(B)
    residual = np.linalg.norm(B - H.dense() @ solved.solution, axis=0)
    np.testing.assert_allclose(solved.residual_norm, residual, rtol=1e-3)
    assert np.all(solved.status == Status.SUCCESS)


def test_posterior_agrees_with_the_dense_one():
    new = jnp.asarray(RNG.standard_normal((20, D)))
    a = gp.condition(MODEL, X, Y).predict(new)
    b = gp.condition(MODEL, X, Y, solver=Iterative(rank=40), key=KEY).predict(new)
    np.testing.assert_allclose(b.mean, a.mean, atol=1e-4)
    np.testing.assert_allclose(b.variance, a.variance, rtol=1e-3)


@pytest.mark.slow
def test_same_key_same_number_other_key_another():
    one, two = (gp.log_evidence(MODEL, X, Y, solver=SOLVER, key=k) for k in (KEY, KEY))
    other = gp.log_evidence(MODEL, X, Y, solver=SOLVER, key=jax.random.key(6))
    assert one.value == two.value
    assert one.value != other.value
    assert (one - two).stderr == 0.0


def test_second_derivatives_are_refused():
    def value(noise):
        model = gp.replace(MODEL, "noise.variance", noise)
        return gp.log_evidence(model, X, Y, solver=SOLVER, key=KEY).value

    with pytest.raises(NotImplementedError, match="second derivatives"):
        jax.grad(jax.grad(value))(0.05)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"num_probes": 0}, "num_probes"),
        ({"depth": 0}, "depth"),
        ({"rank": 0}, "rank"),
        ({"rtol": 0.0}, "rtol"),
        ({"probe_rtol": 1.5}, "probe_rtol"),
        ({"gradient": "guess"}, "gradient"),
        ({"memory": "lots"}, "memory"),
    ],
)
def test_bad_options_are_named(options, name):
    with pytest.raises(ValueError, match=name):
        Iterative(**options)


def test_a_missing_key_is_named():
    with pytest.raises(ValueError, match="key"):
        gp.log_evidence(MODEL, X, Y, solver=SOLVER)
