import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.params import Fixed, Positive, named_parameters, num_parameters
from tests.helpers import points


def test_select_takes_columns_in_order():
    X = points()
    kernel = gk.Select(gk.RBF([0.5, 2.0]), (1, 0))
    np.testing.assert_allclose(kernel(X), gk.RBF([2.0, 0.5])(X), rtol=1e-14)


def test_select_refuses_columns_that_do_not_exist():
    with pytest.raises(ValueError, match="needs column 2, but the inputs have only 2"):
        gk.Select(gk.RBF(), (2,))(points())
    with pytest.raises(ValueError, match="counted from 0"):
        gk.Select(gk.RBF(), (-1,))
    with pytest.raises(ValueError, match="counted from 0"):
        gk.Select(gk.RBF(), ())


def test_warp_without_bend_only_rescales():
    X = points()
    low, high = X.min(0) - 0.5, X.max(0) + 0.5
    kernel = gk.Warp(gk.Matern32(0.4), low=low, high=high)
    np.testing.assert_allclose(kernel(X), gk.Matern32(0.4 * (high - low))(X), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_warp_moves_points_outside_to_the_edge(dtype):
    kernel = gk.Warp(gk.RBF(), [0.3, 0.4], 3.0, low=[0.0, 0.0], high=[1.0, 1.0])
    X = jnp.asarray([[0.0, 0.0], [-5.0, -1.0], [1.0, 1.0], [9.0, 2.0]], dtype)
    f = jax.value_and_grad(lambda kernel, X: jnp.sum(kernel(X) ** 2), argnums=(0, 1))
    gram, slopes = jax.jit(lambda kernel, X: (kernel(X), f(kernel, X)))(kernel, X)
    np.testing.assert_array_equal(gram[0], gram[1])
    np.testing.assert_array_equal(gram[2], gram[3])
    for leaf in jax.tree.leaves(slopes):
        assert jnp.all(jnp.isfinite(leaf))


def test_warp_checks_its_range():
    with pytest.raises(ValueError, match="low must lie below high"):
        gk.Warp(gk.RBF(), low=[0.0, 1.0], high=[1.0, 1.0])
    with pytest.raises(ValueError, match="low has 2 entries and high has 1"):
        gk.Warp(gk.RBF(), low=[0.0, 1.0], high=2.0)
    with pytest.raises(ValueError, match="a range for 1 columns"):
        gk.Warp(gk.RBF(), low=0.0, high=2.0)(points())


def test_function_parameters_are_leaves():
    kernel = gk.Function(
        lambda x, z, p: p[0] * jnp.exp(-jnp.sum((x - z) ** 2) / p[1] + p[2]),
        (Positive(2.0), Fixed(3.0), 0.5),
    )
    assert num_parameters(kernel) == 2
    assert list(named_parameters(kernel)) == ["params.0", "params.1", "params.2"]
    x = np.zeros((1, 2))
    np.testing.assert_allclose(kernel(x), 2.0 * np.exp(0.5), rtol=1e-14)
    by = jax.grad(lambda k: k(x)[0, 0])(kernel)
    assert by.params[0].raw != 0
    assert by.params[1].inner == 0
    with pytest.raises(TypeError, match="f must be a function"):
        gk.Function(3.0)


def test_function_without_parameters():
    X = points()
    np.testing.assert_allclose(gk.Function(lambda x, z, _: x @ z)(X), X @ X.T, rtol=1e-14)
