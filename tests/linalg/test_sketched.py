import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.preconditioners import low_rank_plus_diagonal
from gpkit.linalg.sketched import nystroem

N, RANK = 60, 12
run = jax.jit(lambda k, key: nystroem(lambda v, k: k @ v, k[0], k, rank=RANK, key=key))


def with_spectrum(values, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(N, N)))
    return jnp.asarray(q @ np.diag(values) @ q.T)


def error_of(k, result):
    return k - result.factor @ result.factor.T


def test_approximates_from_below_and_near_the_optimum():
    values = 2.0 ** -np.arange(N)
    k = with_spectrum(values)
    keys = jax.random.split(jax.random.key(0), 20)
    traces = []
    for key in keys:
        rest = np.asarray(error_of(k, run(k, key)))
        assert np.linalg.eigvalsh(rest).min() > -1e-14
        traces.append(np.trace(rest))
    assert values[RANK:].sum() <= np.mean(traces) < 20 * values[RANK:].sum()


@pytest.mark.parametrize("rank_of_k", [0, 1, 5, RANK])
def test_exact_for_low_rank(rank_of_k):
    k = with_spectrum(np.where(np.arange(N) < rank_of_k, 3.0 + np.arange(N), 0.0))
    result = run(k, jax.random.key(1))
    np.testing.assert_allclose(result.factor @ result.factor.T, k, atol=1e-12)
    np.testing.assert_allclose(result.basis.T @ result.basis, np.eye(RANK), atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_whitened_spectrum_starts_at_one(dtype):
    noise = 1e-3
    k = with_spectrum(0.5 ** np.arange(N)).astype(dtype)
    result = run(k, jax.random.key(2))
    p = low_rank_plus_diagonal(result.factor, noise)
    a = k + noise * jnp.eye(N, dtype=dtype)
    values = np.linalg.eigvalsh(p.whiten(p.whiten(a).T))
    slack = 100 * jnp.finfo(dtype).eps / noise
    assert values.min() > 1 - slack
    assert values.max() < 1.2 * (1 + noise) / noise * 1e-1
    assert result.factor.dtype == dtype


def test_result_is_data_and_rank_is_checked():
    k = with_spectrum(0.5 ** np.arange(N))

    def total(s):
        approximation = nystroem(lambda v: s * (k @ v), k[0], rank=3, key=jax.random.key(0))
        return jnp.sum(approximation.factor)

    assert jax.grad(total)(1.0) == 0.0
    with pytest.raises(ValueError, match="rank"):
        nystroem(lambda v: k @ v, k[0], rank=0, key=jax.random.key(0))
