"""Many Lanczos runs side by side: solutions, quadrature, brackets and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.lockstep import lockstep_lanczos, radau, ritz
from gpkit.results import Status

N, M, DEPTH = 60, 3, 40
RNG = np.random.default_rng(8)
BASIS = np.linalg.qr(RNG.standard_normal((N, N)))[0]
SPECTRUM = np.geomspace(1.0, 10.0, N)
B = jnp.asarray(BASIS * SPECTRUM @ BASIS.T)
V = jnp.asarray(RNG.standard_normal((N, M)))


@jax.jit
def decompose(B, V, rtol, max_steps):
    run = lockstep_lanczos(lambda U: B @ U, V, depth=DEPTH, rtol=rtol, max_steps=max_steps)
    return run, ritz(run, 1e-6)


def run_of(V=V, rtol=1e-10, max_steps=DEPTH):
    return decompose(B, V, rtol, max_steps)


def quadratic(f):
    return np.sum((BASIS.T @ np.asarray(V)) ** 2 * f(SPECTRUM)[:, None], axis=0)


def test_decomposition_is_orthonormal_and_three_term():
    run, _ = run_of(rtol=1e-3)
    k = int(run.num_steps)
    for j in range(M):
        Q, T = np.asarray(run.basis[j])[:k], np.asarray(run.matrices()[j])[:k, :k]
        np.testing.assert_allclose(Q @ Q.T, np.eye(k), atol=1e-13)
        np.testing.assert_allclose(Q @ np.asarray(B) @ Q.T, T, atol=1e-12)
        rest = np.asarray(B) @ Q.T - Q.T @ T
        np.testing.assert_allclose(np.linalg.norm(rest[:, -1]), run.last[j], rtol=1e-10)
        np.testing.assert_array_equal(run.basis[j, k:], 0.0)
        np.testing.assert_array_equal(run.diagonal[j, k:], 1.0)
        np.testing.assert_array_equal(run.offdiagonal[j, max(k - 1, 0) :], 0.0)


def test_a_run_ends_at_its_tolerance_and_reports_the_true_residual():
    run, spectra = run_of(rtol=1e-5)
    assert run.num_steps < DEPTH
    np.testing.assert_array_equal(run.status, Status.SUCCESS)
    x = run.combine(spectra.apply(jnp.reciprocal))
    residual = np.linalg.norm(B @ x - V, axis=0) / np.linalg.norm(V, axis=0)
    np.testing.assert_allclose(residual, run.solve_residual, rtol=1e-4)
    assert np.all(residual <= 1e-5)


def test_steps_given_as_data_are_the_steps_made():
    run, _ = run_of(rtol=0.0, max_steps=7)
    assert run.num_steps == 7
    np.testing.assert_array_equal(run.status, Status.MAX_STEPS)


def test_gauss_and_radau_hold_the_exact_value_between_them():
    exact = quadratic(np.log)
    for steps in (4, 8, 12):
        run, spectra = run_of(rtol=0.0, max_steps=steps)
        above = run.norm**2 * spectra.quadrature(jnp.log)
        below = run.norm**2 * radau(run, jnp.log, 0.9)
        assert np.all(below < exact)
        assert np.all(exact < above)
    run, spectra = run_of()
    np.testing.assert_allclose(run.norm**2 * spectra.quadrature(jnp.log), exact, rtol=1e-11)
    np.testing.assert_allclose(run.norm**2 * radau(run, jnp.log, 1e-3), exact, rtol=1e-11)


def test_derivative_of_the_logarithm_in_any_direction():
    E = RNG.standard_normal((N, N))
    E = E + E.T
    gaps = np.subtract.outer(SPECTRUM, SPECTRUM) + np.eye(N)
    loewner = np.subtract.outer(np.log(SPECTRUM), np.log(SPECTRUM)) / gaps
    loewner[np.diag_indices(N)] = 1 / SPECTRUM
    whole = BASIS @ (loewner * (BASIS.T @ E @ BASIS)) @ BASIS.T
    exact = np.einsum("ij,ik,kj->j", V, whole, V)
    run, spectra = run_of(rtol=1e-12)
    S = run.combine(spectra.derivative(jnp.log, rank=12)).reshape(N, M, 12)
    found = np.einsum("ijr,ik,kjr->j", S, E, S)
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_an_invariant_space_ends_its_column_and_no_other():
    alone = B.at[0].set(0.0).at[:, 0].set(0.0).at[0, 0].set(2.5)
    start = V.at[:, 1].set(0.0).at[0, 1].set(3.0)
    run, spectra = decompose(alone, start, 1e-10, DEPTH)
    assert run.offdiagonal[1, 0] == 0.0
    assert run.num_steps > 5
    x = run.combine(spectra.apply(jnp.reciprocal))
    np.testing.assert_allclose(alone @ x, start, atol=1e-8)
    logs = run.norm**2 * spectra.quadrature(jnp.log)
    np.testing.assert_allclose(logs[1], 9 * np.log(2.5), rtol=1e-12)


def test_zero_columns_cost_nothing_and_give_nothing():
    run, spectra = run_of(V.at[:, 2].set(0.0))
    np.testing.assert_array_equal(run.combine(spectra.apply(jnp.reciprocal))[:, 2], 0.0)
    assert run.status[2] == Status.SUCCESS


def test_failures_have_a_status():
    indefinite = B - 20.0 * jnp.eye(N)
    assert np.all(decompose(indefinite, V, 1e-10, DEPTH)[0].status == Status.INDEFINITE)
    run, _ = decompose(B.at[0, 0].set(jnp.nan), V, 1e-10, DEPTH)
    assert np.all(run.status == Status.NON_FINITE)


def test_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="depth"):
        lockstep_lanczos(lambda U: B @ U, V, depth=0)


@pytest.mark.parametrize("steps", [5, 11])
def test_images_are_products_that_were_not_made(steps):
    run, spectra = run_of(rtol=0.0, max_steps=steps)
    for weights in (spectra.apply(jnp.reciprocal), spectra.derivative(jnp.log, rank=3)):
        vectors, images = run.combine(weights), run.combine_images(weights)
        np.testing.assert_allclose(images, B @ vectors, atol=1e-11)
