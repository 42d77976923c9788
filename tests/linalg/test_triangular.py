"""Triangular products and solves: values, and gradients that stay in the triangle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import sum_log_diagonal, syrk, trmm, trsm
from tests.linalg.lowered import batched_triangular_solves

RNG = np.random.default_rng(0)
SIDES = [(side, trans) for side in ("left", "right") for trans in ("N", "T")]
# Second derivatives of one case by default, of the others when there is time.
SECOND = [pytest.param(*each, marks=[pytest.mark.slow] * (i > 0)) for i, each in enumerate(SIDES)]


def triangle(n, dtype=np.float64, seed=0):
    """Well conditioned, and with numbers above the diagonal that nobody may read."""
    a = np.random.default_rng(seed).normal(size=(n, n)) / np.sqrt(n)
    return (a + 2 * np.eye(n)).astype(dtype)


def operand(n, side, dtype=np.float64):
    shape = (n, 3) if side == "left" else (3, n)
    return RNG.normal(size=shape).astype(dtype)


def product(factor, b, side, trans):
    op = jnp.tril(factor) if trans == "N" else jnp.tril(factor).T
    return op @ b if side == "left" else b @ op


# In one strip, and in three of which the last is narrower.
@pytest.mark.parametrize("n", [1, 300])
@pytest.mark.parametrize(("side", "trans"), SIDES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_product_and_solve_invert_each_other(n, side, trans, dtype):
    factor, b = triangle(n, dtype), operand(n, side, dtype)

    @jax.jit
    def there_and_back(factor, b):
        product = trmm(factor, b, side=side, trans=trans)
        return product, trsm(factor, product, side=side, trans=trans)

    got, back = there_and_back(factor, b)
    assert got.dtype == back.dtype == dtype
    want = product(factor.astype(float), b, side, trans)
    np.testing.assert_allclose(got, want, atol=30 * np.finfo(dtype).eps * np.max(np.abs(want)))
    np.testing.assert_allclose(back, b, atol=100 * np.finfo(dtype).eps * np.max(np.abs(b)))


@pytest.mark.parametrize("trans", ["N", "T"])
def test_vectors(trans):
    factor, x = triangle(5), RNG.normal(size=5)
    want = product(factor, x, "left", trans)
    np.testing.assert_allclose(trmm(factor, x, trans=trans), want, rtol=1e-14)
    np.testing.assert_allclose(trsm(factor, want, trans=trans), x, rtol=1e-13)
    want = product(factor, x, "right", trans)
    np.testing.assert_allclose(trmm(factor, x, side="right", trans=trans), want, rtol=1e-14)


def reference(name):
    def solve(factor, b, side, trans):
        op = jnp.tril(factor) if trans == "N" else jnp.tril(factor).T
        return jnp.linalg.solve(op, b) if side == "left" else jnp.linalg.solve(op.T, b.T).T

    return product if name == "trmm" else solve


@pytest.mark.parametrize("name", ["trmm", "trsm"])
@pytest.mark.parametrize(("side", "trans"), SECOND)
def test_gradients_and_hessians_of_dense_operations(name, side, trans):
    factor, b = jnp.asarray(triangle(3)), jnp.asarray(operand(3, side))
    operator = {"trmm": trmm, "trsm": trsm}[name]

    def loss(function):
        return lambda factor, b: jnp.sum(jnp.sin(function(factor, b)))

    @jax.jit
    def derivatives(factor, b):
        own = loss(lambda f, b: operator(f, b, side=side, trans=trans))
        dense = loss(lambda f, b: reference(name)(f, b, side, trans))
        return [
            (
                jax.grad(f, (0, 1))(factor, b),
                jax.jacfwd(f, (0, 1))(factor, b),
                jax.hessian(f, (0, 1))(factor, b),
                jax.jacrev(jax.grad(f, (0, 1)), (0, 1))(factor, b),
            )
            for f in (own, dense)
        ]

    got, want = derivatives(factor, b)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-12), got, want)
    np.testing.assert_array_equal(np.triu(got[0][0], 1), 0)


def test_gradients_through_strips():
    factor, b = triangle(300), operand(300, "left")

    @jax.jit
    def gradients(factor):
        return [
            jax.grad(lambda x: jnp.sum(jnp.sin(trmm(x, b))))(factor),
            jax.grad(lambda x: jnp.sum(jnp.sin(product(x, b, "left", "N"))))(factor),
            jax.grad(lambda x: jnp.sum(jnp.sin(syrk(x))))(factor),
            jax.grad(lambda x: jnp.sum(jnp.sin(x @ x.T)))(factor),
        ]

    own, dense, own_outer, dense_outer = gradients(factor)
    np.testing.assert_allclose(own, dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(own_outer, dense_outer, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("n", [1, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_syrk_is_symmetric_to_the_last_bit(n, dtype):
    a = RNG.normal(size=(n, 7)).astype(dtype)
    got = syrk(a)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, got.T)
    np.testing.assert_allclose(got, a.astype(float) @ a.T, atol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(syrk(a.T, trans="T"), got, atol=100 * np.finfo(dtype).eps)


def test_derivatives_of_syrk():
    a = RNG.normal(size=(3, 2))
    weight = RNG.normal(size=(3, 3))

    @jax.jit
    def derivatives(a):
        own, dense = (
            lambda a, f=f: jnp.sum(weight * jnp.sin(f(a))) for f in (syrk, lambda a: a @ a.T)
        )
        return [(jax.jacfwd(f)(a), jax.grad(f)(a), jax.hessian(f)(a)) for f in (own, dense)]

    got, want = derivatives(a)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13), got, want)


def test_sum_of_log_diagonal():
    factor = np.tril(triangle(4)) + np.eye(4)
    value, gradient = jax.value_and_grad(sum_log_diagonal)(factor)
    assert float(value) == pytest.approx(0.5 * np.linalg.slogdet(factor @ factor.T)[1], rel=1e-13)
    np.testing.assert_allclose(gradient, np.diag(1 / np.diagonal(factor)), rtol=1e-14)
    assert np.isnan(sum_log_diagonal(-factor))


def test_a_batch_is_solved_by_lapack_one_after_another():
    """XLA's own batched solve waits for ever where two of them run side by side."""
    factors = np.stack([triangle(4, seed=i) for i in range(3)])
    b = RNG.normal(size=(3, 4, 2))

    def loss(factor, b):
        return jnp.sum(jnp.sin(trsm(factor, b)))

    run = jax.jit(jax.vmap(jax.value_and_grad(loss, (0, 1))))
    assert batched_triangular_solves(run, factors, b) == 0
    got = run(factors, b)
    want = [jax.value_and_grad(loss, (0, 1))(*each) for each in zip(factors, b, strict=True)]
    want = jax.tree.map(lambda *x: jnp.stack(x), *want)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13), got, want)


