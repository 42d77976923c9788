"""The diagonal of an inverse by probes, against dense inverses and plain regressions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import inverse_diagonal_estimate, low_rank_plus_diagonal
from gpkit.linalg.probes import rademacher

N, M, NOISE = 40, 8, 0.3
RNG = np.random.default_rng(0)
FACTOR = RNG.normal(size=(N, 5))
A = FACTOR @ FACTOR.T + NOISE * np.eye(N)
REST = RNG.normal(size=(N, 3)) / 2
HARDER = A + REST @ REST.T
P = low_rank_plus_diagonal(jnp.asarray(FACTOR), NOISE)


def estimate(matrix, key, **options):
    defaults = {"num_probes": M, "smallest": NOISE}
    solve = lambda B: jnp.linalg.solve(matrix, B)  # noqa: E731
    return inverse_diagonal_estimate(
        solve, P, key=key, diagonal=jnp.diag(matrix), **{**defaults, **options}
    )


@pytest.fixture(scope="module")
def many():
    """Estimates under 400 keys."""
    one = lambda key: estimate(jnp.asarray(HARDER), key)  # noqa: E731
    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), 400))


def test_diagonal_of_the_inverse_of_a_preconditioner():
    dense = np.asarray(P.apply(jnp.eye(N)))
    np.testing.assert_allclose(P.inverse_diagonal(), np.diag(np.linalg.inv(dense)), rtol=1e-10)


def test_a_perfect_preconditioner_leaves_no_error():
    found = estimate(jnp.asarray(A), jax.random.key(0))
    np.testing.assert_allclose(found.value, np.diag(np.linalg.inv(A)), rtol=1e-9)
    assert float(jnp.max(found.stderr / found.value)) < 1e-9


def test_estimates_are_unbiased_and_know_their_errors(many):
    truth = np.diag(np.linalg.inv(HARDER))
    errors = np.asarray(many.value) - truth
    z = errors.mean(axis=0) / (errors.std(axis=0) / 20)
    # The slopes bring a bias of the order of 1/M of an error.
    assert np.abs(z).max() < 4.5
    ratio = (errors**2).mean() / (np.asarray(many.stderr) ** 2).mean()
    assert 0.7 < ratio < 1.4


def test_the_control_variate_helps(many):
    Z = np.asarray(RNG.choice([-1.0, 1.0], size=(400, N, M)))
    plain = (Z * np.linalg.solve(HARDER, Z)).mean(axis=2)
    assert np.asarray(many.value).var(axis=0).mean() < 0.5 * plain.var(axis=0).mean()


def test_replicates_are_estimates_without_a_probe():
    key = jax.random.key(3)
    found = estimate(jnp.asarray(HARDER), key)
    Z = np.asarray(rademacher(key, M, N, float).T)
    x = Z * np.linalg.solve(HARDER, Z)
    dense = np.asarray(P.apply(jnp.eye(N)))
    p = Z * np.linalg.solve(dense, Z) - np.diag(np.linalg.inv(dense))[:, None]
    keep = np.arange(1, M)
    for i in (0, 17):
        for rows, value in ((np.arange(M), found.value[i]), (keep, found.without[i, 0])):
            slope, intercept = np.polyfit(p[i, rows], x[i, rows], 1)
            np.testing.assert_allclose(value, intercept, rtol=1e-9)
    residual = x[0] - found.value[0] - np.polyfit(p[0], x[0], 1)[0] * p[0]
    design = np.stack([np.ones(M), p[0]], axis=1)
    variance = np.sum(residual**2) / (M - 2) * np.linalg.inv(design.T @ design)[0, 0]
    np.testing.assert_allclose(found.stderr[0] ** 2, variance, rtol=1e-9)
    assert slope > 0


def test_near_copies_stay_positive():
    rows = RNG.normal(size=(N // 2, 30))
    rows = np.concatenate([rows, rows + 1e-3 * RNG.normal(size=rows.shape)])
    copies = jnp.asarray(rows @ rows.T + 1e-3 * np.eye(N))
    found = estimate(copies, jax.random.key(0), num_probes=4, smallest=1e-3)
    assert float(jnp.min(found.without)) > 0
    assert bool(jnp.all(found.without >= 1 / jnp.diag(copies)[:, None]))


def test_a_row_apart_from_all_others_is_exact():
    # A padded row: that of the identity in matrix and preconditioner.
    factor = jnp.asarray(FACTOR).at[3].set(0.0)
    own = low_rank_plus_diagonal(factor, jnp.full(N, NOISE).at[3].set(1.0))
    matrix = own.apply(jnp.eye(N))
    solve = lambda B: jnp.linalg.solve(matrix, B)  # noqa: E731
    found = inverse_diagonal_estimate(
        solve, own, key=jax.random.key(0), num_probes=M,
        diagonal=jnp.diag(matrix), smallest=NOISE,
    )  # fmt: skip
    np.testing.assert_array_equal(found.without[3], np.ones(M))


def test_bad_input():
    with pytest.raises(ValueError, match="num_probes must be at least 4, got 3"):
        estimate(jnp.asarray(A), jax.random.key(0), num_probes=3)
