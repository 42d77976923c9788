import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.refinement import mixed_precision_cg
from gpkit.results import Status

N = 60


def product(v, a):
    return a @ v


def with_spectrum(values):
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(N, N)))
    a = q @ np.diag(values) @ q.T
    return jnp.asarray((a + a.T) / 2)


# Right-hand sides in the range of A: for others |b - A x| / |b| cannot fall below eps cond(A).
WANTED = jnp.asarray(np.random.default_rng(1).normal(size=(N, 2)))


@jax.jit
def solve(a, b):
    return mixed_precision_cg(product, b, a, rtol=1e-12)


@pytest.mark.parametrize("condition", [1e2, 1e5, 1e8])
@pytest.mark.parametrize("decay", ["even", "sudden"])
def test_reaches_the_accuracy_of_float64(condition, decay):
    values = np.logspace(0, -np.log10(condition), N)
    if decay == "sudden":
        values = np.maximum(np.exp(-np.arange(N)), 1 / condition)
    a = with_spectrum(values)
    b = a @ WANTED
    result = solve(a, b)
    residual = np.linalg.norm(b - a @ result.solution, axis=0) / np.linalg.norm(b, axis=0)
    assert (residual <= 1e-12).all()
    assert (result.status == Status.SUCCESS).all()
    assert result.solution.dtype == jnp.float64
    assert result.num_products < 70


def test_the_products_are_in_low_precision():
    dtypes = []

    def spy(v, a):
        dtypes.append((v.dtype, a.dtype))
        return a @ v

    a = with_spectrum(np.logspace(0, -3, N))
    text = str(jax.make_jaxpr(lambda a, b: mixed_precision_cg(spy, b, a))(a, a @ WANTED))
    single = (jnp.dtype("float32"), jnp.dtype("float32"))
    assert set(dtypes) == {single, (jnp.dtype("float64"), jnp.dtype("float64"))}
    assert "f32[60,2] = dot_general" in text


def test_limit_of_the_arithmetic_is_reported():
    a = with_spectrum(np.logspace(0, -6, N))
    b = jnp.asarray(np.random.default_rng(2).normal(size=(N, 2)))
    result = solve(a, b)
    assert (result.status == Status.STAGNATED).all()
    size = np.linalg.norm(result.solution, axis=0)
    assert (result.residual_norm < 1e-14 * size).all()


def test_indefinite_and_non_finite_operators():
    a = with_spectrum(np.linspace(1, 2, N))
    assert (solve(-a, WANTED).status == Status.INDEFINITE).all()
    result = solve(a.at[1, 1].set(jnp.nan), WANTED)
    assert (result.status >= Status.STAGNATED).all()
    assert bool(jnp.isfinite(result.solution).all())


def test_preconditioner_and_given_low_product():
    a = with_spectrum(np.logspace(0, -6, N))
    inverse = jnp.linalg.inv(a).astype(jnp.float32)
    coarse = (a + 1e-6 * jnp.eye(N)).astype(jnp.float32)

    @jax.jit
    def better(a, b):
        return mixed_precision_cg(
            product,
            b,
            a,
            rtol=1e-12,
            low_matvec=lambda v, _: coarse @ v,
            preconditioner=lambda v: inverse @ v,
            inner_max_steps=8,
        )

    result = better(a, a @ WANTED)
    assert (result.status == Status.SUCCESS).all()
    np.testing.assert_allclose(a @ result.solution, a @ WANTED, rtol=1e-9, atol=1e-11)


def test_implicit_derivatives():
    a, shift = with_spectrum(np.logspace(0, -2, N)), jnp.diag(jnp.linspace(0.0, 1.0, N))
    b = WANTED[:, 0]

    def loss(solver):
        return lambda t: jnp.sum(jnp.sin(solver(a + t * shift, b)))

    ours = loss(lambda a, b: mixed_precision_cg(product, b, a, rtol=1e-12).solution)
    dense = loss(jnp.linalg.solve)
    np.testing.assert_allclose(jax.jit(jax.grad(ours))(0.3), jax.grad(dense)(0.3), rtol=1e-8)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(ours))(0.3), jax.grad(dense)(0.3), rtol=1e-8)
