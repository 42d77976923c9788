import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gpkit import kernels as gk
from tests.helpers import points

WEIGHT, BIAS = np.array([0.9, 1.4]), 0.6


def test_arccosine_curvature_at_equal_points():
    """Orders 1 and 2 near angle zero: u.v and |u|^2 |v|^2 + 2 (u.v)^2, to third order."""
    x = jnp.array([0.3, -0.8])

    def cross(order):
        kernel = gk.ArcCosine(order, WEIGHT, BIAS)
        return jax.jit(jax.jacfwd(jax.grad(kernel.pair), argnums=1))(x, x)

    np.testing.assert_allclose(cross(1), np.diag(WEIGHT), rtol=1e-13, atol=1e-15)
    a, squared = WEIGHT * x, BIAS + np.sum(WEIGHT * x * x)
    expected = 8 * np.outer(a, a) + 4 * squared * np.diag(WEIGHT)
    np.testing.assert_allclose(cross(2), expected, rtol=1e-13)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_arccosine_near_both_ends(order):
    """Angles near 0 and near pi, where the arc cosine of a product is off by up to 1e-8."""
    pair = jax.jit(gk.ArcCosine(order, 1.0, 1e-6).pair)
    for x, z in ((1.0, 1.0 + 1e-7), (1.0, 3.0), (1.0, -2.0), (1e-9, 2e-9)):
        with mpmath.workdps(50):
            b = mpmath.mpf(1e-6)
            r, s = (mpmath.sqrt(b + mpmath.mpf(v) ** 2) for v in (x, z))
            c = (b + mpmath.mpf(x) * mpmath.mpf(z)) / (r * s)
            theta = mpmath.acos(c)
            rest = mpmath.pi - theta
            sine = mpmath.sin(theta)
            j = (rest, sine + rest * c, 3 * sine * c + rest * (1 + 2 * c * c))[order]
            exact = float(j * (r * s) ** order / mpmath.pi)
        got = pair(jnp.array([x]), jnp.array([z]))
        np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_arccosine_derivatives_at_the_opposite_point(order):
    """With almost no bias, x and -x are at angle pi: derivatives are finite."""
    kernel = gk.ArcCosine(order, 1.0, 1e-300)
    x = jnp.array([0.7])
    derivatives = jax.jit(
        lambda kernel, x: (
            jax.grad(kernel.pair)(x, -x),
            jax.hessian(kernel.pair)(x, -x),
            jax.grad(lambda kernel: kernel.pair(x, -x))(kernel),
        )
    )
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(derivatives(kernel, x)))


def test_static_integers_are_checked():
    for wrong in (-1, 3, 1.0, True):
        with pytest.raises(ValueError, match="order must be 0, 1 or 2"):
            gk.ArcCosine(wrong)
    for wrong in (0, 1.5, True):
        with pytest.raises(ValueError, match="degree must be an integer"):
            gk.Polynomial(wrong)


def test_offset_of_the_linear_kernel_is_where_it_vanishes():
    kernel = gk.Linear([0.5, 2.0], offset=[1.0, -2.0])
    X = jnp.array([[1.0, -2.0], [0.3, 0.4]])
    np.testing.assert_array_equal(kernel(X)[0], 0.0)
    assert kernel(X)[1, 1] > 0


def test_change_point_goes_from_left_to_right():
    left, right = gk.RBF(), 3.0 * gk.Matern12()
    kernel = gk.ChangePoint(left, right, location=0.0, steepness=200.0, column=1)
    before, after = jnp.array([[0.0, -3.0], [1.0, -2.0]]), jnp.array([[0.0, 2.0], [1.0, 3.0]])
    np.testing.assert_allclose(kernel(before), left(before), rtol=1e-12)
    np.testing.assert_allclose(kernel(after), right(after), rtol=1e-12)
    np.testing.assert_allclose(kernel(before, after), 0.0, atol=1e-80)


def test_columns_that_do_not_exist():
    with pytest.raises(ValueError, match="needs column 2, but the inputs have only 2"):
        gk.ChangePoint(gk.RBF(), gk.RBF(), column=2)(points())
    with pytest.raises(ValueError, match="counted from 0"):
        gk.ChangePoint(gk.RBF(), gk.RBF(), column=-1)
