"""Conjugate gradients and MINRES on a matrix of problems, beside SciPy's and lineax's solvers.

The kinds of problem are those that lineax tests its own solvers with: operators of several
structures in all dtypes, singular but consistent ones, pytrees, preconditioners, and every
way of differentiating and batching; sizes and references are our own.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg

from gpkit import GP
from gpkit.kernels import Matern32
from gpkit.linalg import cg, minres
from gpkit.noise import Gaussian
from gpkit.operators import covariance
from gpkit.results import Status

N = 6
DTYPES = [jnp.float32, jnp.float64, jnp.complex64, jnp.complex128]
SOLVERS = {"cg": cg, "minres": minres}


def rounding(dtype):
    return float(jnp.finfo(dtype).eps)


def draw(shape, seed, dtype=jnp.float64):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=shape)
    full = real + 1j * rng.normal(size=shape) if jnp.issubdtype(dtype, jnp.complexfloating) else 0
    return jnp.asarray(full if jnp.issubdtype(dtype, jnp.complexfloating) else real, dtype)


def gram(seed, dtype):
    root = draw((N, N), seed, dtype)
    return root @ root.conj().T / N + 0.2 * jnp.eye(N, dtype=dtype)


def singular(seed, dtype):
    """A first row and column of zeros."""
    return gram(seed, dtype).at[0].set(0).at[:, 0].set(0)


OPERATORS = {
    "dense": gram,
    "diagonal": lambda seed, dtype: jnp.diag(jnp.abs(draw(N, seed).astype(dtype)) + 0.1),
    "identity": lambda seed, dtype: jnp.eye(N, dtype=dtype),
    "tridiagonal": lambda seed, dtype: (2 * jnp.eye(N) - jnp.eye(N, k=1) - jnp.eye(N, k=-1)).astype(
        dtype
    ),
    "singular": singular,
}


def product(v, a):
    return a @ v


@partial(jax.jit, static_argnames=("solver", "rtol"))
def solve(a, b, solver, rtol):
    return SOLVERS[solver](product, b, a, rtol=rtol, max_steps=50)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_solution_of_least_norm(solver, kind, dtype):
    a, x = OPERATORS[kind](1, dtype), draw(N, 2, dtype)
    b = a @ x
    result = solve(a, b, solver, 20 * rounding(dtype))
    want = np.linalg.pinv(np.asarray(a), hermitian=True, rcond=1e-4) @ np.asarray(b)
    assert result.solution.dtype == dtype
    assert result.status == Status.SUCCESS
    np.testing.assert_allclose(result.solution, want, atol=1e4 * rounding(dtype))


@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_agrees_with_scipy(solver, preconditioned):
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(60, 60)))
    a = (q * np.logspace(-2, 1, 60)) @ q.T * np.outer(*2 * [np.logspace(0, 1, 60)])
    a, b = 0.5 * (a + a.T), rng.normal(size=60)
    inverse = 1 / np.diag(a) if preconditioned else np.ones(60)
    reference, info = getattr(scipy.sparse.linalg, solver)(
        a, b, rtol=1e-13, maxiter=1000, M=np.diag(inverse)
    )
    ours = SOLVERS[solver](
        product, jnp.asarray(b), jnp.asarray(a), rtol=1e-9, preconditioner=lambda v: inverse * v
    )
    assert info == 0
    assert ours.status == Status.SUCCESS
    np.testing.assert_allclose(ours.solution, reference, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(a @ ours.solution, b, atol=1e-8)


def dense(a, b):
    return jnp.linalg.solve(a, b)


def ours(solver):
    return lambda a, b: SOLVERS[solver](product, b, a, rtol=1e-14).solution


@pytest.mark.parametrize(
    "dtype", [jnp.float64, pytest.param(jnp.complex128, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_derivative_and_batch(solver, dtype):
    """Tangents in matrix, vector and both; second order; gradients; vmap over each and both."""
    a, da = (OPERATORS["dense"](seed, dtype) for seed in (1, 3))
    b, db = draw(N, 2, dtype), draw(N, 4, dtype)
    stack, vectors = jnp.stack([a, da + a]), jnp.stack([b, db])

    def loss(f):
        return lambda a, b: jnp.sum(jnp.abs(f(0.5 * (a + a.conj().T), b)) ** 2)

    @partial(jax.jit, static_argnums=0)
    def everything(f, a, da, b, db):
        tangent = jax.jvp(f, (a, b), (da, db))
        return {
            "matrix": jax.jvp(lambda a: f(a, b), (a,), (da,)),
            "vector": jax.jvp(lambda b: f(a, b), (b,), (db,)),
            "both": tangent,
            "twice": jax.jvp(lambda a: jax.jvp(f, (a, b), (da, db))[1], (a,), (da,)),
            "gradient": jax.grad(loss(f), (0, 1))(a, b),
            "vmap matrix": jax.vmap(f, (0, None))(stack, b),
            "vmap vector": jax.vmap(f, (None, 0))(a, vectors),
            "vmap both": jax.vmap(f)(stack, vectors),
            "vmap twice": jax.vmap(jax.vmap(f, (None, 0)), (0, None))(stack, vectors),
            "vmap of jvp": jax.vmap(lambda b: jax.jvp(f, (a, b), (da, db))[1])(vectors),
            "vmap of gradient": jax.vmap(jax.grad(loss(f)), (0, None))(stack, b),
        }

    got, want = everything(ours(solver), a, da, b, db), everything(dense, a, da, b, db)
    for name in want:
        for x, y in zip(jax.tree.leaves(got[name]), jax.tree.leaves(want[name]), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("solver", SOLVERS)
def test_derivatives_at_a_singular_operator_stay_in_its_range(solver):
    a, da = (singular(seed, jnp.float64) for seed in (1, 3))
    b, db = a @ draw(N, 2), a @ draw(N, 4)
    x, dx = jax.jvp(jax.jit(ours(solver)), (a, b), (da, db))
    inverse = jnp.linalg.pinv(a, hermitian=True)
    np.testing.assert_allclose(x, inverse @ b, atol=1e-10)
    np.testing.assert_allclose(dx, inverse @ (db - da @ inverse @ b), atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_pytrees_of_several_shapes(solver):
    a, x = gram(1, jnp.float64), draw(N, 2)
    tree = {"u": x[:4].reshape(2, 2), "w": (x[4], x[5:])}

    def on_tree(v, a):
        flat = a @ jnp.concatenate([v["u"].ravel(), v["w"][0][None], v["w"][1]])
        return {"u": flat[:4].reshape(2, 2), "w": (flat[4], flat[5:])}

    got = SOLVERS[solver](on_tree, on_tree(tree, a), a, rtol=1e-14).solution
    for part, want in zip(jax.tree.leaves(got), jax.tree.leaves(tree), strict=True):
        np.testing.assert_allclose(part, want, atol=1e-11)


# Both ways between the libraries


def _kernel_operator():
    X = draw((30, 2), 5)
    model = GP(Matern32(lengthscale=jnp.ones(2)), noise=Gaussian(0.1))
    return covariance(model, X)


def test_our_operator_in_lineax():
    lineax = pytest.importorskip("lineax", reason="lineax is an extra of the tests")
    ours, b = _kernel_operator(), draw(30, 6)
    theirs = lineax.FunctionLinearOperator(
        ours.matmul, jax.ShapeDtypeStruct(b.shape, b.dtype), lineax.positive_semidefinite_tag
    )
    got = lineax.linear_solve(theirs, b, lineax.CG(rtol=1e-12, atol=1e-12)).value
    want = cg(lambda v: ours.matmul(v), b, rtol=1e-12).solution
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(got, jnp.linalg.solve(ours.dense(), b), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_operator_of_lineax_in_ours(solver):
    lineax = pytest.importorskip("lineax", reason="lineax is an extra of the tests")
    a, b = gram(1, jnp.float64), draw(N, 2)

    def of(solve):
        def loss(a):
            operator = lineax.MatrixLinearOperator(
                0.5 * (a + a.T), lineax.positive_semidefinite_tag
            )
            return jnp.sum(jnp.sin(solve(operator)))

        return jax.jit(jax.value_and_grad(loss))(a)

    got = of(lambda operator: SOLVERS[solver](operator.mv, b, rtol=1e-13).solution)
    engine = lineax.CG(rtol=1e-13, atol=1e-13)
    want = of(lambda operator: lineax.linear_solve(operator, b, engine).value)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-9)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-8, atol=1e-10)
