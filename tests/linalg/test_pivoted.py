import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.pivoted import pivoted_cholesky, randomly_pivoted_cholesky
from gpkit.results import Status

N, RANK = 60, 12


def smooth(n=N, lengthscale=0.3, seed=0):
    x = np.random.default_rng(seed).uniform(size=(n, 2))
    square = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
    return jnp.asarray(np.exp(-0.5 * square / lengthscale**2) * 1.7)


@jax.jit
def greedy(k):
    return pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=RANK)


@jax.jit
def random(k, key):
    return randomly_pivoted_cholesky(
        lambda i: k[:, i], jnp.diag(k), rank=RANK, key=key, block_size=5
    )


def both(k):
    return [greedy(k), random(k, jax.random.key(0))]


def test_error_is_positive_semidefinite_and_its_diagonal_reported():
    k = smooth()
    for result in both(k):
        rest = k - result.factor @ result.factor.T
        assert np.linalg.eigvalsh(rest).min() > -1e-13
        np.testing.assert_allclose(result.residual, np.diag(rest), atol=1e-13)
        assert result.num_pivots == RANK
        assert result.status == Status.SUCCESS


def test_rows_of_the_pivots_are_exact_and_pivots_distinct():
    k = smooth()
    for result in both(k):
        rest = k - result.factor @ result.factor.T
        np.testing.assert_allclose(rest[result.pivots], 0.0, atol=1e-13)
        assert len(set(np.asarray(result.pivots).tolist())) == RANK


def test_greedy_takes_the_largest_residual():
    k = smooth()
    rest = np.array(k)
    for p in np.asarray(greedy(k).pivots):
        assert np.diag(rest)[p] == pytest.approx(np.diag(rest).max(), rel=1e-9)
        rest = rest - np.outer(rest[:, p], rest[:, p]) / rest[p, p]


def test_error_is_near_the_optimum():
    k = smooth()
    best = np.sort(np.linalg.eigvalsh(k))[: N - RANK].sum()
    keys = jax.random.split(jax.random.key(1), 30)
    errors = jax.vmap(lambda key: random(k, key).residual.sum())(keys)
    assert best <= float(jnp.min(errors))
    assert float(jnp.mean(errors)) < 5 * best
    assert best <= float(greedy(k).residual.sum()) < 10 * best


def test_blocks_follow_the_law_of_one_by_one_sampling():
    k = smooth(8, 0.8, seed=3)
    keys = jax.random.split(jax.random.key(2), 20_000)

    def frequencies(block_size):
        def pair(key):
            return randomly_pivoted_cholesky(
                lambda i: k[:, i], jnp.diag(k), rank=2, key=key, block_size=block_size
            ).pivots

        first, second = jax.jit(jax.vmap(pair))(keys).T
        return np.bincount(np.asarray(8 * first + second), minlength=64) / len(keys)

    d = np.diag(k)
    exact = np.zeros((8, 8))
    for i in range(8):
        rest = np.maximum(d - np.asarray(k[i]) ** 2 / d[i], 0)
        exact[i] = d[i] / d.sum() * rest / rest.sum()
    spread = np.sqrt(exact.ravel() / len(keys)) + 1e-12
    for block_size in (1, 4):
        assert np.max(np.abs(frequencies(block_size) - exact.ravel()) / spread) < 4.5


def test_low_rank_matrices_end_early():
    root = jnp.asarray(np.random.default_rng(4).normal(size=(N, 3)))
    for result in both(root @ root.T):
        assert result.num_pivots == 3
        np.testing.assert_allclose(result.factor @ result.factor.T, root @ root.T, atol=1e-11)
        np.testing.assert_array_equal(result.factor[:, 3:], 0.0)
        np.testing.assert_array_equal(result.pivots[3:], -1)


def test_rank_zero_full_rank_and_the_zero_matrix():
    k = smooth(6, 0.1)
    assert pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=0).factor.shape == (6, 0)
    for result in (
        pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=6),
        randomly_pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=6, key=jax.random.key(0)),
    ):
        np.testing.assert_allclose(result.factor @ result.factor.T, k, atol=1e-13)
    for result in both(jnp.zeros((N, N))):
        np.testing.assert_array_equal(result.factor, 0.0)
        assert result.num_pivots == 0


def test_bad_matrices_have_a_status():
    k = smooth()
    for result in both(k.at[3, 3].set(jnp.nan)) + both(k.at[:, 3].set(jnp.inf)):
        assert result.status == Status.NON_FINITE
    for result in both(k.at[3, 3].set(-1.0)):
        assert result.status == Status.NOT_POSITIVE_DEFINITE


def test_result_is_data():
    k = smooth()

    def total(s):
        scaled = s * k
        parts = [
            pivoted_cholesky(lambda i: scaled[:, i], jnp.diag(scaled), rank=4).factor,
            randomly_pivoted_cholesky(
                lambda i: scaled[:, i], jnp.diag(scaled), rank=4, key=jax.random.key(0)
            ).factor,
        ]
        return sum(jnp.sum(part) for part in parts)

    assert jax.grad(total)(1.0) == 0.0


def test_bad_arguments_are_named():
    k = smooth()
    with pytest.raises(ValueError, match="rank"):
        pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=N + 1)
    with pytest.raises(ValueError, match="block_size"):
        randomly_pivoted_cholesky(
            lambda i: k[:, i], jnp.diag(k), rank=2, key=jax.random.key(0), block_size=0
        )
