import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.conjugate_gradients import cg
from gpkit.linalg.pivoted import pivoted_cholesky
from gpkit.linalg.preconditioners import (
    low_rank_plus_diagonal,
    partial_cholesky_plus_diagonal,
    whitening_gradient,
)
from gpkit.results import Status

N, RANK = 50, 7
rng = np.random.default_rng(0)
DIAGONALS = {
    "number": jnp.asarray(0.3),
    "vector": jnp.asarray(rng.uniform(0.1, 2.0, size=N)),
    "tiny": jnp.asarray(1e-10),
}


def dense(factor, diagonal):
    return factor @ factor.T + jnp.diag(jnp.broadcast_to(diagonal, (N,)))


@pytest.mark.parametrize("name", DIAGONALS)
@pytest.mark.parametrize("rank", [0, RANK])
def test_every_method_against_the_dense_matrix(name, rank):
    factor = jnp.asarray(rng.normal(size=(N, rank)))
    diagonal = DIAGONALS[name]
    state, p = low_rank_plus_diagonal(factor, diagonal), dense(factor, diagonal)
    scale = float(jnp.max(jnp.diag(p)) / jnp.min(diagonal))
    tight = {"rtol": 1e-12, "atol": 1e-14 * scale}
    block = jnp.asarray(rng.normal(size=(N, 4)))
    np.testing.assert_allclose(state.apply(block), p @ block, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(state.solve(state.apply(block)), block, **tight)
    w = state.whiten(jnp.eye(N))
    np.testing.assert_allclose(state.whiten_transpose(jnp.eye(N)), w.T, **tight)
    np.testing.assert_allclose(state.whiten(state.whiten(p).T), np.eye(N), atol=1e-14 * scale)
    np.testing.assert_allclose(state.colour(state.whiten(block)), block, **tight)
    # The determinant lemma: the dense determinant itself is wrong for the tiny diagonal.
    diagonal = jnp.broadcast_to(diagonal, (N,))
    small = np.eye(rank) + factor.T @ (factor / diagonal[:, None])
    logdet = np.sum(np.log(diagonal)) + np.linalg.slogdet(small)[1]
    np.testing.assert_allclose(state.logdet(), logdet, rtol=1e-11)
    for method in (state.apply, state.solve, state.whiten, state.whiten_transpose, state.colour):
        np.testing.assert_allclose(method(block[:, 0]), method(block)[:, 0], **tight)


def test_samples_have_the_covariance():
    factor = jnp.asarray(rng.normal(size=(N, RANK)))
    state, p = low_rank_plus_diagonal(factor, 0.3), dense(factor, 0.3)
    num = 20_000
    draws = state.sample(jax.random.key(0), num)
    assert draws.shape == (N, num)
    spread = jnp.sqrt((p**2 + jnp.outer(jnp.diag(p), jnp.diag(p))) / num)
    assert jnp.max(jnp.abs(draws @ draws.T / num - p) / spread) < 5
    assert jnp.max(jnp.abs(draws.mean(1)) / jnp.sqrt(jnp.diag(p) / num)) < 4.5


def graded(num_rows, rank, decades=6):
    """A factor like that of a kernel matrix: eigenvalues over twice as many decades."""
    g = np.random.default_rng(2)
    basis = np.linalg.qr(g.normal(size=(num_rows, rank)))[0]
    return jnp.asarray(basis * np.logspace(decades, 0, rank) * np.sqrt(2))


def whitened_identity(state, factor, diagonal):
    """How far W [L, D^{1/2}] is from orthonormal rows, P not formed."""
    half = jnp.diag(jnp.sqrt(jnp.broadcast_to(diagonal, factor.shape[:1])))
    root = state.whiten(jnp.concatenate([factor, half], axis=1))
    return float(np.linalg.norm(root @ root.T - np.eye(len(root)), 2))


@pytest.mark.parametrize("num_rows", [60, 1100])
@pytest.mark.parametrize("mixed", [False, True])
def test_whitening_is_exact_where_eigenvalues_span_twelve_decades(num_rows, mixed):
    factor = graded(num_rows, 20)
    if mixed:
        # The spectrum in all columns alike: their Gram matrix has lost the small eigenvalues.
        rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(20, 20)))[0]
        factor = factor @ rotation
    diagonal = jnp.asarray(np.random.default_rng(4).uniform(0.5, 2.0, num_rows))
    state = low_rank_plus_diagonal(factor, diagonal)
    # Rounding of the factor itself, of norm 1.4e6, to double precision.
    assert whitened_identity(state, factor, diagonal) < 4e-9
    v = jnp.asarray(rng.normal(size=num_rows))
    np.testing.assert_allclose(state.colour(state.whiten(v)), v, atol=1e-8)
    scaled = np.asarray(factor) / np.sqrt(np.asarray(diagonal))[:, None]
    logdet = np.sum(np.log(diagonal)) + np.sum(np.log1p(np.linalg.svd(scaled)[1] ** 2))
    np.testing.assert_allclose(state.logdet(), logdet, rtol=1e-10)


