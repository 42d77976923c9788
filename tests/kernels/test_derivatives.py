import jax
import jax.numpy as jnp
import numpy as np

from gpkit.kernels.derivatives import over, root, with_derivatives


def test_root_has_no_infinite_derivative():
    s = jnp.array([0.0, 4.0, -1e-20])
    np.testing.assert_array_equal(root(s), [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(jax.vmap(jax.grad(root))(s), [0.0, 0.25, 0.0])
    second = jax.vmap(jax.grad(jax.grad(root)))(s)
    np.testing.assert_allclose(second, [0.0, -1 / 32, 0.0], rtol=1e-14)


def test_quotient_is_zero_at_a_zero_denominator():
    a = jnp.array([0.0, 4.0])
    np.testing.assert_array_equal(over(3.0, a), [0.0, 0.75])
    np.testing.assert_allclose(jax.vmap(jax.grad(lambda a: over(3.0, a)))(a), [0.0, -3 / 16])


def test_given_derivatives_are_used_in_both_modes():
    f = with_derivatives(jnp.sin, lambda s: 10 * s, lambda s: jnp.full_like(s, 7.0))
    assert jax.grad(f)(2.0) == 20.0
    assert jax.jvp(f, (2.0,), (3.0,))[1] == 60.0
    assert jax.grad(jax.grad(f))(2.0) == 7.0
    assert jax.jacfwd(jax.jacrev(f))(2.0) == 7.0
    assert jax.jacrev(jax.jacfwd(f))(2.0) == 7.0
