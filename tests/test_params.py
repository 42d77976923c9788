"""Whole models: what is trainable, prior densities, paths."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from gpkit import kernels as gk
from gpkit.params import (
    Fixed,
    Gamma,
    Normal,
    Positive,
    Real,
    Shared,
    log_prior,
    map_parameters,
    named_parameters,
    num_parameters,
    partition,
    replace,
    trainable,
    val,
)


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
