"""f(A) v against dense matrix functions: values, derivatives, breakdown, memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import expm_multiply, funm_arnoldi, funm_lanczos, funm_quadratic
from gpkit.results import Status
from tests.linalg import krylov_cases as cases

FUNCTIONS = {
    "log": jnp.log,
    "exp": jnp.exp,
    "sqrt": jnp.sqrt,
    "inverse square root": jax.lax.rsqrt,
    "inverse": jnp.reciprocal,
    "any callable": lambda x: jnp.sin(x) / (1 + x),
}
N = 16


def _against_dense(function, dense, matrix, v, u):
    """Relative errors of value and gradients of Re u^H f(A) v."""

    @jax.jit
    def run(p, v):
        def loss(f):
            return jax.value_and_grad(lambda p, v: jnp.vdot(u, f(p, v)).real, (0, 1))(p, v)

        return loss(function), loss(dense)

    return cases.relative(*run(matrix, v))


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_hermitian_function_at_full_depth_equals_the_dense_one(name, complex_):
    f = FUNCTIONS[name]
    v, u = (cases.random((N,), seed, complex_=complex_) for seed in (1, 2))
    matrix = cases.hermitian(jnp.logspace(-2, 0, N), complex_=complex_)
    error = _against_dense(
        lambda p, v: funm_lanczos(f, cases.symmetrised, v, p, depth=N).value,
        lambda p, v: cases.spectral(f, 0.5 * (p + p.conj().T)) @ v,
        matrix,
        v,
        u,
    )
    assert error < 1e-11


@pytest.mark.parametrize("complex_", [False, True])
def test_general_function_at_full_depth_equals_the_dense_one(complex_):
    """The inverse of a general matrix has a dense reference: the solve."""
    v, u = (cases.random((N,), seed, complex_=complex_) for seed in (1, 2))
    matrix = 3 * jnp.eye(N) + 0.4 * cases.random((N, N), 3, complex_=complex_)
    error = _against_dense(
        lambda p, v: funm_arnoldi(jnp.reciprocal, cases.dense, v, p, depth=N).value,
        jnp.linalg.solve,
        matrix,
        v,
        u,
    )
    assert error < 1e-11


@pytest.mark.parametrize("complex_", [False, True])
def test_exponential_in_substeps_equals_the_dense_one(complex_):
    v, u = (cases.random((N,), seed, complex_=complex_) for seed in (1, 2))
    matrix = 0.5 * cases.random((N, N), 3, complex_=complex_)
    error = _against_dense(
        lambda p, v: expm_multiply(cases.dense, v, p, depth=14, num_substeps=4).value,
        lambda p, v: jax.scipy.linalg.expm(p) @ v,
        matrix,
        v,
        u,
    )
    assert error < 1e-11


def test_ghost_ritz_values_give_no_nan():
    """Depth far beyond convergence without reorthogonalisation: T has repeated eigenvalues."""
    eigenvalues = jnp.concatenate([jnp.linspace(1.0, 2.0, 39), jnp.array([1e3])])
    matrix, v = cases.hermitian(eigenvalues), cases.random((40,), 1)

    def loss(p):
        out = funm_lanczos(jnp.log, cases.symmetrised, v, p, depth=40, reortho="none")
        return out.value @ v

    got = jax.jit(jax.grad(loss))(matrix)
    want = jax.grad(lambda p: v @ cases.spectral(jnp.log, 0.5 * (p + p.T)) @ v)(matrix)
    assert cases.relative(got, want) < 1e-8


@pytest.mark.parametrize(
    "eigenvalues",
    [
        pytest.param(np.full(8, 2.0), id="multiple of the identity"),
        pytest.param(np.r_[np.full(7, 1e-3), 5.0], id="rank one plus noise"),
        pytest.param(np.repeat([1.0, 4.0], 4), id="duplicates"),
    ],
)
@pytest.mark.parametrize("function", [funm_lanczos, funm_arnoldi])
def test_breakdown_keeps_the_value_exact(function, eigenvalues):
    matrix, v = cases.hermitian(eigenvalues), cases.random((8,), 1)

    def loss(p, v):
        out = function(jnp.log, cases.symmetrised, v, p, depth=8)
        return jnp.sum(out.value), out

    run = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    (_, out), gradients = run(matrix, v)
    np.testing.assert_allclose(
        out.value, cases.spectral(jnp.log, matrix) @ v, rtol=1e-11, atol=1e-11
    )
    assert int(out.status) == Status.EARLY_BREAKDOWN
    assert int(out.num_steps) == len(set(eigenvalues))
    assert all(np.all(np.isfinite(g)) for g in gradients)


def test_gradients_at_a_breakdown():
    """v lies in an invariant space of dimension 3.

    f(A) v: the derivative has f[., .] within that space, and p[., .] towards its complement,
    p the polynomial that interpolates f at the Ritz values. Quadratic forms are exact, and so
    is a bilinear form by polarisation.
    """
    values, inside = jnp.linspace(1.0, 3.0, 7), jnp.arange(7) < 3
    vectors = jax.scipy.linalg.block_diag(cases.unitary(3, 4), cases.unitary(4, 5))
    matrix = (vectors * values) @ vectors.T
    v = vectors[:, :3] @ jnp.array([1.0, -2.0, 0.5])
    w = cases.random((7,), 2)

    def vector_form(p, v):
        out = funm_lanczos(jnp.log, cases.symmetrised, v, p, depth=6)
        return jnp.where(out.num_steps == 3, w @ out.value, jnp.nan)

    def polarised(p, v):
        def form(x):
            return funm_quadratic(jnp.log, cases.symmetrised, x, p, depth=7).value

        return 0.25 * (form(v + w) - form(v - w))

    ours, exact = (jax.jit(jax.grad(f, (0, 1)))(matrix, v) for f in (vector_form, polarised))
    coefficients = np.polyfit(values[:3], np.log(values[:3]), 2)
    polynomial = np.where(inside, np.log(values), np.polyval(coefficients, values))

    def expected(function):
        gap = values[:, None] - values
        table = jnp.where(
            gap == 0, 1 / values, (function[:, None] - function) / jnp.where(gap == 0, 1, gap)
        )
        gradient = vectors @ (table * jnp.outer(w @ vectors, v @ vectors)) @ vectors.T
        return 0.5 * (gradient + gradient.T), vectors @ (function * (vectors.T @ w))

    assert cases.relative(exact, expected(jnp.log(values))) < 1e-11
    assert cases.relative(ours, expected(jnp.asarray(polynomial))) < 1e-9
    assert cases.relative(ours, expected(jnp.log(values))) > 1e-3


def test_status_of_what_cannot_be():
    matrix = jnp.diag(jnp.array([-1.0, 1.0, 2.0]))
    out = funm_lanczos(jnp.log, cases.dense, jnp.ones(3), matrix, depth=3)
    assert int(out.status) == Status.NON_FINITE
    # A real matrix with an eigenvalue on the branch cut has no real square root.
    out = funm_arnoldi(jnp.sqrt, cases.dense, jnp.ones(3), matrix, depth=3)
    assert int(out.status) == Status.NON_FINITE
    jordan = jnp.eye(4) + jnp.diag(jnp.ones(3), 1)
    out = funm_arnoldi(jnp.exp, cases.dense, jnp.array([0.0, 0, 0, 1]), jordan, depth=4)
    assert int(out.status) == Status.BREAKDOWN
    out = expm_multiply(cases.dense, jnp.array([0.0, 0, 0, 1]), jordan, depth=4)
    np.testing.assert_allclose(out.value, np.e * np.array([1 / 6, 1 / 2, 1, 1]), rtol=1e-13)
    assert int(out.status) == Status.SUCCESS


def test_pytrees_and_a_function_closed_over_a_variable():
    matrix = cases.hermitian(jnp.linspace(1.0, 2.0, 4))
    v = {"a": jnp.array([1.0, -2.0]), "b": jnp.array([0.5, 1.5])}

    def product(v, p):
        image = p @ jnp.concatenate([v["a"], v["b"]])
        return {"a": image[:2], "b": image[2:]}

    def loss(power):
        out = funm_lanczos(lambda x: x**power, product, v, matrix, depth=4).value
        return jnp.sum(out["a"]) + jnp.sum(out["b"])

    flat = jnp.concatenate([v["a"], v["b"]])
    want = jax.grad(lambda s: jnp.sum(cases.spectral(lambda x: x**s, matrix) @ flat))(0.7)
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(0.7), want, rtol=1e-12)


@pytest.mark.parametrize(("function", "bound"), [(funm_lanczos, 1.7), (funm_arnoldi, 2.7)])
def test_gradient_memory_in_units_of_the_basis(function, bound):
    """No cotangent of the basis is built: one basis, two of Arnoldi, and a block of products."""
    n, depth = 5000, 50

    def loss(d, v):
        return jnp.sum(jnp.sin(function(jnp.log, lambda v, d: d * v, v, d, depth=depth).value))

    compiled = jax.jit(jax.grad(loss)).lower(jnp.ones(n), jnp.ones(n)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < bound * 8 * n * depth


def test_wrong_number_of_substeps_is_named():
    with pytest.raises(ValueError, match="num_substeps must be at least 1"):
        expm_multiply(cases.dense, jnp.ones(3), jnp.eye(3), depth=2, num_substeps=0)
