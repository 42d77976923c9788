"""Rank-one changes of a Cholesky factor: the factor of the changed matrix, or a clear no."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gpkit.linalg import cholesky_downdate, cholesky_update
from gpkit.results import Status
from tests.linalg import precise
from tests.linalg.lowered import batched_triangular_solves

N = 4
update, downdate = jax.jit(cholesky_update), jax.jit(cholesky_downdate)


def problem(n=N, condition=10.0, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    factor = np.linalg.cholesky((q * np.geomspace(1, 1 / condition, n)) @ q.T).astype(dtype)
    return factor, rng.normal(size=n).astype(dtype)


FACTOR, V = problem()
SIZES = [(1, np.float64), (4, np.float32), (4, np.float64), (80, np.float64)]
WEIGHTS = np.random.default_rng(3).normal(size=(N, N))


def residual(factor, found, v, sign, dtype):
    """Norm of L' L'^T - (L L^T + sign v v^T) in units of n eps of the larger matrix."""
    factor, found, v = (np.asarray(x, float) for x in (factor, found, v))
    before, change = factor @ factor.T, np.outer(v, v)
    size = max(np.linalg.norm(before, 1), np.linalg.norm(before + sign * change, 1))
    gap = found @ found.T - before - sign * change
    return np.linalg.norm(gap, 1) / (len(v) * np.finfo(dtype).eps * size)


@pytest.mark.parametrize(("n", "dtype"), SIZES)
@pytest.mark.parametrize("condition", [10.0, 1e5])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_update_is_refactorisation(n, dtype, condition, size):
    factor, v = problem(n, condition, dtype)
    v = (size * v).astype(dtype)
    found = update(factor, v)
    assert int(found.status) == Status.SUCCESS
    assert found.factor.dtype == dtype
    np.testing.assert_array_equal(np.triu(found.factor, 1), 0)
    assert np.all(np.diagonal(found.factor) > 0)
    assert residual(factor, found.factor, v, 1, dtype) < 30


@pytest.mark.parametrize(("n", "dtype"), SIZES)
@pytest.mark.parametrize("condition", [10.0, 1e5])
@pytest.mark.parametrize("length", [0.01, 0.9, 0.999])
def test_downdate_is_refactorisation(n, dtype, condition, length):
    """`length` is that of L^-1 v; at one the matrix becomes singular."""
    factor, p = problem(n, condition, dtype)
    v = (factor.astype(float) @ (length * p / np.linalg.norm(p))).astype(dtype)
    found = downdate(factor, v)
    assert int(found.status) == Status.SUCCESS
    np.testing.assert_array_equal(np.triu(found.factor, 1), 0)
    assert np.all(np.diagonal(found.factor) > 0)
    assert residual(factor, found.factor, v, -1, dtype) < 30


def test_downdate_undoes_update():
    back = downdate(update(FACTOR, V).factor, V)
    np.testing.assert_allclose(back.factor, FACTOR, rtol=1e-12, atol=1e-13)
    assert float(back.logdet()) == pytest.approx(2 * np.sum(np.log(np.diagonal(FACTOR))), rel=1e-12)
    assert back.jitter == 0


slopes = jax.jit(jax.grad(lambda factor, v: jnp.sum(cholesky_downdate(factor, v).factor), (0, 1)))


@pytest.mark.parametrize("length", [1 - 1e-16, 1.0, 1.001, 100.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losing_positive_definiteness_is_said(length, dtype):
    factor, p = problem(dtype=dtype)
    v = (factor.astype(float) @ (length * p / np.linalg.norm(p))).astype(dtype)
    found = downdate(factor, v)
    if length <= 1.0:
        # Within rounding of singular: either no factor, or one that says almost nothing is left.
        usable = int(found.status) == Status.SUCCESS
        assert usable == bool(np.all(np.isfinite(found.factor)))
        assert usable or int(found.status) == Status.NOT_POSITIVE_DEFINITE
        return
    assert int(found.status) == Status.NOT_POSITIVE_DEFINITE
    assert np.all(np.isnan(found.factor))
    # Nor is its derivative a number.
    gradients = slopes(factor, v)
    assert np.all(np.isnan(gradients[0][np.tril_indices(N)]))
    assert np.all(np.isnan(gradients[1]))


def test_a_last_pivot_within_rounding_of_zero_is_none():
    v = np.eye(N)[0] * (1 - np.finfo(float).eps)
    found = downdate(np.eye(N), v)
    assert int(found.status) == Status.NOT_POSITIVE_DEFINITE
    # Sixteen times as far from zero there is a pivot again.
    v = np.eye(N)[0] * (1 - 16 * np.finfo(float).eps)
    assert int(downdate(np.eye(N), v).status) == Status.SUCCESS


@pytest.mark.parametrize("change", [update, downdate])
@pytest.mark.parametrize("where", ["factor", "vector", "pivot"])
def test_non_finite_and_singular_input(change, where):
    factor, v = FACTOR.copy(), 0.01 * V
    if where == "factor":
        factor[2, 1] = np.nan
    if where == "vector":
        v[1] = np.inf
    if where == "pivot":
        factor[1, 1] = 0.0
    found = change(factor, v)
    assert not Status(int(found.status)).usable
    assert np.all(np.isnan(found.factor))


def dense(sign):
    def run(factor, v):
        factor = jnp.tril(factor)
        return jnp.linalg.cholesky(factor @ factor.T + sign * jnp.outer(v, v))

    return run


@pytest.mark.parametrize(("function", "sign"), [(cholesky_update, 1), (cholesky_downdate, -1)])
def test_first_and_second_derivatives(function, sign):
    v = 0.3 * FACTOR @ V / np.linalg.norm(V)
    dv, dfactor = 0.1 * V[::-1], 0.1 * WEIGHTS

    @jax.jit
    def derivatives(factor, v):
        results = []
        for f in (lambda a, v: function(a, v).factor, dense(sign)):

            def loss(a, v, f=f):
                return jnp.sum(WEIGHTS * jnp.sin(f(a, v)))

            gradient = jax.grad(loss, (0, 1))
            forward = jax.jvp(loss, (factor, v), (dfactor, dv))[1]
            product = jax.jvp(gradient, (factor, v), (dfactor, dv))[1]
            results.append((gradient(factor, v), forward, product))
        return results

    got, want = derivatives(FACTOR, v)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9), got, want)
    np.testing.assert_array_equal(np.triu(got[0][0], 1), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [1e-2, 1e-4])
def test_derivative_of_a_downdate_close_to_singular_against_50_digits(gap, dtype, modes):
    """`gap` is 1 - |L^-1 v|^2; the bar is that of test_precision.py."""
    factor, p = problem(dtype=dtype)
    length = np.sqrt(1 - gap)
    v = (factor.astype(float) @ (length * p / np.linalg.norm(p))).astype(dtype)

    def exact(factor, v):
        factor = precise.tril(factor)
        return [mpmath.cholesky(factor * factor.T - v * v.T)]

    # Directions in the dtype.
    direction = (
        np.tril(WEIGHTS).astype(np.float32).astype(float),
        V.astype(np.float32).astype(float),
    )
    case = precise.Case(
        run_downdate,
        exact,
        (factor.astype(float), v.astype(float)),
        direction,
        (precise.lower, precise.full),
    )
    found = precise.measure(case, modes, dtype)
    assert found.forward < 30
    assert found.reverse < 30


def run_downdate(factor, v):
    return (cholesky_downdate(factor, v).factor,)


@pytest.fixture(scope="module")
def modes():
    return precise.both_modes(run_downdate)


def test_only_the_lower_triangle_is_read():
    full = FACTOR + np.triu(WEIGHTS, 1)
    np.testing.assert_array_equal(update(full, V).factor, update(FACTOR, V).factor)
    np.testing.assert_array_equal(downdate(full, 0.1 * V).factor, downdate(FACTOR, 0.1 * V).factor)


def test_batches_keep_a_status_for_each():
    vectors = np.stack([0.01 * V, 0.02 * V, 100 * V])

    def loss(v):
        found = cholesky_downdate(jnp.asarray(FACTOR), v)
        return jnp.sum(WEIGHTS * found.factor), found

    run = jax.jit(jax.vmap(jax.value_and_grad(loss, has_aux=True)))
    assert batched_triangular_solves(run, vectors) == 0
    (_, found), gradients = run(vectors)
    assert found.status.tolist() == [0, 0, Status.NOT_POSITIVE_DEFINITE]
    for i in range(2):
        np.testing.assert_allclose(found.factor[i], downdate(FACTOR, vectors[i]).factor, rtol=1e-13)
    assert np.all(np.isfinite(gradients[:2]))
    assert np.all(np.isnan(gradients[2]))


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"cholesky_update needs a square factor and a vector"):
        cholesky_update(jnp.eye(2), jnp.ones(3))
    with pytest.raises(ValueError, match=r"got shapes \(2, 3\) and \(2,\)"):
        cholesky_downdate(jnp.ones((2, 3)), jnp.ones(2))
