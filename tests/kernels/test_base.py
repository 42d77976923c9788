"""What holds of every kernel, and the algebra of kernels."""

import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV

from gpkit import kernels as gk
from gpkit.params import Fixed, Positive, named_parameters, num_parameters, partition, val
from tests.helpers import KERNELS, points

every = pytest.mark.parametrize("case", KERNELS, ids=[case.name for case in KERNELS])
STEP = 1e-5


@eqx.filter_jit
def views(kernel, X, Z):
    """The same numbers by every road."""
    by_pair = jax.vmap(lambda x: jax.vmap(lambda z: kernel.pair(x, z))(Z))(X)
    return kernel(X, Z), by_pair, kernel(X), kernel.diagonal(X)


@every
def test_values_equal_the_formula(case):
    X, Z = points(), np.concatenate([points(1)[:4], points()[1:3]])
    cross, by_pair, gram, diagonal = views(case.kernel, jnp.asarray(X), jnp.asarray(Z))
    expected = np.array([[case.formula(x, z) for z in Z] for x in X])
    np.testing.assert_allclose(cross, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(by_pair, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(case.kernel(X, Z), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(gram, gram.T)
    np.testing.assert_allclose(diagonal, jnp.diag(gram), rtol=1e-14)
    assert case.psd
    assert jnp.linalg.eigvalsh(gram).min() >= -1e-10 * jnp.trace(gram)


@every
def test_equal_rows_are_equal_exactly(case):
    X = points()
    gram = views(case.kernel, X, X)[0]
    np.testing.assert_array_equal(gram[4], gram[1])


@every
def test_single_precision_inputs_stay_single(case):
    X = jnp.asarray(points(), jnp.float32)
    single = views(case.kernel, X, X)
    exact = views(case.kernel, X.astype(float), X.astype(float))
    for value, reference in zip(single, exact, strict=True):
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, reference, rtol=2e-5, atol=2e-6)


@every
def test_vmap_over_parameters(case):
    X = jnp.asarray(points())
    moved = jax.tree.map(lambda leaf: leaf + 0.1, case.kernel)
    stacked = jax.tree.map(lambda a, b: jnp.stack([a, b]), case.kernel, moved)
    grams = jax.jit(jax.vmap(lambda kernel: kernel.gram(X, X)))(stacked)
    for gram, kernel in zip(grams, (case.kernel, moved), strict=True):
        np.testing.assert_allclose(gram, views(kernel, X, X)[0], rtol=1e-12, atol=1e-15)


@every
def test_derivatives_equal_finite_differences(case):
    """In the parameters over a matrix with duplicate rows, in the inputs at distinct points."""
    X = jnp.asarray(points())
    weights = jnp.asarray(np.random.default_rng(3).normal(size=(6, 6)))
    moving, resting = partition(case.kernel)
    start, build = ravel_pytree((moving, jnp.array([0.3, -0.8]), jnp.array([-0.5, 0.6])))

    def f(u):
        moving, x, z = build(u)
        kernel = eqx.combine(moving, resting)
        return jnp.sum(weights * kernel.gram(X, X)) + kernel.pair(x, z)

    everything = jax.jit(lambda u: (f(u), jax.grad(f)(u), jax.jacfwd(jax.grad(f))(u)))
    _, gradient, hessian = everything(start)
    for i in range(start.size):
        up, down = (everything(start.at[i].add(s * STEP)) for s in (1, -1))
        slope, row = ((u - d) / (2 * STEP) for u, d in zip(up[:2], down[:2], strict=True))
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(hessian[i], row, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-11)


@every
def test_derivatives_at_zero_distance_are_finite_and_symmetric(case):
    x = jnp.array([0.3, -0.8])

    @jax.jit
    def derivatives(x, z):
        slope = jax.grad(case.kernel.pair, argnums=(0, 1))
        return (
            slope(x, z),
            jax.jacfwd(jax.grad(case.kernel.pair), argnums=1)(x, z),
            jax.jacrev(jax.grad(case.kernel.pair), argnums=1)(x, z),
            jax.jacrev(jax.grad(case.kernel.pair), argnums=0)(x, z),
            jax.grad(lambda x: jnp.sum(case.kernel.diagonal(x[None])))(x),
        )

    (left, right), cross, cross_reverse, own, diagonal = derivatives(x, x)
    assert all(jnp.all(jnp.isfinite(v)) for v in (left, right, cross, cross_reverse, own))
    np.testing.assert_allclose(cross, cross_reverse, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(left, right, atol=1e-14)
    # k(x, x) moves with x as both of its arguments do.
    np.testing.assert_allclose(left + right, diagonal, rtol=1e-12, atol=1e-13)
    if not case.smooth:
        np.testing.assert_array_equal(cross, jnp.zeros((2, 2)))


TRAINABLE = {
    "rbf": {"lengthscale": 1},
    "rbf_ard": {"lengthscale": 2},
    "rbf_shared": {"lengthscale.inner": 1},
    "matern12": {"lengthscale": 2},
    "matern32": {"lengthscale": 2},
    "matern52": {"lengthscale": 2},
    "rational_quadratic": {"lengthscale": 2, "alpha": 1},
    "powered": {"lengthscale": 2, "power": 1},
    "powered_2": {"lengthscale": 2},
    "periodic": {"lengthscale": 2, "period": 2},
    "cosine": {"period": 1},
    "spectral": {"weights": 2, "means": 4, "scales": 4},
    "linear": {"variance": 2, "offset": 1},
    "linear_origin": {"variance": 1},
    "polynomial": {"offset": 1},
    "arccosine_0": {"weight_variance": 2, "bias_variance": 1},
    "arccosine_1": {"weight_variance": 2, "bias_variance": 1},
    "arccosine_2": {"weight_variance": 2, "bias_variance": 1},
    "constant": {"variance": 1},
    "exchangeable": {"rho": 1},
    "hamming": {"lengthscale": 1},
    "change_point": {
        "left.lengthscale": 2,
        "right.kernel.lengthscale": 2,
        "right.variance": 1,
        "location": 1,
        "steepness": 1,
    },
    "sum": {"terms.0.lengthscale": 2, "terms.1.lengthscale": 2, "terms.2.variance": 1},
    "product": {"factors.0.lengthscale": 2, "factors.1.period": 1},
    "scale": {"kernel.lengthscale": 2, "variance": 1},
    "select": {"kernel.lengthscale": 1},
    "warp": {"kernel.lengthscale": 1, "a": 2, "b": 1},
    "function": {"params.height": 1, "params.rate": 1},
}


@every
def test_trainable_leaves(case):
    found = {
        path: val(p).size
        for path, p in named_parameters(case.kernel).items()
        if not isinstance(p, Fixed)
    }
    assert found == TRAINABLE[case.name]
    assert num_parameters(case.kernel) == sum(found.values())
    assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(partition(case.kernel)[0]))


@every
def test_pickles_prints_and_compares(case):
    if case.name != "function":
        again = pickle.loads(pickle.dumps(case.kernel))
        assert (again == case.kernel) is True
        assert hash(again) == hash(case.kernel)
    assert (case.kernel == jax.tree.map(lambda leaf: leaf + 1, case.kernel)) is False
    assert len(repr(case.kernel)) < 200
    # Trees without values: what tracing, filtering and shape evaluation leave behind.
    assert repr(eqx.filter(case.kernel, False))
    assert repr(jax.eval_shape(lambda: case.kernel))
    jax.jit(lambda kernel: (repr(kernel), 0.0)[1])(case.kernel)


def test_sums_and_products_are_flat():
    a, b, c = gk.RBF(), gk.Matern32(), gk.Linear()
    assert isinstance(a + (b + c), gk.Sum)
    assert (a + (b + c)).terms == (a, b, c)
    assert ((a * b) * c).factors == (a, b, c)
    assert sum([a, b, c]) == a + b + c


def test_numbers_scale_and_shift():
    kernel = 2.0 * gk.RBF()
    assert isinstance(kernel, gk.Scale)
    assert isinstance(kernel.variance, Positive)
    np.testing.assert_allclose(val(kernel.variance), 2.0, rtol=1e-15)
    assert kernel == gk.RBF() * 2.0
    assert gk.RBF() + 2 == gk.Sum((gk.RBF(), gk.Constant(2.0)))
    assert 2 + gk.RBF() == gk.Sum((gk.Constant(2.0), gk.RBF()))


def test_scaling_twice_keeps_one_variance():
    np.testing.assert_allclose(val((3.0 * (2.0 * gk.RBF())).variance), 6.0, rtol=1e-15)
    frozen = 3.0 * gk.Scale(gk.RBF(), Fixed(2.0))
    assert num_parameters(frozen) == 2
    np.testing.assert_allclose(frozen(np.zeros((1, 1))), 6.0)


def test_a_number_under_jit_scales():
    X = points()
    got = jax.jit(lambda v: (v * gk.RBF())(X))(3.0)
    np.testing.assert_allclose(got, 3.0 * gk.RBF()(X), rtol=1e-14)


def test_arrays_do_not_broadcast_over_kernels():
    for wrong in (np.ones(2), jnp.ones(2), "a", None, True):
        with pytest.raises(TypeError):
            wrong * gk.RBF()
        with pytest.raises(TypeError):
            gk.RBF() + wrong


def test_values_outside_the_support_are_refused():
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="above zero"):
            wrong * gk.RBF()
    with pytest.raises(ValueError, match="above zero"):
        gk.Matern32(lengthscale=[1.0, -2.0])


def test_wrong_inputs_name_the_remedy():
    with pytest.raises(ValueError, match=r"use X\[:, None\]"):
        gk.RBF()(np.zeros(3))
    with pytest.raises(ValueError, match="X has 2 columns and Z has 3"):
        gk.RBF()(np.zeros((3, 2)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"one entry per column, shape \(3,\)"):
        gk.RBF(np.ones(2))(np.zeros((3, 3)))
    with pytest.raises(TypeError, match="Sum takes kernels"):
        gk.Sum((gk.RBF(), 2.0))
    with pytest.raises(ValueError, match="at least one"):
        gk.Product(())


def test_integer_inputs_become_floats():
    X = np.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(gk.Matern32(0.7)(X), gk.Matern32(0.7)(X.astype(float)))
    assert gk.Function(lambda x, z, _: x @ z)(X).dtype == jnp.float64


def test_repr_is_the_expression_with_values():
    kernel = 2.1 * gk.Matern32([0.5, 1.2]) + gk.Linear() * gk.Select(gk.RBF(Fixed(3.0)), (1,))
    assert repr(kernel) == (
        "2.1 * matern32(lengthscale=[0.5, 1.2]) "
        "+ linear(variance=1) * rbf(x1, lengthscale=fixed(3))"
    )
    assert repr((gk.RBF() + 1.0) * gk.Select(gk.Cosine(2.0), (0,), ("the year",))) == (
        '(rbf(lengthscale=1) + constant(variance=1)) * cosine("the year", period=2)'
    )
    assert repr(gk.RBF(np.arange(1.0, 21.0))) == (
        "rbf(lengthscale=[1, 2, 3, 4, 5, 6, ..., 18, 19, 20])"
    )


def test_repr_without_values():
    seen = []
    jax.jit(lambda k: (seen.append(repr(k)), 0.0)[1])(2.0 * gk.RBF() + gk.Polynomial(2))
    assert seen == ["rbf + polynomial(degree=2)"]


class _Stub(RegressorMixin, BaseEstimator):
    def __init__(self, kernel=None):
        self.kernel = kernel

    def fit(self, X, y):
        del X
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_kernels_as_scikit_learn_parameters():
    grid = {"kernel": [gk.RBF(np.ones(2)), 2.0 * gk.Matern32(np.ones(2)), "rbf"]}
    search = GridSearchCV(_Stub(), grid, cv=2).fit(points(), np.arange(6.0))
    shown = [str(kernel) for kernel in search.cv_results_["param_kernel"]]
    assert shown == ["rbf(lengthscale=[1, 1])", "2 * matern32(lengthscale=[1, 1])", "rbf"]
