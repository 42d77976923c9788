"""Golub-Kahan: the decomposition, both modes of its derivative, breakdown."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import bidiagonalise
from gpkit.linalg.bidiag import maps
from gpkit.results import Status
from tests.linalg import krylov_cases as cases


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(("m", "n", "depth"), [(14, 9, 5), (9, 14, 9)])
def test_decomposition(m, n, depth, complex_):
    matrix = cases.random((m, n), 0, complex_=complex_)
    v = cases.random((n,), 1, complex_=complex_)
    got = jax.jit(lambda v, p: bidiagonalise(cases.dense, v, p, depth=depth))(v, matrix)
    left, right = got.left.T, got.right.T
    np.testing.assert_allclose(matrix @ right, left @ got.matrix(), atol=1e-13)
    error = matrix.conj().T @ left - right @ got.matrix().T
    np.testing.assert_allclose(error[:, :-1], 0, atol=1e-13)
    np.testing.assert_allclose(error[:, -1], got.residual, atol=1e-13)
    np.testing.assert_allclose(left.conj().T @ left, jnp.eye(depth), atol=1e-14)
    np.testing.assert_allclose(right.conj().T @ right, jnp.eye(depth), atol=1e-14)
    assert got.diagonal.dtype == jnp.float64
    assert (int(got.num_steps), int(got.status)) == (depth, Status.SUCCESS)


@pytest.mark.parametrize(
    ("condition", "complex_", "bound"),
    [(10.0, False, 1e-11), (10.0, True, 1e-11), (1e4, False, 1e-9)],
)
def test_derivatives_against_autodiff(condition, complex_, bound):
    m, n, depth = 30, 20, 12
    left, right = cases.unitary(m, 5, complex_=complex_), cases.unitary(n, 6, complex_=complex_)
    matrix = (left[:, :n] * jnp.logspace(-np.log10(condition), 0, n)) @ right
    forward = maps(lambda p, x: p @ x, m, depth).forward
    args = (cases.random((n,), 1, complex_=complex_), matrix)
    dargs = tuple(cases.random(x.shape, 2, complex_=complex_) for x in args)
    out, tangents, gradients = cases.both_modes(
        lambda v, p: cases.smooth(bidiagonalise(cases.dense, v, p, depth=depth)), args, dargs
    )
    _, plain_tangents, plain_gradients = cases.both_modes(
        lambda v, p: cases.smooth(forward(p, v)), args, dargs
    )
    assert cases.relative(tangents, plain_tangents) < bound
    assert cases.relative(gradients, plain_gradients) < bound
    assert cases.pairing_gap(out, tangents, gradients, dargs) < bound


def test_derivative_of_the_identity_at_full_depth():
    matrix, v = cases.random((5, 4), 0), cases.random((4,), 1)

    def rebuild(p):
        steps = bidiagonalise(cases.dense, v, p, depth=4)
        return steps.left.T @ steps.matrix() @ steps.right

    got = jax.jit(jax.jacrev(rebuild))(matrix)
    # The columns of U span the range of A: perturbations out of it are seen at first order.
    np.testing.assert_allclose(got, jnp.eye(20).reshape(5, 4, 5, 4), atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "num_steps"),
    [
        pytest.param(3.0 * np.eye(6, 5), 1, id="orthonormal columns"),
        pytest.param(np.outer(np.arange(1.0, 7), [1.0, 0, 2, 0, 1]), 1, id="rank one"),
        pytest.param(np.zeros((6, 5)), 0, id="zero"),
    ],
)
def test_breakdown_ends_early_with_finite_gradients(matrix, num_steps):
    """|A v|^2 = |v|^2 e_1^T B B^T e_1 keeps its exact gradient."""

    def squared(p, v):
        steps = bidiagonalise(cases.dense, v, p, depth=4)
        return steps.norm**2 * jnp.sum(steps.matrix()[0, 0] ** 2), steps

    p, v = jnp.asarray(matrix), cases.random((5,), 1)
    run = jax.jit(jax.value_and_grad(squared, argnums=(0, 1), has_aux=True))
    (value, steps), gradients = run(p, v)
    assert int(steps.num_steps) == num_steps
    assert int(steps.status) == Status.EARLY_BREAKDOWN
    want, exact = jax.value_and_grad(lambda p, v: jnp.sum((p @ v) ** 2), argnums=(0, 1))(p, v)
    np.testing.assert_allclose(value, want, rtol=1e-12)
    for got, expected in zip(gradients, exact, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)


def test_pytrees_of_different_structure():
    matrix = cases.random((6, 4), 0)
    v = {"x": jnp.array([1.0, 2.0]), "y": jnp.array([0.5, -1.0])}

    def product(v, p):
        image = p @ jnp.concatenate([v["x"], v["y"]])
        return image[:2], image[2:].reshape(2, 2)

    got = bidiagonalise(product, v, matrix, depth=3)
    plain = bidiagonalise(cases.dense, jnp.array([1.0, 2.0, 0.5, -1.0]), matrix, depth=3)
    assert got.left[1].shape == (3, 2, 2)
    np.testing.assert_allclose(got.left[1].reshape(3, 4), plain.left[:, 2:], atol=1e-14)
    np.testing.assert_allclose(got.right["y"], plain.right[:, 2:], atol=1e-14)


def test_depth_is_limited_by_the_smaller_side():
    with pytest.raises(ValueError, match="smallest dimension of the operator, 3"):
        bidiagonalise(cases.dense, jnp.ones(5), jnp.ones((3, 5)), depth=4)