def test_a_factor_wider_than_high_and_dependent_columns():
    factor = jnp.asarray(rng.normal(size=(N, 3)) @ rng.normal(size=(3, N + 10)) * 1e4)
    state, p = low_rank_plus_diagonal(factor, 1.0), dense(factor, 1.0)
    v = jnp.asarray(rng.normal(size=N))
    np.testing.assert_allclose(state.apply(v), p @ v, rtol=1e-9)
    np.testing.assert_allclose(state.colour(state.whiten(v)), v, atol=1e-8)
    assert whitened_identity(state, factor, 1.0) < 4e-9


def kernel(noise):
    x = np.random.default_rng(1).uniform(size=(N, 1))
    k = jnp.asarray(np.exp(-0.5 * (x - x.T) ** 2 / 0.2**2))
    return k, k + noise * jnp.eye(N)


@pytest.mark.parametrize("noise", [1e-1, 1e-4, 1e-8])
def test_whitened_kernel_matrix_has_no_eigenvalue_below_one(noise):
    k, a = kernel(noise)
    factor = pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=RANK).factor
    state = low_rank_plus_diagonal(factor, noise)
    assert np.linalg.eigvalsh(state.whiten(state.whiten(a).T)).min() > 1 - 1e-14 / noise


def test_saves_conjugate_gradient_steps():
    k, a = kernel(1e-4)
    b = jnp.asarray(rng.normal(size=(N, 2)))
    factor = pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=RANK).factor
    state = low_rank_plus_diagonal(factor, 1e-4)
    plain = cg(lambda v: a @ v, b, rtol=1e-8)
    better = cg(lambda v: a @ v, b, rtol=1e-8, preconditioner=state.solve)
    assert (plain.status == Status.SUCCESS).all()
    assert (better.status == Status.SUCCESS).all()
    assert (3 * better.num_steps < plain.num_steps).all()


def test_is_data_and_keeps_float32():
    def total(s):
        return low_rank_plus_diagonal(s * jnp.ones((5, 1)), s).logdet()

    assert jax.grad(total)(2.0) == 0.0
    state = low_rank_plus_diagonal(jnp.ones((5, 1), jnp.float32), 0.5)
    assert state.solve(jnp.ones(5, jnp.float32)).dtype == jnp.float32
    assert state.logdet().dtype == jnp.float32


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="positive"):
        low_rank_plus_diagonal(jnp.ones((5, 1)), 0.0)
    with pytest.raises(ValueError, match="factor"):
        low_rank_plus_diagonal(jnp.ones((5, 1)), jnp.ones(4))


def test_whitening_gradient_is_that_of_reverse_mode():
    rng = np.random.default_rng(0)
    factor = jnp.asarray(np.tril(rng.standard_normal((50, 12))))
    diagonal = jnp.asarray(rng.uniform(0.1, 2.0, 50))
    U, G = (jnp.asarray(rng.standard_normal((50, 3))) for _ in range(2))

    def form(factor, diagonal):
        P = partial_cholesky_plus_diagonal(factor, diagonal)
        return P.logdet() + 2 * jnp.sum(P.whiten_transpose(U) * G)

    wanted = jax.grad(form, argnums=(0, 1))(factor, diagonal)
    P = partial_cholesky_plus_diagonal(factor, diagonal)
    for a, b in zip(whitening_gradient(P, U, G), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
