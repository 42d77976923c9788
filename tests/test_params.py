"""Parameters: support, storage, freezing, sharing, priors, paths."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from gpkit import kernels as gk
from gpkit.params import (
    Bounded,
    Fixed,
    Gamma,
    HalfNormal,
    LogNormal,
    Normal,
    Positive,
    Real,
    Shared,
    as_float,
    bounded,
    log_prior,
    map_parameters,
    named_parameters,
    num_parameters,
    partition,
    positive,
    real,
    replace,
    trainable,
    val,
)

# ------------------------------------------------------------------------- leaves


@pytest.mark.parametrize(
    ("parameter", "raw"),
    [
        (Positive(2.5), np.log(2.5)),
        (Bounded(0.5, -1.0, 3.0), np.log(0.375 / 0.625)),
        (Real(-2.5), -2.5),
    ],
    ids=["positive", "bounded", "real"],
)
def test_stored_unconstrained_and_read_constrained(parameter, raw):
    np.testing.assert_allclose(parameter.raw, raw, rtol=1e-14)
    for value in (val(parameter), val(Fixed(parameter)), jax.jit(val)(parameter)):
        np.testing.assert_allclose(value, parameter.unwrap(), rtol=0)
    low, high = getattr(parameter, "low", -np.inf), getattr(parameter, "high", np.inf)
    for far in (-30.0, 30.0):
        moved = eqx.tree_at(lambda p: p.raw, parameter, jnp.asarray(far))
        assert low <= val(moved) <= high
        assert isinstance(parameter, Real) or val(moved) > (0 if low == -np.inf else -1.01)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf, [1.0, -2.0]])
def test_positive_refuses(wrong):
    with pytest.raises(ValueError, match="Positive needs values above zero, got"):
        Positive(wrong)


@pytest.mark.parametrize("wrong", [-1.0, 3.0, 5.0, np.nan, [0.0, 4.0]])
def test_bounded_refuses(wrong):
    with pytest.raises(ValueError, match=r"strictly between -1.* and 3"):
        Bounded(wrong, -1.0, 3.0)
    with pytest.raises(ValueError, match="needs low < high"):
        Bounded(0.5, 1.0, 1.0)


def test_values_that_are_traced_are_not_checked():
    np.testing.assert_allclose(jax.jit(lambda v: val(Positive(v)))(2.5), 2.5, rtol=1e-15)


def test_numbers_become_trainable_floats():
    for value in (2, 2.0, np.int32(2), np.float32(2), jnp.arange(1, 3), [1, 2]):
        leaf = as_float(value)
        assert jnp.issubdtype(leaf.dtype, jnp.floating)
        assert not leaf.weak_type
        assert num_parameters(Positive(value)) == leaf.size
    assert as_float(np.float32(2)).dtype == jnp.float32
    assert Positive(2.0).raw.dtype == jnp.float64
    with pytest.raises(TypeError, match="must be real, got complex"):
        as_float(1j)


def test_helpers_let_parameters_pass():
    for make in (positive, real, lambda v: bounded(v, 0.0, 3.0)):
        for ready in (Positive(1.0), Fixed(2.0), Shared(Real([1.0]), (0, 0))):
            assert make(ready) is ready
    assert isinstance(positive(1.0), Positive)
    assert isinstance(real(1.0), Real)
    assert isinstance(bounded(1.0, 0.0, 3.0), Bounded)


def test_another_value_keeps_support_and_prior():
    prior = Normal(0.0, 1.0)
    for parameter in (Positive(2.0, prior), Bounded(0.5, 0.0, 3.0, prior), Real(1.0, prior)):
        moved = parameter.at(1.5)
        assert type(moved) is type(parameter)
        assert moved.prior is prior
        np.testing.assert_allclose(val(moved), 1.5, rtol=1e-15)
    assert (Bounded(0.5, 0.0, 3.0).at(2.0).low, Bounded(0.5, 0.0, 3.0).at(2.0).high) == (0.0, 3.0)


def test_another_prior_keeps_the_value_bit_by_bit():
    for parameter in (Positive([2.0, 0.1]), Bounded([0.5, 0.1], 0.0, 3.0), Real([1.0, 3.0])):
        prior = Gamma(2.0, 3.0)
        changed = parameter.with_prior(prior)
        assert changed.prior is prior
        np.testing.assert_array_equal(changed.raw, parameter.raw)
        assert jax.tree.structure(changed.with_prior(None)) == jax.tree.structure(parameter)


def test_shared_entries_add_their_derivatives():
    shared = Shared(Positive([2.0, 5.0]), (0, 1, 1))
    np.testing.assert_allclose(val(shared), [2.0, 5.0, 5.0], rtol=1e-15)
    gradient = jax.grad(lambda s: val(s) @ jnp.array([1.0, 10.0, 100.0]))(shared)
    np.testing.assert_allclose(gradient.inner.raw, [2.0, 550.0], rtol=1e-14)
    assert num_parameters(shared) == 2


def test_layers_nest_in_any_order():
    for layered in (
        Fixed(Shared(Positive([2.0, 5.0]), (1, 0))),
        Shared(Fixed(Positive([2.0, 5.0])), (1, 0)),
        Shared(Fixed([2.0, 5.0]), (1, 0)),
    ):
        np.testing.assert_allclose(val(layered), [5.0, 2.0], rtol=1e-15)
        assert num_parameters(layered) == 0
        gradient = jax.grad(lambda p: jnp.sum(val(p)))(layered)
        assert all(jnp.all(leaf == 0) for leaf in jax.tree.leaves(gradient))


def test_parameters_pass_through_vmap():
    stack = jax.vmap(Positive)(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(jax.vmap(lambda p: 3 * val(p))(stack), [3.0, 6.0], rtol=1e-15)


# ------------------------------------------------------------------------- priors

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


def test_log_prior_adds_trainable_densities_of_constrained_values():
    kernel = gk.Scale(gk.RBF(Positive([0.5, 2.0], Gamma(2.0, 3.0))), Positive(1.5))
    gamma = scipy.stats.gamma(2.0, scale=1 / 3.0)
    expected = gamma.logpdf(0.5) + gamma.logpdf(2.0)
    np.testing.assert_allclose(log_prior(kernel), expected, rtol=1e-13)
    shared = gk.RBF(Shared(Positive([0.5], Gamma(2.0, 3.0)), (0, 0)))
    np.testing.assert_allclose(log_prior(shared), gamma.logpdf(0.5), rtol=1e-13)
    assert log_prior(gk.RBF(Fixed(Positive(0.5, Gamma(2.0, 3.0))))) == 0.0
    assert log_prior(gk.RBF()) == 0.0
    slope = jax.grad(log_prior)(gk.RBF(Positive(0.5, Gamma(2.0, 3.0)))).lengthscale.raw
    # d/d(log x) of (a - 1) log x - b x.
    np.testing.assert_allclose(slope, 1.0 - 3.0 * 0.5, rtol=1e-13)


# ------------------------------------------------------------------- whole models


def example():
    return 2.0 * gk.RBF([0.5, 2.0]) + gk.Select(gk.Linear(Fixed(Positive(3.0))), (0,))


def test_fixed_leaves_do_not_move_under_weight_decay():
    model = example()
    moving, resting = partition(model)
    optimizer = optax.adamw(0.1, weight_decay=0.5)
    state = optimizer.init(moving)
    for _ in range(3):
        loss = lambda m: jnp.sum(eqx.combine(m, resting)(jnp.ones((2, 2))) ** 2)  # noqa: E731
        updates, state = optimizer.update(jax.grad(loss)(moving), state, moving)
        moving = optax.apply_updates(moving, updates)
    after = eqx.combine(moving, resting)
    assert jax.tree.structure(after) == jax.tree.structure(model)
    np.testing.assert_array_equal(
        after.terms[1].kernel.variance.inner.raw, model.terms[1].kernel.variance.inner.raw
    )
    for path in ("terms.0.variance", "terms.0.kernel.lengthscale"):
        before, moved = named_parameters(model)[path], named_parameters(after)[path]
        assert jnp.all(before.raw != moved.raw)
    # Nothing of a frozen leaf is in the optimiser either.
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) == 2 * 3 + 1


def test_trainable_marks_and_counts():
    marks = jax.tree.leaves(trainable(example()))
    assert sorted(marks) == [False, True, True]
    assert num_parameters(example()) == 3


def test_names_of_parameters():
    names = named_parameters(example())
    assert list(names) == [
        "terms.0.kernel.lengthscale",
        "terms.0.variance",
        "terms.1.kernel.variance",
    ]
    assert isinstance(names["terms.1.kernel.variance"], Fixed)


def test_replace_sets_a_value_and_keeps_what_is_around_it():
    prior = Normal(0.0, 1.0)
    kernel = gk.RBF(Positive([0.5, 2.0], prior)) + gk.Linear(Fixed(Positive(3.0)))
    changed = replace(kernel, "terms.0.lengthscale", 0.7)
    np.testing.assert_allclose(val(changed.terms[0].lengthscale), [0.7, 0.7], rtol=1e-15)
    assert changed.terms[0].lengthscale.prior is prior
    changed = replace(kernel, "terms.1.variance", 4.0)
    assert isinstance(changed.terms[1].variance, Fixed)
    np.testing.assert_allclose(val(changed.terms[1].variance), 4.0, rtol=1e-15)
    np.testing.assert_allclose(val(kernel.terms[1].variance), 3.0, rtol=1e-15)
    shared = replace(gk.RBF(Shared(Positive([0.5]), (0, 0))), "lengthscale", 0.9)
    np.testing.assert_allclose(val(shared.lengthscale), [0.9, 0.9], rtol=1e-15)
    single = replace(gk.RBF(Positive(jnp.float32(2.0))), "lengthscale", 0.25)
    assert single.lengthscale.raw.dtype == jnp.float32


def test_replace_puts_modules_in_place():
    frozen = replace(gk.RBF(), "lengthscale", Fixed(Positive(2.0)))
    assert num_parameters(frozen) == 0
    swapped = replace(gk.RBF() + gk.Linear(), "terms.0", gk.Matern32())
    assert swapped == gk.Matern32() + gk.Linear()
    offset = replace(gk.Linear(), "offset", Real(1.0))
    np.testing.assert_array_equal(val(offset.offset), 1.0)


def test_replace_works_under_jit():
    run = jax.jit(lambda v: replace(gk.RBF(), "lengthscale", v)(jnp.eye(2)))
    np.testing.assert_allclose(run(2.0), gk.RBF(2.0)(np.eye(2)), rtol=1e-15)


def test_replace_refuses():
    kernel = gk.RBF([0.5, 2.0]) + gk.Linear()
    with pytest.raises(ValueError, match=r"no parameter 'terms.2.x': tuple has no field '2'"):
        replace(kernel, "terms.2.x", 1.0)
    with pytest.raises(ValueError, match="RBF has no field 'scale'; its fields are lengthscale"):
        replace(kernel, "terms.0.scale", 1.0)
    with pytest.raises(ValueError, match=r"has shape \(2,\), got a value of shape \(3,\)"):
        replace(kernel, "terms.0.lengthscale", np.ones(3))
    with pytest.raises(ValueError, match="above zero"):
        replace(kernel, "terms.0.lengthscale", -1.0)


def test_parameters_in_dictionaries_have_paths():
    kernel = gk.Function(lambda x, z, p: p["height"] * (x @ z), {"height": Positive(2.0)})
    assert list(named_parameters(kernel)) == ["params.height"]
    changed = replace(kernel, "params.height", 3.0)
    np.testing.assert_allclose(changed(np.ones((1, 1))), 3.0, rtol=1e-15)


def test_map_parameters_visits_the_trainable_ones():
    seen = []

    def double(path, parameter):
        seen.append(path)
        return parameter.at(2 * val(parameter))

    changed = map_parameters(double, example())
    assert seen == ["terms.0.kernel.lengthscale", "terms.0.variance"]
    np.testing.assert_allclose(val(changed.terms[0].variance), 4.0, rtol=1e-15)
    np.testing.assert_allclose(val(changed.terms[0].kernel.lengthscale), [1.0, 4.0], rtol=1e-15)
    np.testing.assert_allclose(val(changed.terms[1].kernel.variance), 3.0, rtol=1e-15)
