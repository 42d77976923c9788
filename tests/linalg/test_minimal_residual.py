"""MINRES: indefinite systems beside SciPy's, least residuals, and a status for every failure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg

from gpkit.linalg import cg, minres
from gpkit.results import Status
from tests.linalg import krylov_cases as cases

N = 40
SPECTRA = {
    "definite": np.logspace(-1, 1, N),
    "indefinite": np.concatenate([-np.logspace(-1, 0, N // 2), np.logspace(-1, 1, N // 2)]),
    "symmetric about zero": np.concatenate([-np.linspace(1, 3, N // 2), np.linspace(1, 3, N // 2)]),
    "one negative": np.r_[-0.01, np.linspace(1, 2, N - 1)],
    "condition 1e5": np.where(np.arange(N) % 2, -1, 1) * np.logspace(-4, 1, N),
    "tiny": 1e-150 * np.linspace(-2, 1.93, N),
    "huge": 1e150 * np.linspace(-2, 1.93, N),
}
zeros = jnp.zeros((N, 3))


@jax.jit
def solve(a, b, rtol, x0):
    return minres(cases.dense, b, a, rtol=rtol, x0=x0, max_steps=1000)


def rhs(seed=1):
    return cases.random((N, 3), seed)


@pytest.mark.parametrize("name", SPECTRA)
def test_solution_and_true_residual(name):
    a, b = cases.hermitian(SPECTRA[name]), rhs()
    result = solve(a, b, 1e-9, zeros)
    residual = np.linalg.norm(b - a @ result.solution, axis=0)
    assert (result.status == Status.SUCCESS).all()
    assert (residual <= 1e-9 * np.linalg.norm(b, axis=0)).all()
    np.testing.assert_allclose(result.residual_norm, residual, rtol=1e-2)


def test_the_residual_is_the_least_over_the_krylov_space():
    a, b, steps = cases.hermitian(SPECTRA["indefinite"]), rhs(), 7
    result = minres(cases.dense, b, a, rtol=1e-12, max_steps=steps)
    assert (result.status == Status.MAX_STEPS).all()
    for j in range(3):
        space = np.stack([np.linalg.matrix_power(a, i) @ b[:, j] for i in range(steps)], axis=1)
        basis = np.linalg.qr(space)[0]
        y = np.linalg.lstsq(a @ basis, b[:, j])[0]
        best = np.linalg.norm(b[:, j] - a @ basis @ y)
        np.testing.assert_allclose(result.residual_norm[j], best, rtol=1e-8)


def test_as_many_steps_as_scipy():
    a, b = cases.hermitian(SPECTRA["indefinite"]), rhs()[:, :1]
    taken = []
    scipy.sparse.linalg.minres(
        np.asarray(a), np.asarray(b[:, 0]), rtol=1e-10, callback=lambda x: taken.append(x)
    )
    errors = [np.linalg.norm(a @ x - b[:, 0]) / np.linalg.norm(b) for x in taken]
    needed = 1 + next(i for i, error in enumerate(errors) if error <= 0.9e-8)
    assert abs(int(minres(cases.dense, b, a, rtol=1e-8).num_steps[0]) - needed) <= 1


def test_a_definite_preconditioner_of_an_indefinite_matrix():
    values = np.where(np.arange(N) % 2, -1, 1) * np.logspace(-3, 3, N)
    a, absolute = (cases.hermitian(x) for x in (values, np.abs(values)))
    inverse = jnp.linalg.inv(absolute)
    b = rhs()
    result = minres(cases.dense, b, a, rtol=1e-9, preconditioner=lambda v: inverse @ v)
    assert (result.status == Status.SUCCESS).all()
    assert (result.num_steps <= 4).all()  # the preconditioned spectrum is -1, 1
    refused = minres(cases.dense, b, a, preconditioner=lambda v: -v)
    assert (refused.status == Status.INDEFINITE).all()


def test_a_singular_operator():
    values = np.r_[np.zeros(5), np.linspace(-2, -1, 15), np.linspace(1, 2, 20)]
    a = cases.hermitian(values)
    b = a @ rhs()
    result = solve(a, b, 1e-10, zeros)
    want = np.linalg.pinv(a, hermitian=True, rcond=1e-10) @ b
    assert (result.status == Status.SUCCESS).all()
    np.testing.assert_allclose(result.solution, want, atol=1e-8)
    beyond = solve(a, rhs(), 1e-10, zeros)
    assert (beyond.status == Status.STAGNATED).all()
    least = rhs() - a @ (np.linalg.pinv(a, hermitian=True, rcond=1e-10) @ rhs())
    np.testing.assert_allclose(beyond.residual_norm, np.linalg.norm(least, axis=0), rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: a.at[2, 3].set(jnp.nan), {Status.NON_FINITE}),
        (lambda a: a.at[2, 2].set(jnp.inf), {Status.NON_FINITE}),
        (lambda a: 0 * a, {Status.BREAKDOWN}),
        (lambda a: cases.hermitian(np.linspace(-1, 1, N) ** 9), {Status.STAGNATED}),
    ],
    ids=["nan", "infinite", "zero", "numerically singular"],
)
def test_each_failure_has_its_own_status_and_a_finite_solution(change, expected):
    result = solve(change(cases.hermitian(SPECTRA["indefinite"])), rhs(), 1e-14, zeros)
    assert {Status(int(s)) for s in result.status} <= expected
    assert bool(jnp.isfinite(result.solution).all())


def test_limit_of_the_arithmetic_is_stagnation():
    a, b = cases.hermitian(SPECTRA["indefinite"]), rhs()
    result = solve(a, b, 1e-18, zeros)
    assert (result.status == Status.STAGNATED).all()
    assert (result.residual_norm < 1e-13 * np.linalg.norm(b, axis=0)).all()


def test_columns_have_their_own_tolerance_start_and_end():
    a, b = cases.hermitian(SPECTRA["indefinite"]), rhs().at[:, 1].set(0.0)
    result = solve(a, b, jnp.array([1e-2, 1e-6, 1e-10]), jnp.ones((N, 3)))
    assert (result.status == Status.SUCCESS).all()
    assert result.num_steps[1] == 0
    assert result.num_steps[0] < result.num_steps[2]
    np.testing.assert_array_equal(result.solution[:, 1], 0.0)
    warm = solve(a, b, 1e-10, jnp.linalg.solve(a, b))
    assert (warm.num_steps == 0).all()


def test_where_conjugate_gradients_give_up():
    a, b = cases.hermitian(SPECTRA["indefinite"]), rhs()
    assert (cg(cases.dense, b, a).status == Status.INDEFINITE).any()


def test_implicit_derivative_of_an_indefinite_solve():
    a, b = cases.hermitian(SPECTRA["one negative"]), rhs()[:, 0]

    def loss(solver):
        return lambda a, b: jnp.sum(jnp.sin(solver(0.5 * (a + a.T), b)))

    ours = loss(lambda a, b: minres(cases.dense, b, a, rtol=1e-13).solution)
    dense = loss(jnp.linalg.solve)
    got = jax.jit(jax.grad(ours, (0, 1)))(a, b)
    assert cases.relative(got, jax.grad(dense, (0, 1))(a, b)) < 1e-8
    direction = (cases.random((N, N), 3), cases.random((N,), 4))
    got, want = (jax.jvp(f, (a, b), direction)[1] for f in (jax.jit(ours), dense))
    np.testing.assert_allclose(got, want, rtol=1e-8)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="max_steps"):
        minres(cases.dense, rhs(), jnp.eye(N), max_steps=0)
