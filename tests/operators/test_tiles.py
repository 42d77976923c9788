"""Row blocks of a kernel matrix: the same numbers as in one piece, at the memory of a tile."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.operators.tiles import gram

KERNEL = 1.3 * gk.Matern52([0.7, 1.6]) + gk.Linear(0.4)


def points(n, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(n, 2)))


# Two tiles go in one piece; above that rows are padded to a multiple of 128 or just fit.
@pytest.mark.parametrize("n", [1, 128, 256, 257, 384, 400])
def test_equals_the_matrix_in_one_piece(n):
    X, Z = points(n), points(7, 1)
    np.testing.assert_allclose(gram(KERNEL, X, Z), KERNEL.gram(X, Z), rtol=1e-14, atol=1e-15)


def test_derivatives_equal_those_of_one_piece():
    X, Z = points(300), points(3, 1)
    weights = jnp.asarray(np.random.default_rng(2).normal(size=(300, 3)))

    def value(matrix):
        def f(logs, X, Z):
            kernel = jnp.exp(logs[2]) * gk.Matern52(jnp.exp(logs[:2])) + gk.Linear(0.4)
            return jnp.sum(weights * matrix(kernel, X, Z))

        return f

    logs = jnp.asarray([-0.3, 0.2, 0.1])
    tiled, whole = value(gram), value(lambda k, X, Z: k.gram(X, Z))
    found = jax.jit(jax.grad(tiled, argnums=(0, 1, 2)))(logs, X, Z)
    expected = jax.jit(jax.grad(whole, argnums=(0, 1, 2)))(logs, X, Z)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        jax.jit(jax.jacfwd(tiled))(logs, X, Z), expected[0], rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(
        jax.jit(jax.hessian(tiled))(logs, X, Z), jax.jit(jax.hessian(whole))(logs, X, Z), rtol=1e-10
    )


def test_no_array_of_rows_by_rows_by_parameters():
    n, d = 1024, 8
    X = jax.ShapeDtypeStruct((n, d), jnp.float64)
    slope = jax.ShapeDtypeStruct((n, n), jnp.float64)

    def contracted(ell, X, slope):
        return jnp.sum(slope * gram(gk.Matern32(ell), X, X))

    ell = jax.ShapeDtypeStruct((d,), jnp.float64)
    program = jax.jit(jax.grad(contracted)).lower(ell, X, slope).compile()
    # One whole matrix beside the arguments at most: tiles are contracted where they stand.
    assert program.memory_analysis().temp_size_in_bytes < 2 * 8 * n * n
