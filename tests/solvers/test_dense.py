"""The dense solver: every view of the factor, derivatives of all orders, and an honest bound."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.noise import noise_floor
from gpkit.operators import covariance
from gpkit.results import Status
from gpkit.solvers import Dense
from gpkit.solvers.dense import gaussian_log_density

N = 20
RNG = np.random.default_rng(3)
X, B = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 3))
MODEL = gp.GP(1.5 * gk.Matern52([0.8, 1.2]), noise=gp.noise.Gaussian(0.2))
H = np.asarray(covariance(MODEL, X).dense())


def log_density(H, r):
    """Of the columns of r, added up, in plain numpy; without the constant."""
    quadratic = np.sum(r * np.linalg.solve(H, r))
    return -0.5 * quadratic - 0.5 * r.shape[1] * np.linalg.slogdet(H)[1]


# ---------------------------------------------------------------------------- the factor


def test_every_view_of_the_factor():
    factor = Dense().factorise(covariance(MODEL, X))
    inverse = np.linalg.inv(H)
    np.testing.assert_allclose(factor.solve(B), inverse @ B, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(factor.solve(B[:, 0]), inverse @ B[:, 0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(factor.inner(B), B.T @ inverse @ B, rtol=1e-10)
    np.testing.assert_allclose(factor.quadratic(B), np.diag(B.T @ inverse @ B), rtol=1e-10)
    np.testing.assert_allclose(factor.inverse_diagonal(), np.diag(inverse), rtol=1e-10)
    assert float(factor.logdet()) == pytest.approx(np.linalg.slogdet(H)[1], rel=1e-12)
    assert int(factor.status) == Status.SUCCESS


def test_the_worse_of_two_statuses_is_kept():
    low = gp.replace(MODEL, "noise.variance", 1e-12)
    assert int(Dense().factorise(covariance(low, X)).status) == Status.NOISE_AT_FLOOR
    none = gp.GP(gk.Constant(1.0), noise=gp.noise.NoNoise())
    assert int(Dense().factorise(covariance(none, X)).status) == Status.JITTER_ADDED
    bad = jnp.asarray(X).at[3, 0].set(jnp.nan)
    assert int(Dense().factorise(covariance(low, bad)).status) == Status.NON_FINITE


# ---------------------------------------------------------- derivatives as a pure function

DIRECTION = 0.1 * (lambda a: a + a.T)(RNG.normal(size=(N, N)))
SHIFT = RNG.normal(size=(N, 3))


def along(t):
    """The log density on a curve through (H, B), nonlinear in t."""
    return gaussian_log_density(H + jnp.sin(t) * DIRECTION, B + t * t * SHIFT + t * B)[0]


def along_reference(t):
    return log_density(H + np.sin(t) * DIRECTION, B + t * t * SHIFT + t * B)


def slope(f, t, h=1e-3):
    coarse, fine = ((f(t + s) - f(t - s)) / (2 * s) for s in (h, h / 2))
    return (4 * fine - coarse) / 3


def test_value_and_first_derivative_in_both_modes():
    assert float(along(0.1)) == pytest.approx(along_reference(0.1), rel=1e-13)
    expected = slope(along_reference, 0.1)
    assert float(jax.jit(jax.grad(along))(0.1)) == pytest.approx(expected, rel=1e-8)
    assert float(jax.jit(jax.jacfwd(along))(0.1)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("outer", [jax.jacfwd, jax.grad])
@pytest.mark.parametrize("inner", [jax.jacfwd, jax.grad])
def test_second_derivative_in_all_four_ways(outer, inner):
    first = jax.jit(jax.grad(along))
    expected = slope(lambda t: float(first(t)), 0.1)
    assert float(jax.jit(outer(inner(along)))(0.1)) == pytest.approx(expected, rel=1e-8)


def test_gradients_are_the_textbook_ones():
    weights = np.linalg.solve(H, B)
    dH, dr = jax.grad(lambda H, r: gaussian_log_density(H, r)[0], argnums=(0, 1))(
        jnp.asarray(H), jnp.asarray(B)
    )
    slope = 0.5 * (weights @ weights.T - 3 * np.linalg.inv(H))
    # A function of the lower triangle: an entry below the diagonal stands for two.
    expected = np.tril(slope) + np.tril(slope, -1)
    np.testing.assert_allclose(dH, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(dr, -weights, rtol=1e-9, atol=1e-11)


def test_a_value_alone_takes_no_inverse():
    def products(f):
        return str(jax.make_jaxpr(f)(H, B)).count("dot_general")

    value = products(lambda H, r: gaussian_log_density(H, r)[0])
    both = products(jax.value_and_grad(lambda H, r: gaussian_log_density(H, r)[0]))
    assert value == 0
    assert both > 0


# ------------------------------------------------------------------- the bound on its error

ROWS = RNG.normal(size=(48, 2)).astype(np.float32)
ROWS[10] = ROWS[11]
TARGETS = (np.sin(3 * ROWS[:, 0]) + 0.1 * RNG.normal(size=48)).astype(np.float32)


@jax.jit
def evidence(lengthscale, variance, noise, X, y):
    """Value and bound for an RBF and, as a rough one, an exponential kernel."""
    kernels = (gk.RBF(lengthscale), gk.Matern12(lengthscale))
    models = [gp.GP(variance * kernel, noise=gp.noise.Gaussian(noise)) for kernel in kernels]
    found = [gp.log_evidence(model, X, y) for model in models]
    return [jnp.stack([getattr(e, n) for e in found]) for n in ("value", "error_bound", "status")]


@pytest.mark.parametrize("noise", [2 * noise_floor(np.float32), 1e-3, 0.1, 10.0])
@pytest.mark.parametrize("variance", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("lengthscale", [0.01, 0.1, 1.0, 10.0, 1e3])
def test_float32_lies_within_its_bound_of_float64(lengthscale, variance, noise):
    theta = np.float32([lengthscale, variance, noise])
    low, bound, status = evidence(*theta, ROWS, TARGETS)
    exact, tight, _ = evidence(*theta.astype(float), ROWS.astype(float), TARGETS.astype(float))
    assert low.dtype == np.float32
    assert np.all(np.abs(low - exact) <= bound)
    # A bound that holds because it is huge says nothing where the matrix is well conditioned.
    sound = np.asarray(status) == Status.SUCCESS
    if variance / noise < 1e3:
        assert np.all(sound)
        assert np.all(bound <= 1e-3 * np.abs(exact) + 0.3)
    # Epsilon of float64 is 2e-9 of that of float32: the bound shrinks as the precision grows.
    assert np.all(tight[sound] < 1e-7 * bound[sound])


def test_the_effect_of_jitter_lies_within_the_bound():
    # K = 1 1^T + s I has eigenvalues n + s and s: everything is known in closed form.
    n, s = 6, 1e-17
    y = np.linspace(-1e-9, 1e-9, n)
    model = gp.GP(gk.Constant(1.0), noise=gp.noise.NoNoise())
    found = gp.log_evidence(model, np.arange(1.0 * n)[:, None], y, noise_variance=np.full(n, s))
    assert int(found.status) == Status.JITTER_ADDED
    along_ones = np.sum(y) ** 2 / n
    quadratic = along_ones / (n + s) + (y @ y - along_ones) / s
    logdet = np.log(n + s) + (n - 1) * np.log(s)
    exact = -0.5 * (quadratic + logdet + n * np.log(2 * np.pi))
    gap = abs(float(found.value) - exact)
    assert gap > 1
    assert gap <= float(found.error_bound)


def test_the_bound_and_the_report_carry_no_gradient():
    def bound(noise):
        model = gp.GP(gk.RBF(1.0), noise=gp.noise.Gaussian(noise))
        return gp.log_evidence(model, X, X[:, 0]).error_bound

    value, slope = jax.value_and_grad(bound)(0.1)
    assert value > 0
    assert slope == 0
