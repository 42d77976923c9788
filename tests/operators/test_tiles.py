"""Row blocks of a kernel matrix: the same numbers as in one piece, at the memory of a tile."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.operators import tiles
from gpkit.operators.tiles import gram, gram_lower

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


# Whole below _LARGE, tiles in derivatives from there on, tiles throughout above _WHOLE.
@pytest.mark.parametrize(("large", "whole"), [(1000, 2000), (300, 2000), (300, 310)])
def test_lower_triangle_with_derivatives(monkeypatch, large, whole):
    monkeypatch.setattr(tiles, "_LARGE", large)
    monkeypatch.setattr(tiles, "_WHOLE", whole)
    n = 530
    X = points(n)
    weights = jnp.tril(jnp.asarray(np.random.default_rng(2).normal(size=(n, n))))

    def value(matrix):
        def f(logs, X):
            kernel = jnp.exp(logs[2]) * gk.Matern52(jnp.exp(logs[:2])) + gk.Linear(0.4)
            return jnp.sum(weights * matrix(kernel, X))

        return f

    np.testing.assert_allclose(
        np.tril(gram_lower(KERNEL, X)), np.tril(KERNEL.gram(X, X)), rtol=1e-14, atol=1e-15
    )
    logs = jnp.asarray([-0.3, 0.2, 0.1])
    lower, full = value(gram_lower), value(lambda k, X: k.gram(X, X))
    found = jax.jit(jax.grad(lower, argnums=(0, 1)))(logs, X)
    expected = jax.jit(jax.grad(full, argnums=(0, 1)))(logs, X)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(lower))(logs, X), expected[0], rtol=1e-10)
    hessians = [jax.jit(jax.hessian(f))(logs, X) for f in (lower, full)]
    np.testing.assert_allclose(hessians[0], hessians[1], rtol=1e-9, atol=1e-9)


def test_derivatives_touch_no_tile_above_the_diagonal(monkeypatch):
    monkeypatch.setattr(tiles, "_LARGE", 300)
    X = points(530)
    tangent = jax.jvp(lambda v: gram_lower(v * gk.RBF([0.7, 1.6]), X), (1.0,), (1.0,))[1]
    np.testing.assert_array_equal(tangent[:256, 256:], 0)
    np.testing.assert_array_equal(tangent[256:512, 512:], 0)
    np.testing.assert_allclose(np.tril(tangent), np.tril(gk.RBF([0.7, 1.6]).gram(X, X)), rtol=1e-14)
