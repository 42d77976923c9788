"""Cholesky: never a silent NaN, and derivatives that are those of the factor."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.factorisation import cholesky
from gpkit.results import Status

N = 5
EPS = {np.float32: np.finfo(np.float32).eps, np.float64: np.finfo(np.float64).eps}
factorise = jax.jit(cholesky)


def spd(n=N, seed=0, dtype=np.float64):
    """A random matrix with condition number near 100."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return ((q * np.geomspace(0.1, 10, n)) @ q.T).astype(dtype)


def symmetric(seed, n=N):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a + a.T


# ------------------------------------------------------------------------------- values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 300])
def test_factor_reproduces_the_matrix(n, dtype):
    a = spd(n, dtype=dtype)
    factor, jitter, status = factorise(a)
    assert factor.dtype == dtype
    assert jitter == 0
    assert int(status) == Status.SUCCESS
    np.testing.assert_array_equal(np.triu(factor, 1), 0)
    # LAPACK's own test: the scaled residual of a sound factorisation stays below 30.
    exact = np.asarray(factor, np.float64)
    residual = np.linalg.norm(exact @ exact.T - a, 1) / (n * np.linalg.norm(a, 1) * EPS[dtype])
    assert residual < 30


def test_only_the_lower_triangle_is_read():
    a = spd()
    np.testing.assert_array_equal(factorise(np.tril(a)).factor, factorise(a).factor)


def test_solve_and_log_determinant():
    a, b = spd(), np.random.default_rng(1).normal(size=(N, 2))
    found = cholesky(jnp.asarray(a))
    np.testing.assert_allclose(found.solve(b), np.linalg.solve(a, b), rtol=1e-12)
    np.testing.assert_allclose(found.solve(b[:, 0]), np.linalg.solve(a, b[:, 0]), rtol=1e-12)
    assert float(found.logdet()) == pytest.approx(np.linalg.slogdet(a)[1], rel=1e-13)


# ----------------------------------------------------------------------- the jitter ladder


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_semidefinite_gets_the_smallest_jitter_that_works(dtype):
    v = np.arange(1.0, N + 1)
    a = np.outer(v, v).astype(dtype)
    # Exactly singular, and rounded to an eigenvalue just below zero.
    a[-1, -1] *= 1 - 4 * EPS[dtype]
    factor, jitter, status = factorise(a)
    assert int(status) == Status.JITTER_ADDED
    assert np.all(np.isfinite(factor))
    assert jitter == pytest.approx(10 * EPS[dtype] * np.mean(np.diagonal(a)), rel=1e-5)
    exact = np.asarray(factor, np.float64)
    shifted = a + float(jitter) * np.eye(N)
    assert np.max(np.abs(exact @ exact.T - shifted)) < 10 * EPS[dtype] * np.max(a)


@pytest.mark.parametrize("rung", [1, 3, 5])
def test_every_rung_is_reached(rung):
    # The smallest eigenvalue lies between the shift of this rung and that of the one before.
    a = np.eye(N)
    a[0, 0] = -3 * np.finfo(float).eps * 10.0 ** (rung - 1) if rung > 1 else -1e-16
    a[0, 0] *= np.mean(np.abs(np.diagonal(a)))
    found = factorise(a)
    assert int(found.status) == Status.JITTER_ADDED
    step = np.finfo(float).eps * np.mean(np.abs(np.diagonal(a)))
    assert float(found.jitter) == pytest.approx(step * 10.0**rung, rel=1e-12)


def test_the_ladder_is_as_large_as_the_caller_says_rounding_is():
    # A difference of matrices of size 1 that is zero but for their rounding errors.
    a = 1e-16 * symmetric(4)
    assert int(factorise(a).status) == Status.NOT_POSITIVE_DEFINITE
    found = cholesky(jnp.asarray(a), scale=1.0)
    assert int(found.status) == Status.JITTER_ADDED
    assert float(found.jitter) == pytest.approx(10 * np.finfo(float).eps, rel=1e-12)


def with_entry(value, row=2, column=1):
    a = spd()
    a[row, column] = a[column, row] = value
    return a


@pytest.mark.parametrize(
    ("a", "status"),
    [
        (np.diag([1.0, 1, -0.5, 1, 1]), Status.NOT_POSITIVE_DEFINITE),
        (symmetric(3), Status.NOT_POSITIVE_DEFINITE),
        (-spd(), Status.NOT_POSITIVE_DEFINITE),
        (np.zeros((N, N)), Status.NOT_POSITIVE_DEFINITE),
        (with_entry(np.nan), Status.NON_FINITE),
        (with_entry(np.inf), Status.NON_FINITE),
        (with_entry(np.nan, N - 1, 0), Status.NON_FINITE),
        (with_entry(np.nan, 0, 0), Status.NON_FINITE),
        (with_entry(-np.inf, N - 1, N - 1), Status.NON_FINITE),
    ],
)
def test_what_has_no_factor_says_so(a, status):
    found = factorise(a)
    assert int(found.status) == status
    # A NaN is never handed out beside a status that calls the numbers usable.
    assert not Status(int(found.status)).usable
    assert np.isnan(found.factor[-1, -1])
    assert np.isnan(found.logdet())


