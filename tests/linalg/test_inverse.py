"""Inverses by halves: LAPACK's scaled residuals around every size at which the halving changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import serial
from gpkit.linalg.inverse import lower_spd_inverse, spd_inverse, triangular_inverse

SIZES = [1, 2, 127, 128, 129, 300]


def factor_of(n, dtype, condition=1e3):
    rng = np.random.default_rng(n)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    a = (q * np.geomspace(1 / condition, 1, n)) @ q.T
    return np.linalg.cholesky(a).astype(dtype)


def scaled_residual(a, inverse_a, dtype):
    """Norm of I - A X in units of n eps |A| |X|: LAPACK calls below 30 a pass."""
    a, x = np.asarray(a, np.float64), np.asarray(inverse_a, np.float64)
    size = np.linalg.norm(a, 1) * np.linalg.norm(x, 1) * len(a) * np.finfo(dtype).eps
    return np.linalg.norm(np.eye(len(a)) - a @ x, 1) / size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
def test_against_the_identity(n, dtype):
    factor = factor_of(n, dtype)
    lower, full = triangular_inverse(factor), spd_inverse(factor)
    assert lower.dtype == dtype
    assert full.dtype == dtype
    np.testing.assert_array_equal(np.triu(lower, 1), 0)
    np.testing.assert_array_equal(lower_spd_inverse(factor), np.tril(full))
    assert scaled_residual(factor, lower, dtype) < 30
    exact = np.asarray(factor, np.float64)
    assert scaled_residual(exact @ exact.T, full, dtype) < 30
    asymmetry = np.max(np.abs(full - full.T)) / np.max(np.abs(full))
    assert asymmetry <= 4 * np.finfo(dtype).eps


@pytest.mark.parametrize("n", [2, 129])
def test_against_numpy(n):
    factor = factor_of(n, np.float64)
    np.testing.assert_allclose(triangular_inverse(factor), np.linalg.inv(factor), atol=1e-10)
    expected = np.linalg.inv(factor @ factor.T)
    np.testing.assert_allclose(spd_inverse(factor), expected, rtol=1e-8, atol=1e-8)


def test_halving_stops_at_eight_leaves(monkeypatch):
    leaves = []
    solve = serial.solve_lower

    def counted(factor, b):
        leaves.append(factor.shape[0])
        return solve(factor, b)

    monkeypatch.setattr(serial, "solve_lower", counted)
    jax.eval_shape(triangular_inverse, jax.ShapeDtypeStruct((2000, 2000), jnp.float64))
    assert sum(leaves) == 2000
    assert len(leaves) == 8


def test_derivatives_fill_the_lower_triangle():
    factor = jnp.asarray(factor_of(150, np.float64))
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(150, 150)))
    value = jax.jit(lambda L: jnp.sum(weights * triangular_inverse(L)))
    inverse = np.linalg.inv(factor)
    expected = -np.tril(inverse.T @ weights @ inverse.T)
    np.testing.assert_allclose(jax.grad(value)(factor), expected, rtol=1e-9, atol=1e-7)
    direction = np.tril(np.random.default_rng(2).normal(size=(150, 150)))
    found = jax.jvp(value, (factor,), (jnp.asarray(direction),))[1]
    np.testing.assert_allclose(found, np.sum(expected * direction), rtol=1e-9)
