"""Products that never form the matrix, and gradients in one pass, against the dense matrix."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.kernels.derivatives import root
from gpkit.kernels.stationary import AbstractStationary
from gpkit.operators import KernelOperator
from tests.helpers import KERNELS

N, M, D = 700, 530, 2
RNG = np.random.default_rng(4)
X = jnp.asarray(RNG.normal(size=(N, D)))
# Rows that the two sets share, so that distances of zero are on either path.
Z = jnp.asarray(RNG.normal(size=(M, D))).at[:5].set(X[:5])
SIMPLE = 1.3 * gk.Matern32([0.7, 1.6]) + gk.Linear(0.3)
COMPOSED = (
    1.3 * gk.Matern32([0.7, 1.6]) * gk.Periodic(1.1, 2.0)
    + gk.Linear(0.3, offset=0.2)
    + gk.Select(gk.RBF(0.5), [1])
    + gk.ChangePoint(gk.Matern12(0.8), gk.Constant(0.4), 0.1, 2.0)
)


def columns(n, k=3, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(n, k)))


def dense(kernel, X, Z):
    return kernel.gram(X, X if Z is None else Z)


def fast_or_slow(case):
    """Kernels with a form of their own are fast tests; the rest share the general one."""
    own = case.name in ("matern12", "matern32", "periodic", "linear", "change_point", "hamming")
    return pytest.param(case, id=case.name, marks=() if own else pytest.mark.slow)


@pytest.mark.parametrize(
    "dtype", [jnp.float32, pytest.param(jnp.float64, marks=pytest.mark.slow)], ids=["32", "64"]
)
@pytest.mark.parametrize("case", [fast_or_slow(case) for case in KERNELS])
def test_every_kernel_multiplies_like_its_matrix(case, dtype):
    points = jnp.asarray(RNG.normal(size=(40, case.d))).at[7].set(0.5).at[11].set(0.5)
    K = np.asarray(case.kernel.gram(points, points))
    V = columns(40)
    found = KernelOperator(case.kernel, points, dtype=dtype) @ jnp.hstack([jnp.eye(40), V])
    atol = (2e-14 if dtype == jnp.float64 else 1e-6) * np.abs(K).max()
    np.testing.assert_allclose(found[:, :40], K, rtol=0, atol=atol)
    # Equal rows are exactly equal, whatever a matrix product makes of their distance.
    np.testing.assert_array_equal(found[7, 11], found[7, 7])
    np.testing.assert_allclose(found[:, 40:], K @ V, rtol=0, atol=40 * atol)


@pytest.mark.parametrize(
    ("kernel", "other"),
    [
        pytest.param(1.3 * gk.Matern32([0.7, 1.6]), None, id="matern32"),
        pytest.param(COMPOSED, None, id="symmetric", marks=pytest.mark.slow),
        pytest.param(COMPOSED, Z, id="rectangular", marks=pytest.mark.slow),
    ],
)
def test_product_gradient_and_second_derivatives_are_those_of_the_matrix(kernel, other):
    params, static = eqx.partition(kernel, eqx.is_inexact_array)
    V = columns(N if other is None else M)
    U = columns(N, seed=2)

    def value(apply):
        return lambda p, X, Z, V: jnp.sum(U * jnp.sin(apply(eqx.combine(p, static), X, Z, V)))

    tiled = value(lambda kernel, X, Z, V: KernelOperator(kernel, X, Z) @ V)
    whole = value(lambda kernel, X, Z, V: dense(kernel, X, Z) @ V)
    args = (params, X, other, V)
    key = iter(jax.random.split(jax.random.key(0), 50))
    direction = jax.tree.map(lambda a: jax.random.normal(next(key), a.shape), args)
    wrt = (0, 1, 3) if other is None else (0, 1, 2, 3)

    def report(f):
        gradient = jax.grad(f, wrt)
        mixed = jax.jvp(gradient, args, direction)
        return jax.jvp(f, args, direction), mixed

    found, expected = jax.jit(lambda: (report(tiled), report(whole)))()
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * float(jnp.max(jnp.abs(b))))


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("other", [None, Z], ids=["symmetric", "rectangular"])
def test_gradient_of_a_bilinear_form(dtype, other):
    kernel = 1.3 * gk.Matern32([0.7, 1.6]) + gk.RationalQuadratic(0.9, 1.4)
    U, W = columns(N, seed=2), columns(N if other is None else M)
    params, static = eqx.partition(kernel, eqx.is_inexact_array)

    @jax.jit
    def expected(params, X, Z):
        form = lambda p, X, Z: jnp.sum(U * (dense(eqx.combine(p, static), X, Z) @ W))  # noqa: E731
        return jax.grad(form, (0, 1) if Z is None else (0, 1, 2))(params, X, Z)

    found = KernelOperator(kernel, X, other, dtype=dtype).bilinear_gradient(U, W)
    leaves = jax.tree.leaves((found.kernel, found.X, found.Z))
    tolerance = 1e-12 if dtype == jnp.float64 else 5e-5
    for a, b in zip(leaves, jax.tree.leaves(expected(params, X, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * float(abs(b).max()))


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_symmetric_to_rounding(dtype):
    op = KernelOperator(SIMPLE, X, dtype=dtype)
    U, V = columns(N, 3, 5), columns(N, 3, 6)
    eps = float(jnp.finfo(dtype).eps)
    scale = float(jnp.linalg.norm(U) * jnp.linalg.norm(op @ V))
    assert abs(float(jnp.sum(U * (op @ V)) - jnp.sum(V * (op @ U)))) < 4 * eps * scale


def test_float32_tiles_hold_their_error_where_a_matrix_product_cancels():
    # Outliers 300 lengthscales away, and rows that are equal or nearly so.
    rng = np.random.default_rng(8)
    points = rng.normal(size=(600, 4))
    points[:30] *= 200
    points[30:60] = points[:30]
    points[60:90] = points[:30] + 1e-7 * rng.normal(size=(30, 4))
    for kernel in (gk.Matern12(0.7), gk.Matern32(0.7)):
        found = KernelOperator(kernel, points, dtype=jnp.float32).matmul(jnp.eye(600))
        np.testing.assert_allclose(found, kernel(points), rtol=0, atol=1e-6)
        np.testing.assert_array_equal(found[np.arange(30), np.arange(30, 60)], 1.0)


class Root(AbstractStationary):
    """A user's kernel with a kink: it shows the square root of any error of a distance."""

    lengthscale: Any

    def profile(self, s):
        return jnp.exp(-root(s))


