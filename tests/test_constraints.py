"""Parameters: support, storage, freezing, sharing."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.params import (
    Bounded,
    Fixed,
    Gamma,
    Normal,
    Positive,
    Real,
    Shared,
    as_float,
    bounded,
    num_parameters,
    positive,
    real,
    val,
)


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
