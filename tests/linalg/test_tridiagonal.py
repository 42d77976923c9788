"""Lanczos: the decomposition, both modes of its derivative, breakdown, memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import krylov, lanczos
from gpkit.linalg.tridiagonal import maps
from gpkit.results import Status
from tests.linalg import krylov_cases as cases


def _plain(depth, reortho):
    """The same forward computation, differentiated by JAX through the loop."""
    forward = maps(lambda p, x: cases.symmetrised(x, p), depth, reortho == "full").forward
    return lambda v, p: cases.smooth(forward(p, v))


def _ours(depth, reortho):
    def run(v, p):
        return cases.smooth(lanczos(cases.symmetrised, v, p, depth=depth, reortho=reortho))

    return run


def _compare(eigenvalues, depth, reortho, *, complex_):
    matrix = cases.hermitian(eigenvalues, complex_=complex_)
    n = matrix.shape[0]
    args = (cases.random((n,), 1, complex_=complex_), matrix)
    dargs = (cases.random((n,), 2, complex_=complex_), cases.random((n, n), 3, complex_=complex_))
    out, tangents, gradients = cases.both_modes(_ours(depth, reortho), args, dargs)
    _, plain_tangents, plain_gradients = cases.both_modes(_plain(depth, reortho), args, dargs)
    return (
        cases.relative(tangents, plain_tangents),
        cases.relative(gradients, plain_gradients),
        cases.pairing_gap(out, tangents, gradients, dargs),
    )


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(
    ("depth", "reortho"), [(1, "full"), (7, "full"), (7, "none"), (20, "full")]
)
def test_decomposition(depth, reortho, complex_):
    matrix = cases.hermitian(jnp.linspace(1.0, 4.0, 20), complex_=complex_)
    v = cases.random((20,), 1, complex_=complex_)
    got = jax.jit(lambda v, p: lanczos(cases.dense, v, p, depth=depth, reortho=reortho))(v, matrix)
    rows = got.basis
    error = rows @ matrix.T - got.matrix() @ rows
    np.testing.assert_allclose(error[:-1], 0, atol=1e-13)
    np.testing.assert_allclose(error[-1], got.residual, atol=1e-13)
    np.testing.assert_allclose(rows.conj() @ rows.T, jnp.eye(depth), atol=1e-11)
    np.testing.assert_allclose(rows[0] * got.norm, v, atol=1e-13)
    assert got.diagonal.dtype == got.offdiagonal.dtype == jnp.float64
    assert (int(got.num_steps), int(got.status)) == (depth, Status.SUCCESS)


def test_full_reorthogonalisation_keeps_the_basis_orthogonal():
    matrix = cases.hermitian(jnp.logspace(-6, 0, 60))
    for reortho, bound in (("full", 1e-14), ("none", 2.0)):
        rows = lanczos(cases.dense, cases.random((60,), 1), matrix, depth=50, reortho=reortho).basis
        error = float(jnp.max(jnp.abs(rows @ rows.T - jnp.eye(50))))
        assert error < bound
    assert error > 0.1  # without it, orthogonality is lost: the comparison means something


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("reortho", ["full", "none"])
def test_derivatives_against_autodiff(reortho, complex_):
    errors = _compare(jnp.linspace(1.0, 9.0, 24), 8, reortho, complex_=complex_)
    assert max(errors) < 1e-12


@pytest.mark.parametrize("depth", [30, 100])
def test_derivatives_at_condition_1e6(depth):
    errors = _compare(jnp.logspace(-6, 0, 110), depth, "full", complex_=False)
    assert max(errors) < 1e-9


@pytest.mark.parametrize("size", range(1, 9))
def test_derivative_of_the_identity_on_hilbert_matrices(size):
    """A -> Q^T T Q is the identity at full depth, so its Jacobian is the symmetriser."""
    index = jnp.arange(size)
    hilbert = 1.0 / (1.0 + index[:, None] + index)

    def rebuild(p):
        steps = lanczos(cases.symmetrised, v, p, depth=size)
        return steps.basis.T @ steps.matrix() @ steps.basis

    v = cases.random((size,), 1)
    eye = jnp.eye(size * size).reshape(4 * (size,))
    want = 0.5 * (eye + eye.transpose(0, 1, 3, 2))
    for jacobian in (jax.jacrev, jax.jacfwd):
        got = jax.jit(jacobian(rebuild))(hilbert)
        assert float(jnp.sqrt(jnp.mean((got - want) ** 2))) < 1e-11


def _bilinear(p, v, depth):
    """Something that depends on every coefficient, smooth through a breakdown."""
    steps = lanczos(cases.symmetrised, v, p, depth=depth)
    power = steps.norm**2 * jnp.linalg.matrix_power(steps.matrix(), 3)[0, 0]
    return power, steps


@pytest.mark.parametrize(
    ("eigenvalues", "num_steps"),
    [
        pytest.param(np.full(12, 2.0), 1, id="multiple of the identity"),
        pytest.param(np.r_[np.full(11, 1e-3), 5.0], 2, id="rank one plus noise"),
        pytest.param(np.repeat([1.0, 2.0, 5.0], 4), 3, id="duplicates"),
        pytest.param(np.linspace(1, 2, 12), 12, id="depth n"),
        pytest.param(np.zeros(12), 1, id="zero matrix"),
    ],
)
def test_breakdown_ends_early_with_the_exact_gradient(eigenvalues, num_steps):
    matrix, v = cases.hermitian(eigenvalues), cases.random((12,), 1)
    run = jax.jit(jax.value_and_grad(_bilinear, argnums=(0, 1), has_aux=True), static_argnums=2)
    (value, steps), gradients = run(matrix, v, 12)
    want = jax.value_and_grad(lambda p, v: v @ p @ p @ p @ v, argnums=(0, 1))(matrix, v)
    assert int(steps.num_steps) == num_steps
    assert int(steps.status) == (Status.SUCCESS if num_steps == 12 else Status.EARLY_BREAKDOWN)
    np.testing.assert_allclose(value, want[0], rtol=1e-12, atol=1e-13)
    symmetric = 0.5 * (want[1][0] + want[1][0].T)
    np.testing.assert_allclose(gradients[0], symmetric, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(gradients[1], want[1][1], rtol=1e-10, atol=1e-10)
    assert np.all(np.asarray(steps.basis[num_steps:]) == 0)


def test_zero_vector_and_non_finite_product():
    steps = lanczos(cases.dense, jnp.zeros(4), jnp.eye(4), depth=3)
    assert (int(steps.num_steps), int(steps.status)) == (0, Status.EARLY_BREAKDOWN)
    assert np.all(np.isfinite(steps.matrix()))
    gradient = jax.grad(lambda v: lanczos(cases.dense, v, jnp.eye(4), depth=3).norm)(jnp.zeros(4))
    assert np.all(np.isfinite(gradient))
    steps = lanczos(lambda v: v * jnp.nan, jnp.ones(4), depth=3)
    assert int(steps.status) == Status.NON_FINITE


def test_pytrees_and_closures_agree_with_vectors():
    matrix = cases.hermitian(jnp.linspace(1.0, 4.0, 6))
    v = {"a": jnp.array([1.0, -2.0]), "b": (jnp.array([[0.5, 1.0], [2.0, -1.0]]),)}

    def loss(matrix, params, passed):
        def product(v, *params):
            scale = (params[0] if passed else outer)["scale"]
            flat = jnp.concatenate([v["a"], v["b"][0].ravel()])
            image = scale * (matrix @ flat)
            return {"a": image[:2], "b": (image[2:].reshape(2, 2),)}

        outer = params
        steps = lanczos(product, v, *([params] if passed else []), depth=4)
        assert steps.basis["b"][0].shape == (4, 2, 2)
        return jnp.sum(steps.diagonal**2) + jnp.sum(steps.basis["b"][0] ** 3)

    def plain(matrix, params, _):
        flat = jnp.concatenate([v["a"], v["b"][0].ravel()])
        steps = lanczos(lambda v, p, s: s * (p @ v), flat, matrix, params["scale"], depth=4)
        return jnp.sum(steps.diagonal**2) + jnp.sum(steps.basis[:, 2:] ** 3)

    params = {"scale": jnp.asarray(1.5), "unused": jnp.arange(3)}
    args = (matrix, params)
    run = [
        jax.jit(jax.value_and_grad(f, argnums=(0, 1), allow_int=True), static_argnums=2)(
            *args, flag
        )
        for f, flag in ((plain, True), (loss, True), (loss, False))
    ]
    for value, (dmatrix, dparams) in run[1:]:
        np.testing.assert_allclose(value, run[0][0], rtol=1e-14)
        np.testing.assert_allclose(dmatrix, run[0][1][0], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(dparams["scale"], run[0][1][1]["scale"], rtol=1e-12)


def test_vmap_over_probes_and_over_parameters():
    matrix = cases.hermitian(jnp.linspace(1.0, 4.0, 6))
    probes = cases.random((3, 6), 4)
    scales = jnp.array([1.0, 2.0, 0.5])

    def loss(v, scale):
        steps = lanczos(lambda v, p, s: s * (p @ v), v, matrix, scale, depth=4)
        return jnp.sum(steps.offdiagonal) + steps.diagonal[0] ** 2

    batched = jax.jit(jax.vmap(jax.value_and_grad(loss, (0, 1))))(probes, scales)
    single = [jax.jit(jax.value_and_grad(loss, (0, 1)))(v, s) for v, s in zip(probes, scales)]  # noqa: B905
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *single)
    assert cases.relative(batched, stacked) < 1e-13


def test_float32_follows_the_input_and_is_accurate():
    matrix = cases.hermitian(jnp.linspace(1.0, 9.0, 24))
    v = cases.random((24,), 1)

    def loss(p, v):
        steps = lanczos(cases.symmetrised, v, p, depth=8)
        return jnp.sum(jnp.sin(steps.diagonal)) + jnp.sum(steps.basis[3] ** 3)

    run = jax.jit(jax.grad(loss, (0, 1)))
    low = run(matrix.astype(jnp.float32), v.astype(jnp.float32))
    assert all(g.dtype == jnp.float32 for g in low)
    assert cases.relative(low, run(matrix, v)) < 2e-5


@pytest.mark.parametrize(
    ("reortho", "use", "bound"),
    [
        # The basis, and three vectors for each of the 10 steps that are pulled back together.
        ("full", "coefficients", 1.7),
        ("none", "coefficients", 1.7),
        ("full", "basis", 3.1),
    ],
)
def test_gradient_memory_in_units_of_the_basis(reortho, use, bound):
    n, depth = 5000, 50
    v = jnp.ones(n)

    def loss(d):
        steps = lanczos(lambda v, d: d * v, v, d, depth=depth, reortho=reortho)
        total = jnp.sum(jnp.sin(steps.diagonal))
        return total + (jnp.sum(jnp.sin(steps.basis)) if use == "basis" else 0)

    compiled = jax.jit(jax.grad(loss)).lower(jnp.ones(n)).compile()
    used = compiled.memory_analysis().temp_size_in_bytes
    assert used < bound * 8 * n * depth


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"depth": 0}, ValueError, "depth must lie between 1"),
        ({"depth": 5}, ValueError, "got 5"),
        ({"depth": 2, "reortho": "partial"}, ValueError, "reortho"),
        ({"depth": 2.5}, TypeError, "integer"),
    ],
)
def test_wrong_options_are_named(options, error, match):
    with pytest.raises(error, match=match):
        lanczos(cases.dense, jnp.ones(4), jnp.eye(4), **options)


def test_wrong_vectors_and_products_are_named():
    with pytest.raises(TypeError, match="floating-point"):
        lanczos(cases.dense, jnp.arange(4), jnp.arange(16).reshape(4, 4), depth=2)
    with pytest.raises(ValueError, match="structure and shape of v"):
        lanczos(lambda v: v[:2], jnp.ones(4), depth=2)


def test_mixed_dtypes_take_the_wider_one():
    matrix = cases.hermitian(jnp.linspace(1.0, 4.0, 5), complex_=True)
    steps = lanczos(cases.dense, jnp.ones(5, jnp.float32), matrix, depth=2)
    assert steps.basis.dtype == jnp.complex128
    assert krylov.flatten(cases.dense, jnp.ones(5), (matrix,)).num_rows == 5
