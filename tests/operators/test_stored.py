"""Stored tiles: the numbers and derivatives of the operator they were made of."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.operators import KernelOperator, StoredOperator, stored_bytes

N = 700
RNG = np.random.default_rng(3)
X = jnp.asarray(RNG.normal(size=(N, 2)))
V = jnp.asarray(RNG.normal(size=(N, 3)))
KERNEL = 1.3 * gk.Matern32([0.7, 1.6])


def test_products_and_derivatives_to_second_order_are_those_of_the_operator():
    params, static = eqx.partition(KERNEL, eqx.is_inexact_array)

    def value(wrapped):
        def f(params, X, V):
            op = wrapped(KernelOperator(eqx.combine(params, static), X))
            return jnp.sum(jnp.sin(op @ V))

        return f

    args = (params, X, V)
    direction = jax.tree.map(jnp.cos, args)

    @jax.jit
    def report():
        first = [jax.jvp(f, args, direction) for f in both]
        second = [jax.jvp(jax.grad(f, (0, 1, 2)), args, direction) for f in both]
        return list(zip(first, second, strict=True))

    both = value(StoredOperator), value(lambda op: op)
    found, expected = report()
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11 * float(jnp.max(jnp.abs(b))))


def test_half_of_the_matrix_is_kept_in_the_precision_of_the_tiles():
    op = KernelOperator(KERNEL, X, dtype=jnp.float32)
    kept = StoredOperator(op)
    assert kept.tiles.dtype == jnp.float32
    assert stored_bytes(op) == kept.tiles.nbytes < 0.8 * 4 * N**2
    assert kept.shape == (N, N)
    assert kept.dtype == jnp.float64
    np.testing.assert_allclose(kept @ V[:, 0], KERNEL(X) @ V[:, 0], rtol=0, atol=1e-4)
    places = jnp.asarray([3, 1])
    np.testing.assert_allclose(kept.columns(places), KERNEL(X)[:, places], rtol=1e-12)


def test_what_does_not_fit_or_is_not_symmetric_is_refused():
    with pytest.raises(ValueError, match=r"need 2.8 MB, more than the memory of 1 MB"):
        StoredOperator(KernelOperator(KERNEL, X), memory="1MB")
    with pytest.raises(ValueError, match="leave Z out"):
        StoredOperator(KernelOperator(KERNEL, X, X))


@pytest.mark.parametrize("kernel", [KERNEL, 1.3 * gk.Matern12([0.7, 1.6]), 1.3 * gk.Periodic(2.0)])
def test_deflated_tiles_round_what_is_left_and_not_the_matrix(kernel):
    # Equal rows, and points far from the origin.
    points = X.at[5:9].set(X[0]) + 100.0
    K = kernel.gram(points, points)
    values, vectors = jnp.linalg.eigh(K)
    factor = vectors[:, -60:] * jnp.sqrt(values[-60:])
    left = float(jnp.max(jnp.abs(K - factor @ factor.T)))
    op = KernelOperator(kernel, points, dtype=jnp.float32)
    deflated = StoredOperator(op, deflation=factor)
    plain = StoredOperator(op)
    unit = jnp.eye(N)[:, :40]
    errors = [float(jnp.max(jnp.abs(found @ unit - K[:, :40]))) for found in (deflated, plain)]
    assert errors[0] < 1e-7 * left + 1e-11
    assert left > 0.2 or errors[0] < 0.5 * errors[1]


def test_quadratic_form_has_the_gradient_of_the_bilinear_one():
    op = KernelOperator(KERNEL, X.at[5:9].set(X[0]))
    c = jnp.asarray([0.5, -1.0, 2.0])
    found = op.quadratic_gradient(V, c)
    wanted = op.bilinear_gradient(V * c, V)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-6)
