"""Arnoldi: the decomposition, both modes of its derivative, breakdown, memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import arnoldi
from gpkit.linalg.hessenberg import maps
from gpkit.results import Status
from tests.linalg import krylov_cases as cases


def _general(n, condition, *, complex_=False):
    """A matrix far from normal, with singular values spread over `condition`."""
    left, right = (cases.unitary(n, seed, complex_=complex_) for seed in (5, 6))
    return (left * jnp.logspace(-np.log10(condition), 0, n)) @ right


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(("depth", "reortho"), [(7, "full"), (7, "none"), (20, "full")])
def test_decomposition(depth, reortho, complex_):
    matrix, v = _general(20, 10.0, complex_=complex_), cases.random((20,), 1, complex_=complex_)
    got = jax.jit(lambda v, p: arnoldi(cases.dense, v, p, depth=depth, reortho=reortho))(v, matrix)
    rows = got.basis
    error = rows @ matrix.T - got.hessenberg.T @ rows
    np.testing.assert_allclose(error[:-1], 0, atol=1e-13)
    np.testing.assert_allclose(error[-1], got.residual, atol=1e-13)
    np.testing.assert_allclose(rows.conj() @ rows.T, jnp.eye(depth), atol=1e-11)
    np.testing.assert_allclose(rows[0] * got.norm, v, atol=1e-13)
    assert np.all(np.tril(np.asarray(got.hessenberg), -2) == 0)
    assert np.all(np.diag(np.asarray(got.hessenberg), -1).imag == 0)
    assert (int(got.num_steps), int(got.status)) == (depth, Status.SUCCESS)


@pytest.mark.parametrize(
    ("condition", "depth", "reortho", "complex_"),
    [
        (10.0, 8, "full", False),
        (10.0, 8, "none", False),
        (10.0, 8, "full", True),
        (10.0, 8, "none", True),
        (1e6, 30, "full", False),
        (1e6, 30, "full", True),
    ],
)
def test_derivatives_against_autodiff(condition, depth, reortho, complex_):
    """The directions are general: the derivative holds off the manifold of normal matrices."""
    n = 40
    forward = maps(lambda p, x: p @ x, depth, reortho == "full").forward

    def ours(v, p):
        return cases.smooth(arnoldi(cases.dense, v, p, depth=depth, reortho=reortho))

    args = (cases.random((n,), 1, complex_=complex_), _general(n, condition, complex_=complex_))
    dargs = tuple(cases.random(x.shape, 2, complex_=complex_) for x in args)
    out, tangents, gradients = cases.both_modes(ours, args, dargs)
    _, plain_tangents, plain_gradients = cases.both_modes(
        lambda v, p: cases.smooth(forward(p, v)), args, dargs
    )
    bound = 1e-11 if condition < 100 else 1e-9
    assert cases.relative(tangents, plain_tangents) < bound
    assert cases.relative(gradients, plain_gradients) < bound
    assert cases.pairing_gap(out, tangents, gradients, dargs) < bound


@pytest.mark.parametrize("size", range(1, 9))
def test_derivative_of_the_identity_on_hilbert_matrices(size):
    """A -> Q^T H^T Q is the identity at full depth (Kraemer et al. 2024, table 2)."""
    index = jnp.arange(size)
    hilbert = 1.0 / (1.0 + index[:, None] + index)

    def rebuild(p):
        steps = arnoldi(cases.dense, jnp.ones(size), p, depth=size)
        return steps.basis.T @ steps.hessenberg @ steps.basis

    want = jnp.eye(size * size).reshape(4 * (size,))
    reverse, forward = jax.jit(lambda p: (jax.jacrev(rebuild)(p), jax.jacfwd(rebuild)(p)))(hilbert)
    assert float(jnp.sqrt(jnp.mean((reverse - want) ** 2))) < 1e-11
    assert float(jnp.sqrt(jnp.mean((forward - want) ** 2))) < 1e-9


@pytest.mark.parametrize(
    ("matrix", "num_steps"),
    [
        pytest.param(2.0 * np.eye(8), 1, id="multiple of the identity"),
        pytest.param(
            np.eye(8) + np.outer(np.arange(8), np.ones(8)), 2, id="rank one plus identity"
        ),
        pytest.param(np.eye(8)[np.r_[1:8, 0]], 8, id="cyclic shift, depth n"),
    ],
)
def test_breakdown_ends_early_with_the_exact_gradient(matrix, num_steps):
    v, u = cases.random((8,), 1), jnp.asarray(matrix)

    def power(p, v):
        steps = arnoldi(cases.dense, v, p, depth=8)
        column = jnp.linalg.matrix_power(steps.hessenberg, 3)[:, 0]
        # v^T A^3 v: the first row is v / |v|
        return steps.norm * jnp.sum((column @ steps.basis) * v), steps

    run = jax.jit(jax.value_and_grad(power, argnums=(0, 1), has_aux=True))
    (value, steps), gradients = run(u, v)
    assert int(steps.num_steps) == num_steps
    assert int(steps.status) == (Status.SUCCESS if num_steps == 8 else Status.EARLY_BREAKDOWN)
    want = v @ u @ u @ u @ v
    np.testing.assert_allclose(value, want, rtol=1e-12)
    assert all(np.all(np.isfinite(g)) for g in gradients)
    if num_steps == 8:
        exact = jax.grad(lambda p, v: v @ p @ p @ p @ v, argnums=(0, 1))(u, v)
        assert cases.relative(gradients, exact) < 1e-12


def test_gradient_memory_in_units_of_the_basis():
    n, depth = 5000, 50
    v = jnp.ones(n)

    def loss(d):
        return jnp.sum(jnp.sin(arnoldi(lambda v, d: d * v, v, d, depth=depth).hessenberg))

    used = jax.jit(jax.grad(loss)).lower(jnp.ones(n)).compile().memory_analysis()
    # Two bases, and three vectors for each of the 10 steps that are pulled back together.
    assert used.temp_size_in_bytes < 2.7 * 8 * n * depth


def test_float32_follows_the_input_and_is_accurate():
    args = (_general(20, 10.0), cases.random((20,), 1))

    def loss(p, v):
        steps = arnoldi(cases.dense, v, p, depth=6)
        return jnp.sum(jnp.sin(steps.hessenberg)) + jnp.sum(steps.basis[3] ** 3)

    run = jax.jit(jax.grad(loss, (0, 1)))
    low = run(*(x.astype(jnp.float32) for x in args))
    assert all(g.dtype == jnp.float32 for g in low)
    assert cases.relative(low, run(*args)) < 2e-5


def test_wrong_options_are_named():
    with pytest.raises(ValueError, match="depth must lie between 1"):
        arnoldi(cases.dense, jnp.ones(4), jnp.eye(4), depth=5)
    with pytest.raises(ValueError, match="reortho"):
        arnoldi(cases.dense, jnp.ones(4), jnp.eye(4), depth=2, reortho="yes")