# ------------------------------------------------------------------- large ones, by panels


@pytest.fixture(scope="module")
def by_panels():
    """The factorisation of large matrices, at a size that suits a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["gpkit.linalg.factorisation"], "LARGE", 100)
        return jax.jit(lambda a: cholesky(a)).lower(spd(130)).compile()


def test_panels_give_the_factor_of_one_piece(by_panels):
    a = spd(130)
    found = by_panels(a)
    assert int(found.status) == Status.SUCCESS
    np.testing.assert_allclose(found.factor, np.linalg.cholesky(a), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("place", [0, 10, 65, 129])
def test_failure_in_any_panel_is_seen(by_panels, place):
    a = spd(130)
    a[place] = a[:, place] = 0.0
    a[place, place] = -1.0
    assert int(by_panels(a).status) == Status.NOT_POSITIVE_DEFINITE
    a[place, place] = np.nan
    assert int(by_panels(a).status) == Status.NON_FINITE
    a[place, place] = 0.0
    # Singular: the ladder goes on where the panels gave up.
    found = by_panels(a)
    assert int(found.status) == Status.JITTER_ADDED
    expected = np.linalg.cholesky(a + float(found.jitter) * np.eye(130))
    np.testing.assert_allclose(found.factor, expected, rtol=1e-6, atol=1e-9)


def test_vmap_keeps_a_status_for_each():
    batch = np.stack([spd(), np.diag([1.0, 1, -1, 1, 1]), with_entry(np.nan)])
    found = jax.jit(jax.vmap(cholesky))(batch)
    expected = [Status.SUCCESS, Status.NOT_POSITIVE_DEFINITE, Status.NON_FINITE]
    assert found.status.tolist() == expected
    # What succeeded is not disturbed by those that went up the ladder beside it.
    np.testing.assert_allclose(found.factor[0], factorise(batch[0]).factor, atol=1e-14)
    assert found.jitter[0] == 0


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"square matrix, got shape \(2, 3\)"):
        cholesky(jnp.ones((2, 3)))


# ------------------------------------------------------------------------- derivatives

DIRECTION = symmetric(7)
WEIGHTS = np.tril(np.random.default_rng(9).normal(size=(N, N)))


def along(t):
    """A smooth function of one number through factor, solve and log-determinant."""
    found = cholesky(jnp.asarray(spd()) + t * DIRECTION)
    return jnp.sum(WEIGHTS * found.factor) + jnp.sum(jnp.sin(found.solve(WEIGHTS)))


def reference(t):
    a = spd() + t * DIRECTION
    return np.sum(WEIGHTS * np.linalg.cholesky(a)) + np.sum(np.sin(np.linalg.solve(a, WEIGHTS)))


def slope(f, t, h):
    """Central difference with one Richardson step: error O(h^4)."""
    coarse, fine = ((f(t + s) - f(t - s)) / (2 * s) for s in (h, h / 2))
    return (4 * fine - coarse) / 3


def test_forward_equals_reverse_equals_differences():
    forward = float(jax.jit(jax.jacfwd(along))(0.0))
    assert forward == pytest.approx(slope(reference, 0.0, 1e-4), rel=1e-7)
    assert float(jax.jit(jax.grad(along))(0.0)) == pytest.approx(forward, rel=1e-11)


@pytest.mark.parametrize("outer", [jax.jacfwd, jax.grad])
@pytest.mark.parametrize("inner", [jax.jacfwd, jax.grad])
def test_second_order_in_all_four_ways(outer, inner):
    first = jax.jit(jax.grad(along))
    expected = slope(lambda t: float(first(t)), 0.0, 1e-4)
    assert float(jax.jit(outer(inner(along)))(0.0)) == pytest.approx(expected, rel=1e-7)


def test_gradient_of_the_log_determinant_is_the_inverse():
    a = spd()
    gradient = jax.grad(lambda a: cholesky(a).logdet())(jnp.asarray(a))
    np.testing.assert_allclose(gradient, np.linalg.inv(a), rtol=1e-11, atol=1e-12)


def test_jitter_carries_no_derivative():
    a = jnp.asarray(np.outer(np.ones(N), np.ones(N)) - 1e-15 * np.eye(N))
    jitter, tangent = jax.jvp(lambda a: cholesky(a).jitter, (a,), (jnp.eye(N),))
    assert jitter > 0
    assert tangent == 0