def test_equal_rows_are_equal_for_any_function_of_distance():
    points = np.repeat(np.random.default_rng(9).normal(size=(20, 4)), 2, axis=0)
    kernel = Root(lengthscale=jnp.asarray(0.01))
    found = KernelOperator(kernel, points, dtype=jnp.float32).matmul(jnp.eye(40))
    np.testing.assert_array_equal(found[np.arange(0, 40, 2), np.arange(1, 40, 2)], 1.0)


def test_one_vector_many_axes_and_precision_of_results():
    op = KernelOperator(SIMPLE, X)
    V = columns(N, 4)
    np.testing.assert_allclose(op @ V[:, 0], (op @ V)[:, 0], rtol=0, atol=1e-11)
    cube = (op @ V.reshape(N, 2, 2)).reshape(N, 4)
    np.testing.assert_allclose(cube, op @ V, rtol=0, atol=1e-11)
    batch = jax.vmap(op.matmul, in_axes=1, out_axes=1)(V)
    np.testing.assert_allclose(batch, op @ V, rtol=0, atol=1e-11)
    assert (op @ V).dtype == jnp.float64
    low = KernelOperator(op.kernel, X.astype(jnp.float32))
    assert low.dtype == jnp.float32
    assert (low @ V.astype(jnp.float32)).dtype == jnp.float32
    assert (low @ V).dtype == jnp.float64


def test_columns_diagonal_and_shape():
    op, cross = KernelOperator(SIMPLE, X), KernelOperator(SIMPLE, X, Z)
    places = jnp.asarray([5, 0, 5])
    whole = SIMPLE(X)
    np.testing.assert_allclose(op.columns(places), whole[:, places], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(cross.columns(places), SIMPLE(X, Z)[:, places], atol=1e-15)
    np.testing.assert_allclose(op.diagonal(), jnp.diagonal(whole), rtol=1e-13)
    assert op.shape == (N, N)
    assert cross.shape == (N, M)
    with pytest.raises(ValueError, match="diagonal"):
        cross.diagonal()


def test_small_memory_gives_smaller_tiles_and_the_same_product():
    V = columns(N)
    free, tight = KernelOperator(SIMPLE, X), KernelOperator(SIMPLE, X, memory="1.5 MB")
    assert tight.grid(3).rows < free.grid(3).rows
    np.testing.assert_allclose(tight @ V, free @ V, rtol=0, atol=1e-11)
    with pytest.raises(ValueError, match=r"too small.*fewer right-hand sides"):
        KernelOperator(SIMPLE, X, memory="100 KB") @ V


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="columns"):
        KernelOperator(COMPOSED, X, Z[:, :1])
    with pytest.raises(ValueError, match="floating point"):
        KernelOperator(COMPOSED, X, dtype=int)
    with pytest.raises(ValueError, match="memory"):
        KernelOperator(COMPOSED, X, memory="a lot")
    op = KernelOperator(COMPOSED, X)
    with pytest.raises(ValueError, match="V must have 700 rows"):
        op @ jnp.ones(3)
    with pytest.raises(ValueError, match="equally many columns"):
        op.bilinear_gradient(columns(N, 2), columns(N, 3))
