import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import probes

ALL = [probes.rademacher, probes.gaussian, probes.sphere, probes.orthogonal]


@pytest.mark.parametrize("draw", ALL)
def test_second_moment_is_the_identity(draw):
    n, repeats = 5, 4000
    keys = jax.random.split(jax.random.key(0), repeats)
    z = jax.vmap(lambda key: draw(key, 3, n, jnp.float64))(keys).reshape(-1, n)
    moment = z.T @ z / len(z)
    assert jnp.max(jnp.abs(moment - jnp.eye(n))) < 4.5 * np.sqrt(2 / len(z))
    assert jnp.max(jnp.abs(z.mean(0))) < 4.5 / np.sqrt(len(z))


@pytest.mark.parametrize("draw", ALL)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_shape_dtype_and_key(draw, dtype):
    key = jax.random.key(1)
    z = draw(key, 7, 4, dtype)
    assert z.shape == (7, 4)
    assert z.dtype == dtype
    np.testing.assert_array_equal(z, draw(key, 7, 4, dtype))
    assert not np.array_equal(z, draw(jax.random.key(2), 7, 4, dtype))


def test_lengths():
    key = jax.random.key(3)
    for draw in (probes.rademacher, probes.sphere, probes.orthogonal):
        np.testing.assert_allclose(jnp.sum(draw(key, 6, 5, jnp.float64) ** 2, 1), 5.0, rtol=1e-12)


def test_orthogonal_blocks_give_the_exact_trace():
    a = jnp.asarray(np.random.default_rng(0).normal(size=(6, 6)))
    z = probes.orthogonal(jax.random.key(4), 12, 6, jnp.float64)
    for block in (z[:6], z[6:]):
        np.testing.assert_allclose(block @ block.T, 6 * np.eye(6), atol=1e-12)
        np.testing.assert_allclose(jnp.sum(block * (block @ a)) / 6, jnp.trace(a), rtol=1e-12)
    assert not np.allclose(z[:6], z[6:])
