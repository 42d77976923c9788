"""Alternating projections against dense solves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.projections import alternating_projections
from gpkit.results import Status

N, K = 90, 3
RNG = np.random.default_rng(0)
POINTS = np.sort(RNG.uniform(size=N))
KERNEL = np.exp(-np.abs(POINTS[:, None] - POINTS[None]) / 0.3)
NOISE = 1e-3
A = jnp.asarray(KERNEL + NOISE * np.eye(N))
B = jnp.asarray(RNG.normal(size=(N, K)))
TRUTH = np.linalg.solve(A, B)


def solve(b=B, matrix=A, **options):
    run = lambda b: alternating_projections(  # noqa: E731
        lambda s, V: matrix[:, s] @ V,
        lambda s: matrix[jnp.ix_(s, s)],
        b,
        **{"block_size": 20, "rtol": 1e-8, **options},
    )
    return jax.jit(run)(b)


@pytest.fixture(scope="module")
def plain():
    return solve()


def test_solution_is_that_of_the_dense_solve(plain):
    # 90 rows in blocks of 20: the last one overlaps.
    np.testing.assert_allclose(plain.solution, TRUTH, rtol=1e-6, atol=1e-6)
    residual = np.linalg.norm(B - A @ plain.solution, axis=0)
    np.testing.assert_allclose(plain.residual_norm, residual, rtol=1e-4)
    assert np.all(residual <= 1e-8 * np.linalg.norm(B, axis=0))
    np.testing.assert_array_equal(plain.status, Status.SUCCESS)


def test_a_coarse_subspace_saves_passes():
    # Smooth over all blocks: what they see last.
    smooth = np.exp(-0.5 * (POINTS[:, None] - POINTS[None]) ** 2 / 0.3**2)
    matrix = jnp.asarray(smooth + NOISE * np.eye(N))
    vectors = jnp.asarray(np.linalg.eigh(smooth)[1][:, -8:])
    found, plain = (solve(matrix=matrix, coarse=c) for c in (vectors, None))
    np.testing.assert_allclose(found.solution, np.linalg.solve(matrix, B), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(found.status, Status.SUCCESS)
    assert int(found.num_passes) < 0.3 * int(plain.num_passes)


@pytest.mark.slow
def test_a_warm_start_saves_passes(plain):
    found = solve(x0=jnp.asarray(TRUTH + 1e-7 * RNG.normal(size=(N, K))))
    np.testing.assert_allclose(found.solution, TRUTH, rtol=1e-6, atol=1e-6)
    assert int(found.num_passes) < int(plain.num_passes)
    assert int(solve(x0=jnp.asarray(TRUTH)).num_passes) == 2


@pytest.mark.slow
def test_one_block_is_a_direct_solve():
    found = solve(block_size=N, rtol=1e-10)
    np.testing.assert_allclose(found.solution, TRUTH, rtol=1e-8, atol=1e-8)


@pytest.mark.slow
def test_the_energy_norm_of_the_error_falls():
    def energy(epochs):
        error = solve(max_epochs=epochs, rtol=1e-14).solution - TRUTH
        return np.einsum("ik,ij,jk->k", error, A, error)

    found = np.stack([energy(e) for e in (1, 3)])
    assert np.all(np.diff(found, axis=0) < 0)


def test_what_did_not_converge_says_so(plain):
    short = solve(max_epochs=2)
    np.testing.assert_array_equal(short.status, Status.MAX_STEPS)
    residual = np.linalg.norm(B - A @ short.solution, axis=0)
    np.testing.assert_allclose(short.residual_norm, residual, rtol=1e-6)
    stuck = solve(rtol=1e-30, patience=3, max_epochs=2000)
    np.testing.assert_array_equal(stuck.status, Status.STAGNATED)
    zero = solve(B.at[:, 1].set(0.0))
    np.testing.assert_array_equal(zero.status, Status.SUCCESS)
    np.testing.assert_array_equal(zero.solution[:, 1], 0)


@pytest.mark.slow
def test_failures_have_names():
    indefinite = solve(matrix=A - 2 * jnp.eye(N))
    np.testing.assert_array_equal(indefinite.status, Status.NOT_POSITIVE_DEFINITE)
    broken = solve(B.at[3, 1].set(jnp.nan))
    assert int(broken.status[1]) == Status.NON_FINITE
    for options in ({"block_size": 0}, {"block_size": N + 1}):
        with pytest.raises(ValueError, match=r"block_size lie in 1\.\.n"):
            solve(**options)
    with pytest.raises(ValueError, match="b must be a block"):
        solve(B[:, 0])
