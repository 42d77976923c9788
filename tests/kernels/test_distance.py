import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.kernels.distance import CHUNK, UNROLLED, cosine_product, squared_distance


@pytest.mark.parametrize("d", [1, 3, UNROLLED + 1, UNROLLED + CHUNK + 5])
def test_equals_the_definition(d):
    rng = np.random.default_rng(d)
    X, Z, w = rng.normal(size=(5, d)), rng.normal(size=(4, d)), rng.uniform(0.5, 2.0, size=d)
    Z[2] = X[1]
    expected = np.sum(w * (X[:, None] - Z[None]) ** 2, axis=-1)
    got = jax.jit(squared_distance)(X, Z, w)
    np.testing.assert_allclose(got, expected, rtol=1e-13)
    assert got[1, 2] == 0.0
    one = jax.jit(squared_distance)(X, Z, 0.7)
    np.testing.assert_allclose(one, 0.7 * np.sum((X[:, None] - Z[None]) ** 2, -1), rtol=1e-13)


def test_derivative_through_chunks():
    d = UNROLLED + CHUNK
    rng = np.random.default_rng(0)
    X, w, C = rng.normal(size=(4, d)), rng.uniform(0.5, 2.0, size=d), rng.normal(size=(4, 4))
    gradient = jax.jit(jax.grad(lambda w, X: jnp.vdot(C, squared_distance(X, X, w)), (0, 1)))
    by_w, by_X = gradient(w, X)
    difference = X[:, None] - X[None]
    np.testing.assert_allclose(by_w, np.einsum("ij,ijk->k", C, difference**2), rtol=1e-12)
    expected = 2 * np.einsum("ij,ijk->ik", C + C.T, difference) * w
    np.testing.assert_allclose(by_X, expected, rtol=1e-11, atol=1e-13)


def test_equal_rows_far_from_the_origin_in_single_precision():
    """The matrix product form would be off by 1e3 here."""
    X = np.float32(1e5) + np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    s = jax.jit(lambda X: squared_distance(X, X, jnp.float32(0.3)))(X)
    assert s.dtype == jnp.float32
    np.testing.assert_array_equal(jnp.diag(s), 0.0)
    exact = 0.3 * np.sum((X[:, None].astype(float) - X[None]) ** 2, axis=-1)
    np.testing.assert_allclose(s, exact, rtol=1e-6)


@pytest.mark.parametrize("d", [1, 3])
def test_product_of_cosines(d):
    rng = np.random.default_rng(d)
    A, B, C = rng.normal(size=(5, d)), rng.normal(size=(4, d)), rng.normal(size=(5, 4))
    A[0, 0] = B[0, 0] + np.pi / 2
    value, slope = jax.jit(
        jax.value_and_grad(lambda A, B: jnp.vdot(C, cosine_product(A, B)), argnums=(0, 1))
    )(A, B)
    cosines = np.cos(A[:, None] - B[None])
    np.testing.assert_allclose(value, np.sum(C * cosines.prod(-1)), rtol=1e-13)
    for k in range(d):
        # Where one cosine is zero the derivative is the product of the others.
        others = np.delete(cosines, k, axis=-1).prod(-1)
        by_angle = -C * np.sin(A[:, None, k] - B[None, :, k]) * others
        np.testing.assert_allclose(slope[0][:, k], by_angle.sum(1), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(slope[1][:, k], -by_angle.sum(0), rtol=1e-12, atol=1e-13)


def test_product_of_cosines_of_one_set_is_symmetric():
    A = np.random.default_rng(0).normal(size=(40, 2)) * 10
    product = jax.jit(cosine_product)(A, A)
    np.testing.assert_array_equal(product, product.T)
    np.testing.assert_allclose(jnp.diag(product), 1.0, rtol=1e-15)
