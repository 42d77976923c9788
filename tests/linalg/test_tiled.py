"""A Cholesky factor in tiles against NumPy's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.tiled import tiled_cholesky
from gpkit.results import Status

N, ROWS = 110, 32
RNG = np.random.default_rng(0)
ROOT = RNG.standard_normal((N, N))
A = ROOT @ ROOT.T / N + np.eye(N)
V = jnp.asarray(RNG.standard_normal((N, 3)))
factor = jax.jit(tiled_cholesky, static_argnums=1)


def tiles_of(A, dtype=jnp.float64):
    count = -(-N // ROWS)
    padded = np.eye(count * ROWS)
    padded[:N, :N] = A
    blocks = padded.reshape(count, ROWS, count, ROWS).swapaxes(1, 2)
    return jnp.asarray(np.stack([blocks[i, j] for i in range(count) for j in range(i + 1)]), dtype)


@pytest.mark.parametrize(("dtype", "rtol"), [(jnp.float64, 1e-12), (jnp.float32, 2e-5)])
def test_solves_products_and_determinant(dtype, rtol):
    P, L = factor(tiles_of(A, dtype), N), np.linalg.cholesky(A)
    for found, exact in (
        (P.whiten(V), np.linalg.solve(L, V)),
        (P.whiten_transpose(V), np.linalg.solve(L.T, V)),
        (P.solve(V), np.linalg.solve(A, V)),
        (P.solve(V[:, 0]), np.linalg.solve(A, V[:, 0])),
        (P.quadratic(V), np.sum(V * np.linalg.solve(A, V), axis=0)),
        (P.logdet(), np.linalg.slogdet(A)[1]),
    ):
        np.testing.assert_allclose(found, exact, rtol=rtol, atol=rtol)
    assert P.status == Status.SUCCESS


def test_whitening_is_transposed_exactly_also_from_single_precision():
    P = factor(tiles_of(A, jnp.float32), N)
    U = jnp.asarray(RNG.standard_normal((N, 3)))
    np.testing.assert_allclose(U.T @ P.whiten(V), P.whiten_transpose(U).T @ V, rtol=1e-12)


def test_no_eigenvalue_lies_below_the_floor():
    P = factor(tiles_of(A), N)
    whitened = P.whiten(P.whiten(jnp.asarray(A)).T)
    assert 0 < P.floor(jnp.ones(N)) < np.linalg.eigvalsh(whitened).min()


def test_an_indefinite_matrix_has_a_status():
    P = factor(tiles_of(A - 2 * np.eye(N)), N)
    assert P.status == Status.NOT_POSITIVE_DEFINITE
