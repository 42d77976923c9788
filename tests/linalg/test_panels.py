"""Panels: LAPACK's scaled residuals at sizes around every change of block, panel and piece."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import panels
from gpkit.linalg.factorisation import cholesky
from gpkit.linalg.panels import cholesky_by_panels, inverse_by_panels
from gpkit.results import Status

# One block, a ragged block, ragged panels, two panels, all three pieces.
CASES = [
    (1, np.float64, 1e11),
    (63, np.float64, 1e11),
    (249, np.float32, 1e4),
    pytest.param(1100, np.float32, 1e4, marks=pytest.mark.slow),
    (497, np.float64, 1e11),
    pytest.param(1100, np.float64, 1e11, marks=pytest.mark.slow),
]


def matrix_of(n, dtype, condition):
    rng = np.random.default_rng(n)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    a = (q * np.geomspace(1 / condition, 1, n)) @ q.T
    return (0.5 * (a + a.T)).astype(dtype)


def backward_error(a, factor, dtype):
    """Norm of A - L L^T in units of n eps |A|."""
    a, factor = np.asarray(a, np.float64), np.asarray(factor, np.float64)
    size = np.linalg.norm(a, 1) * max(len(a), 10) * np.finfo(dtype).eps
    return np.linalg.norm(a - factor @ factor.T, 1) / size


@pytest.mark.parametrize(("n", "dtype", "condition"), CASES)
def test_factor_and_inverse(n, dtype, condition):
    a = matrix_of(n, dtype, condition)
    junk = np.triu(np.full((n, n), np.nan, dtype), 1)
    factor = jax.jit(cholesky_by_panels)(np.tril(a) + junk)
    assert factor.dtype == dtype
    np.testing.assert_array_equal(np.triu(factor, 1), 0)
    # Refined: as exact as substitution, whatever the condition.
    assert backward_error(a, factor, dtype) < 1
    inverse = jax.jit(inverse_by_panels)(factor)
    assert inverse.dtype == dtype
    np.testing.assert_array_equal(np.triu(inverse, 1), 0)
    exact, found = np.asarray(factor, np.float64), np.asarray(inverse, np.float64)
    size = np.linalg.norm(exact, 1) * np.linalg.norm(found, 1) * max(n, 10) * np.finfo(dtype).eps
    assert np.linalg.norm(np.eye(n) - found @ exact, 1) / size < 1


def test_refinement_keeps_the_digits_where_a_leading_block_is_nearly_singular(monkeypatch):
    x = np.linspace(0, 40, 497)
    a = jnp.asarray(np.exp(-0.5 * (x[:, None] - x) ** 2) + 1e-11 * np.eye(497))
    refined = backward_error(a, cholesky_by_panels(a), np.float64)
    assert refined < 0.1
    monkeypatch.setattr(panels, "_solve_right", lambda b, factor, inverse: b @ inverse.T)
    assert backward_error(a, cholesky_by_panels(a), np.float64) > 100 * refined


def test_what_is_not_positive_definite_ends_in_nan():
    a = np.eye(300)
    a[280, 280] = -1.0
    factor = cholesky_by_panels(jnp.asarray(a))
    assert np.isnan(factor[-1, -1])


@pytest.mark.slow
def test_the_reported_factorisation_goes_by_panels_from_2048_rows_on():
    n = 2100
    x = np.linspace(0, 40, n)
    a = jnp.asarray(np.exp(-0.5 * (x[:, None] - x) ** 2) + 1e-4 * np.eye(n))
    found = jax.jit(cholesky)(a)
    assert int(found.status) == Status.SUCCESS
    assert backward_error(a, found.factor, np.float64) < 1
    np.testing.assert_allclose(found.logdet(), np.linalg.slogdet(a)[1], rtol=1e-10)
    # And the ladder still stands behind it.
    assert int(jax.jit(cholesky)(a - 1e-4 * jnp.eye(n)).status) == Status.JITTER_ADDED
