"""v^H f(A) v: both gradients against the dense derivative, breakdown, frozen basis."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import funm_quadratic
from gpkit.results import Status
from tests.linalg import krylov_cases as cases


def _exact(f):
    return lambda p, v: jnp.vdot(v, cases.spectral(f, 0.5 * (p + p.conj().T)) @ v).real


def _form(f, depth, **options):
    return lambda p, v: funm_quadratic(f, cases.symmetrised, v, p, depth=depth, **options).value


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("gradient", ["adjoint", "frozen"])
@pytest.mark.parametrize("f", [jnp.log, jnp.exp, jax.lax.rsqrt])
def test_full_depth_equals_the_dense_form(f, gradient, complex_):
    matrix = cases.hermitian(jnp.logspace(-2, 0, 16), complex_=complex_)
    v = cases.random((16,), 1, complex_=complex_)

    @jax.jit
    def run(p, v):
        forms = _form(f, 16, gradient=gradient), _exact(f)
        return [jax.value_and_grad(form, (0, 1))(p, v) for form in forms]

    assert cases.relative(*run(matrix, v)) < 1e-11


@pytest.mark.parametrize("gradient", ["adjoint", "frozen"])
def test_forward_mode_equals_reverse_mode(gradient):
    args = cases.hermitian(jnp.logspace(-3, 0, 40)), cases.random((40,), 1)
    dargs = cases.random((40, 40), 2), cases.random((40,), 3)
    form = _form(jnp.log, 12, gradient=gradient)

    @jax.jit
    def both(args, dargs):
        gradients = jax.grad(form, (0, 1))(*args)
        return jax.jvp(form, args, dargs)[1], sum(jnp.vdot(g, d) for g, d in zip(gradients, dargs))  # noqa: B905

    np.testing.assert_allclose(*both(args, dargs), rtol=1e-12)


def test_the_adjoint_is_exact_for_the_steps_made_and_the_frozen_basis_nearly_so():
    """At depth 12 of 40 both are approximations of the dense gradient, the value a better one."""
    matrix, v = cases.hermitian(jnp.logspace(-2, 0, 40)), cases.random((40,), 1)
    want = jax.grad(_exact(jnp.log))(matrix, v)
    errors = {}
    for gradient in ("adjoint", "frozen"):
        got = jax.jit(jax.grad(_form(jnp.log, 12, gradient=gradient)))(matrix, v)
        errors[gradient] = cases.relative(got, want)
    assert 1e-4 < errors["adjoint"] < 0.05
    assert errors["adjoint"] < errors["frozen"] < 10 * errors["adjoint"]


@pytest.mark.parametrize("gradient", ["adjoint", "frozen"])
@pytest.mark.parametrize(
    ("eigenvalues", "num_steps"),
    [
        pytest.param(np.full(12, 2.0), 1, id="multiple of the identity"),
        pytest.param(np.r_[np.full(11, 1e-3), 5.0], 2, id="rank one plus noise"),
        pytest.param(np.repeat([1.0, 2.0, 5.0], 4), 3, id="duplicates"),
        pytest.param(np.linspace(1, 2, 12), 12, id="depth n"),
    ],
)
def test_breakdown_keeps_value_and_gradient_exact(eigenvalues, num_steps, gradient):
    matrix, v = cases.hermitian(eigenvalues), cases.random((12,), 1)

    def form(p, v):
        out = funm_quadratic(jnp.log, cases.symmetrised, v, p, depth=12, gradient=gradient)
        return out.value, out

    (value, out), (dp, dv) = jax.jit(jax.value_and_grad(form, (0, 1), has_aux=True))(matrix, v)
    assert int(out.num_steps) == num_steps
    assert int(out.status) == (Status.SUCCESS if num_steps == 12 else Status.EARLY_BREAKDOWN)
    dense = cases.spectral(jnp.log, matrix)
    np.testing.assert_allclose(value, v @ dense @ v, rtol=1e-12)
    np.testing.assert_allclose(dv, 2 * dense @ v, rtol=1e-10, atol=1e-10)
    # The dense derivative by divided differences, written out.
    w, s = np.linalg.eigh(np.asarray(matrix))
    gap = w[:, None] - w[None]
    near = np.abs(gap) < 1e-9
    table = np.where(near, 1 / w, (np.log(w)[:, None] - np.log(w)) / np.where(near, 1, gap))
    along = s.T @ np.asarray(v)
    want = s @ (table * np.outer(along, along)) @ s.T
    np.testing.assert_allclose(dp, want, rtol=1e-9, atol=1e-9 * np.abs(want).max())


def test_zero_vector_gives_zero_and_a_finite_gradient():
    form = _form(jnp.log, 3)
    value, gradient = jax.value_and_grad(form, argnums=1)(2 * jnp.eye(4), jnp.zeros(4))
    assert float(value) == 0.0
    np.testing.assert_allclose(gradient, 0.0)


def test_float32():
    args = cases.hermitian(jnp.linspace(1.0, 4.0, 24)), cases.random((24,), 1)
    run = jax.jit(jax.value_and_grad(_form(jnp.log, 8), (0, 1)))
    low = run(*(x.astype(jnp.float32) for x in args))
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(low))
    assert cases.relative(low, run(*args)) < 1e-5


def test_wrong_gradient_is_named():
    with pytest.raises(ValueError, match='"adjoint" or "frozen"'):
        _form(jnp.log, 2, gradient="forward")(jnp.eye(3), jnp.ones(3))