def test_a_shared_factor_in_a_batch():
    factor, b = triangle(4), RNG.normal(size=(3, 4))
    got = jax.vmap(lambda b: trsm(factor, b))(b)
    np.testing.assert_allclose(got, trsm(factor, b.T).T, rtol=1e-13)


def test_a_zero_pivot_is_not_hidden():
    factor = np.tril(triangle(3))
    factor[1, 1] = 0
    assert not np.all(np.isfinite(trsm(factor, np.ones(3))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trmm(jnp.ones((2, 3)), jnp.ones(2)), r"trmm needs a square matrix"),
        (lambda: trsm(jnp.ones((2, 2)), jnp.ones(3)), r"needs b with 2 rows, got shape \(3,\)"),
        (lambda: trsm(jnp.eye(2), jnp.ones((2, 3)), side="right"), r"needs b with 2 columns"),
        (lambda: trmm(jnp.eye(2), jnp.ones(2), side="top"), r"side must be one of"),
        (lambda: trmm(jnp.eye(2), jnp.ones(2), trans="C"), r"trans must be one of"),
        (lambda: syrk(jnp.ones(3)), r"syrk needs a matrix, got shape \(3,\)"),
        (lambda: syrk(jnp.eye(2), trans="C"), r"trans must be one of"),
        (lambda: sum_log_diagonal(jnp.ones((2, 3))), r"sum_log_diagonal needs a square matrix"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
