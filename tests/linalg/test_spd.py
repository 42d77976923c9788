"""One factorisation, four results, closed-form derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import cholesky, spd_factor
from gpkit.results import Status
from tests.linalg.lowered import batched_triangular_solves

N = 4


def spd(seed=0, n=N, dtype=np.float64):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return ((q * np.geomspace(0.1, 10, n)) @ q.T).astype(dtype)


A, B = spd(), np.random.default_rng(1).normal(size=(N, 2))
DIRECTION = np.random.default_rng(2).normal(size=(N, N))
DIRECTION = DIRECTION + DIRECTION.T

LATER = ("inverse", "inv_quad")
OWN = {
    "solve": lambda a, b: spd_factor(a).solve(b),
    "inverse": lambda a, b: spd_factor(a).inverse() * b[0, 0],
    "logdet": lambda a, b: spd_factor(a).logdet() * b[0, 0],
    "inv_quad": lambda a, b: spd_factor(a).inv_quad(b),
    "factor": lambda a, b: spd_factor(a).factor * b[0, 0],
}


def _half(a):
    return 0.5 * (a + a.T)


DENSE = {
    "solve": lambda a, b: jnp.linalg.solve(_half(a), b),
    "inverse": lambda a, b: jnp.linalg.inv(_half(a)) * b[0, 0],
    "logdet": lambda a, b: jnp.linalg.slogdet(_half(a))[1] * b[0, 0],
    "inv_quad": lambda a, b: jnp.sum(b * jnp.linalg.solve(_half(a), b), axis=0),
    "factor": lambda a, b: jnp.linalg.cholesky(_half(a)) * b[0, 0],
}


@jax.jit
def everything(a, b):
    found = spd_factor(a)
    return found, found.solve(b), found.inverse(), found.logdet(), found.inv_quad(b)


@pytest.mark.parametrize("n", [1, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(n, dtype):
    a = spd(n=n, dtype=dtype)
    b = np.random.default_rng(3).normal(size=(n, 2)).astype(dtype)
    found, *values = everything(a, b)
    assert int(found.status) == Status.SUCCESS
    solved, inverse, logdet, quadratic = values
    exact, tolerance = a.astype(float), 2000 * float(np.finfo(dtype).eps)
    want = np.linalg.solve(exact, b)
    size = np.max(np.abs(want))
    np.testing.assert_allclose(solved, want, atol=tolerance * size)
    np.testing.assert_allclose(inverse, np.linalg.inv(exact), atol=tolerance * 10)
    assert float(logdet) == pytest.approx(np.linalg.slogdet(exact)[1], abs=tolerance)
    np.testing.assert_allclose(quadratic, np.sum(b * want, axis=0), rtol=tolerance)
    assert {value.dtype for value in values} == {np.dtype(dtype)}


def test_vectors():
    found, b = spd_factor(A), B[:, 0]
    np.testing.assert_allclose(found.solve(b), np.linalg.solve(A, b), rtol=1e-12)
    assert float(found.inv_quad(b)) == pytest.approx(b @ np.linalg.solve(A, b), rel=1e-12)


def along(functions, name):
    """A smooth function of one number that moves matrix and right-hand side."""

    def loss(t):
        return jnp.sum(jnp.sin(functions[name](A + t * DIRECTION, B + jnp.sin(t) * B**2)))

    return loss


@pytest.mark.parametrize(
    "name", ["solve", "logdet", *(pytest.param(x, marks=pytest.mark.slow) for x in LATER)]
)
def test_first_and_second_derivatives_in_every_mode(name):
    @jax.jit
    def run(t):
        f, dense = along(OWN, name), along(DENSE, name)
        second = [
            jax.jacfwd(jax.jacfwd(f)),
            jax.grad(jax.jacfwd(f)),
            jax.jacfwd(jax.grad(f)),
            jax.grad(jax.grad(f)),
        ]
        first = [jax.jacfwd(f)(t), jax.grad(f)(t)]
        return first, jax.grad(dense)(t), [g(t) for g in second], jax.grad(jax.grad(dense))(t)

    first, want_first, second, want_second = run(0.1)
    np.testing.assert_allclose(first, want_first, rtol=1e-10)
    np.testing.assert_allclose(second, want_second, rtol=1e-9)


def test_no_derivative_runs_through_the_factor():
    """Cutting the derivative of the factor changes nothing."""

    def results(found):
        return [found.solve(B), found.inverse(), found.logdet(), found.inv_quad(B)]

    def losses(found):
        return jnp.stack([jnp.sum(jnp.sin(value)) for value in results(found)])

    def cut(a):
        found = spd_factor(a)
        return losses(found._replace(factor=jax.lax.stop_gradient(found.factor)))

    got, want = jax.jit(
        lambda a: (jax.jacrev(cut)(a), jax.jacrev(lambda a: losses(spd_factor(a)))(a))
    )(A)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    assert np.all(np.max(np.abs(got), axis=(1, 2)) > 0.01)
    np.testing.assert_allclose(got, np.swapaxes(got, 1, 2), rtol=1e-12, atol=1e-13)


def test_everything_comes_from_one_factorisation():
    def evidence(a, b):
        found = spd_factor(a)
        return found.logdet() + jnp.sum(found.inv_quad(b)) + jnp.sum(found.solve(b) ** 2)

    def calls(function, *args):
        return jax.jit(function).lower(*args).compile().as_text().count("lapack_dpotrf")

    # The ladder of jitters holds calls as well, for matrices that fail without.
    assert calls(jax.value_and_grad(evidence), A, B) == calls(lambda a: cholesky(a), A)


def test_the_factor_keeps_its_own_derivative():
    own, dense = along(OWN, "factor"), along(DENSE, "factor")
    got, want = jax.jit(lambda t: (jax.grad(own)(t), jax.grad(dense)(t)))(0.1)
    assert float(got) == pytest.approx(float(want), rel=1e-11)


def test_jitter_belongs_to_the_matrix():
    a = np.ones((N, N)) - 1e-15 * np.eye(N)
    found = spd_factor(a)
    assert int(found.status) == Status.JITTER_ADDED
    shifted = a + float(found.jitter) * np.eye(N)
    np.testing.assert_array_equal(found.matrix, shifted)
    x = np.arange(1.0, N + 1)
    # The residual of a backward stable solve does not grow with the condition number.
    solved = np.asarray(found.solve(shifted @ x))
    assert np.max(np.abs(shifted @ (solved - x))) < 1e-13


@pytest.mark.parametrize(
    ("a", "status"),
    [
        (np.diag([1.0, 1, -1, 1]), Status.NOT_POSITIVE_DEFINITE),
        (np.diag([1.0, 1, np.nan, 1]), Status.NON_FINITE),
    ],
)
def test_failure_is_nan_with_a_status(a, status):
    found, *values = everything(a, B)
    assert int(found.status) == status
    for value in values:
        assert np.all(np.isnan(value))


def test_the_symmetric_part_counts():
    skew = DIRECTION - DIRECTION.T + np.triu(DIRECTION) - np.triu(DIRECTION).T
    np.testing.assert_allclose(spd_factor(A + skew).solve(B), spd_factor(A).solve(B), rtol=1e-12)


def test_batches():
    stack = np.stack([spd(seed) for seed in range(3)] + [np.diag([1.0, 1, -1, 1])])

    def derivative(a):
        def scalar(a):
            found = spd_factor(a)
            total = found.logdet() + jnp.sum(found.inv_quad(B)) + jnp.sum(found.solve(B))
            return total + jnp.sum(found.inverse()), found.status

        return jax.value_and_grad(scalar, has_aux=True)(a)

    run = jax.jit(jax.vmap(derivative))
    (values, status), gradients = run(stack)
    assert batched_triangular_solves(run, stack) == 0
    assert status.tolist() == [0, 0, 0, Status.NOT_POSITIVE_DEFINITE]
    single = jax.jit(derivative)
    for i in range(3):
        (value, _), gradient = single(stack[i])
        np.testing.assert_allclose(values[i], value, rtol=1e-12)
        np.testing.assert_allclose(gradients[i], gradient, rtol=1e-11, atol=1e-12)
    assert np.isnan(values[3])


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"square matrix, got shape \(2, 3\)"):
        spd_factor(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"with 4 rows, got shape \(3,\)"):
        spd_factor(A).solve(jnp.ones(3))
    with pytest.raises(ValueError, match=r"with 4 rows, got shape \(3,\)"):
        spd_factor(A).inv_quad(jnp.ones(3))
