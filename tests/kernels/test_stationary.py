"""Limits at zero distance, edges of the parameters, independent values."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from gpkit import kernels as gk
from gpkit.params import Fixed
from tests.helpers import ELL, points

# d^2 k / dx dz at x = z is minus twice the slope of the profile at zero, over ell^2.
LIMITS = [
    (gk.RBF(ELL), 1.0),
    (gk.Matern12(ELL), 0.0),
    (gk.Matern32(ELL), 3.0),
    (gk.Matern52(ELL), 5 / 3),
    (gk.RationalQuadratic(ELL, 0.8), 1.0),
    (gk.PoweredExponential(ELL, 1.3), 0.0),
    (gk.PoweredExponential(ELL, Fixed(2.0)), 2.0),
]
limits = pytest.mark.parametrize(("kernel", "limit"), LIMITS, ids=lambda v: str(v)[:10])


@limits
def test_second_derivatives_at_zero_distance(kernel, limit):
    expected = np.diag(limit / ELL**2)

    @jax.jit
    def cross(x, z):
        slope = jax.grad(kernel.pair)
        by_gram = jax.grad(lambda x, z: kernel.gram(x[None], z[None])[0, 0])
        return [
            jax.jacfwd(slope, 1)(x, z),
            jax.jacrev(slope, 1)(x, z),
            jax.jacfwd(by_gram, 1)(x, z),
            -jax.jacrev(slope, 0)(x, z),
        ]

    for x in np.random.default_rng(0).normal(size=(3, 2)) * 10:
        for matrix in cross(x, x):
            np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-13)


@limits
def test_duplicate_rows_add_nothing_to_lengthscale_derivatives(kernel, limit):
    """The matrix of two equal rows is constant, whatever the lengthscale."""
    del limit
    X = jnp.asarray(np.repeat(points()[:1] * 7, 2, axis=0))
    raw, build = ravel_pytree(kernel)
    f = lambda raw: jnp.sum(build(raw).gram(X, X))  # noqa: E731
    gradient, hessian = jax.jit(lambda raw: (jax.grad(f)(raw), jax.hessian(f)(raw)))(raw)
    np.testing.assert_array_equal(gradient, 0.0)
    np.testing.assert_array_equal(hessian, 0.0)


@limits
def test_slope_of_the_profile(kernel, limit):
    del limit
    s = jnp.array([1e-8, 1e-3, 0.4, 3.0, 60.0])
    step = 1e-6 * s
    slope = jax.vmap(jax.grad(kernel.profile))(s)
    difference = (kernel.profile(s + step) - kernel.profile(s - step)) / (2 * step)
    np.testing.assert_allclose(slope[1:], difference[1:], rtol=1e-6)
    curvature = jax.vmap(jax.grad(jax.grad(kernel.profile)))(s)
    by_slope = jax.vmap(jax.grad(kernel.profile))
    difference = (by_slope(s + step) - by_slope(s - step)) / (2 * step)
    np.testing.assert_allclose(curvature[1:], difference[1:], rtol=1e-6)
    assert jnp.all(jnp.isfinite(jax.vmap(jax.grad(jax.grad(jax.grad(kernel.profile))))(s)))


@pytest.mark.parametrize(
    ("kernel", "nu"), [(gk.Matern12(), 0.5), (gk.Matern32(), 1.5), (gk.Matern52(), 2.5)]
)
def test_matern_kernels_are_the_bessel_formula(kernel, nu):
    for r in (1e-3, 0.3, 2.0, 9.0):
        a = mpmath.sqrt(2 * nu) * r
        exact = 2 ** (1 - mpmath.mpf(nu)) / mpmath.gamma(nu) * a**nu * mpmath.besselk(nu, a)
        np.testing.assert_allclose(kernel.profile(jnp.asarray(r * r)), float(exact), rtol=1e-13)


def test_large_alpha_is_the_rbf_kernel():
    X = points()
    got = gk.RationalQuadratic(0.8, 1e12)(X)
    np.testing.assert_allclose(got, gk.RBF(0.8)(X), rtol=1e-10)


def test_powers_one_and_two_are_old_friends():
    X = points()
    np.testing.assert_allclose(gk.PoweredExponential(ELL, 1.0)(X), gk.Matern12(ELL)(X), rtol=1e-14)
    rbf = gk.RBF(ELL / np.sqrt(2))(X)
    np.testing.assert_allclose(gk.PoweredExponential(ELL, Fixed(2.0))(X), rbf, rtol=1e-13)


def test_power_outside_its_range():
    for wrong in (0.0, 2.0, 2.5, -1.0):
        with pytest.raises(ValueError, match=r"strictly between 0\.0 and 2\.0"):
            gk.PoweredExponential(1.0, wrong)


@pytest.mark.parametrize("kernel", [gk.Matern12(), gk.Matern32(), gk.PoweredExponential()])
def test_extreme_lengthscales_stay_finite_in_single_precision(kernel):
    X = jnp.asarray(points(), jnp.float32)

    def f(raw):
        moved = jax.tree.map(lambda leaf: jnp.full_like(leaf, raw), kernel.lengthscale)
        return jnp.sum(type(kernel)(moved)(X))

    for raw in (-60.0, -20.0, 30.0):
        value, slope = jax.jit(jax.value_and_grad(f))(jnp.float32(raw))
        assert jnp.isfinite(value)
        assert jnp.isfinite(slope)
