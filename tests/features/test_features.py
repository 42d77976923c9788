"""The law of the features: mean products are the kernel, errors fall like a root."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.features import draw, polar, prior_sample, random_features, width
from gpkit.params import Positive
from tests.helpers import KERNELS, points

X = jnp.asarray(points())
CASES = {case.name: case for case in KERNELS if case.name != "function"}
EXACT = ("linear", "linear_origin", "constant")
# One of each way to draw; the others run when all tests do.
FAST = ("matern32",)
REPEATS = 256


def gram(kernel, num_features):
    """A function of a key: the matrix that random features give."""

    def one(key):
        values = random_features(kernel, X, num_features=num_features, key=key)(X)
        return values @ values.T

    return one


def z_scores(kernel, num_features, expected):
    """Deviations of the mean over keys in standard errors, and the largest spread."""
    keys = jax.random.split(jax.random.key(3), REPEATS)
    found = np.asarray(jax.jit(jax.vmap(gram(kernel, num_features)))(keys))
    spread = found.std(axis=0)
    z = (found.mean(axis=0) - expected) / np.maximum(spread / REPEATS**0.5, 1e-12)
    return z, spread.max()


def formula(case):
    return np.array([[case.formula(a, b) for b in points()] for a in points()])


def marked(names, fast):
    return [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", marked(CASES.keys() - set(EXACT), FAST))
def test_mean_products_are_the_kernel(name):
    case = CASES[name]
    z, few = z_scores(case.kernel, 8, formula(case))
    assert np.abs(z).max() < 4.5
    assert few < 4 * np.abs(formula(case)).max() / 8**0.5
    if name in ("matern32", "hamming"):
        many = z_scores(case.kernel, 32, formula(case))[1]
        np.testing.assert_allclose(few / many, 2.0, rtol=0.25)


@pytest.mark.parametrize("name", marked(EXACT, ("linear",)))
def test_some_kernels_are_exact(name):
    found = gram(CASES[name].kernel, 3)(jax.random.key(0))
    np.testing.assert_allclose(found, formula(CASES[name]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "kernel",
    [
        gk.Select(gk.Linear(0.7), (1,)) * gk.Constant(2.0) * gk.Select(gk.Cosine(1.7), (0,)),
        pytest.param(
            (gk.RBF(0.7) + gk.Select(gk.Exchangeable(0.4), (0,))) * (2.0 * gk.Linear() + 0.3),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            gk.Select(gk.Periodic(0.8, 1.3), (0,)) * gk.Matern52(), marks=pytest.mark.slow
        ),
        pytest.param(1.5 * (gk.RBF() + gk.Matern12()) * gk.Polynomial(2), marks=pytest.mark.slow),
        pytest.param(
            gk.ChangePoint(gk.RBF() + gk.Linear(), gk.Matern32(), column=1) * gk.Matern52(),
            marks=pytest.mark.slow,
        ),
    ],
    ids=repr,
)
def test_compositions(kernel):
    z, _ = z_scores(kernel, 8, np.asarray(kernel(X)))
    assert np.abs(z).max() < 4.5


def test_variances_of_waves_and_categories_are_exact():
    kernel = 1.7 * gk.Matern12(0.3) * gk.Select(gk.Exchangeable(0.3), (0,))
    values = random_features(kernel, X, num_features=5, key=jax.random.key(0))(X)
    np.testing.assert_allclose(jnp.sum(values**2, axis=1), 1.7, rtol=1e-13)
    np.testing.assert_array_equal(values[1], values[4])  # equal rows


@pytest.mark.slow
def test_orthogonal_frequencies_have_less_error():
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(12, 8))) / 3
    kernel, K = gk.RBF(), np.asarray(gk.RBF()(rows))
    keys = jax.random.split(jax.random.key(0), 128)

    def error(P):
        return jnp.mean((P @ P.T - K) ** 2)

    def independent(key):
        phase = rows @ jax.random.normal(key, (8, 16))
        return error(jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=1) / 4)

    own = lambda key: error(random_features(kernel, rows, num_features=16, key=key)(rows))  # noqa: E731
    found = [float(jnp.mean(jax.jit(jax.vmap(f))(keys))) for f in (own, independent)]
    assert found[0] < 0.8 * found[1]


# --------------------------------------------------------------------------------- samples


def test_samples_are_functions():
    kernel = gk.Matern32(0.8)
    draws = prior_sample(kernel, X, num_samples=3, num_features=8, key=jax.random.key(1))
    rows = jnp.tile(X, (20000, 1))  # several blocks
    whole = draws(rows)
    assert whole.shape == (120000, 3)
    np.testing.assert_allclose(whole[-6:], draws(X), rtol=1e-12)
    again = prior_sample(kernel, X, num_samples=3, num_features=8, key=jax.random.key(1))
    np.testing.assert_array_equal(again(X), draws(X))
    other = prior_sample(kernel, X, num_samples=3, num_features=8, key=jax.random.key(2))
    assert not np.allclose(other(X), draws(X))


@pytest.mark.slow
def test_covariance_of_samples_is_that_of_the_features():
    kernel = 2.0 * gk.Linear() + gk.Exchangeable(0.5)
    draws = prior_sample(kernel, X, num_samples=20000, num_features=8, key=jax.random.key(1))
    values = np.asarray(draws(X))
    P = np.asarray(draws.features(X))
    expected = P @ P.T
    assert P.shape == (6, 2 + 8)
    spread = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / 20000)
    assert np.abs((values @ values.T / 20000 - expected) / spread).max() < 4.5


@pytest.mark.slow
def test_frequencies_stay_as_parameters_move():
    # Common random numbers: a sample moves smoothly with the parameters of its kernel.
    def value(lengthscale):
        kernel = 1.5 * gk.Matern32(lengthscale) * gk.Linear()
        return prior_sample(kernel, X, num_samples=1, num_features=4, key=jax.random.key(0))(X)[
            2, 0
        ]

    slope = jax.grad(value)(0.8)
    h = 1e-6
    np.testing.assert_allclose(slope, (value(0.8 + h) - value(0.8 - h)) / (2 * h), rtol=1e-7)


def test_single_precision_far_from_the_origin():
    near = np.random.default_rng(0).normal(size=(6, 1)).astype(np.float32)
    years = jnp.asarray(near * 4 + 1996)
    kernel, key = gk.Matern32(2.0), jax.random.key(0)
    features = random_features(kernel, years, num_features=8, key=key)
    values = features(years)
    assert values.dtype == jnp.float32
    centre, frequencies = (np.asarray(a, np.float64) for a in features.drawn[0])
    phase = (np.asarray(years, np.float64) - centre) / 2.0 @ frequencies.T
    np.testing.assert_allclose(values[:, :8] * 8**0.5, np.cos(phase), atol=2e-6)


# -------------------------------------------------------------------------------- refusals


class Hat(gk.AbstractStationary):
    """A stationary kernel from elsewhere."""

    lengthscale: Positive

    def profile(self, s):
        return jnp.exp(-0.5 * s)


def test_a_kernel_without_features_is_named():
    unknown = gk.Function(lambda x, z, p: jnp.exp(-jnp.sum((x - z) ** 2)))
    for kernel, name in (
        (unknown, "Function"),
        (2.0 * unknown + gk.RBF(), "Function"),
        (Hat(Positive(1.0)), "Hat"),
    ):
        with pytest.raises(TypeError, match=rf"{name} has no random features.*Posterior\.sample"):
            random_features(kernel, X, key=jax.random.key(0))
    with pytest.raises(TypeError, match="int has no random features"):
        polar(1, None, X)
    assert draw.dispatch(gk.RBF) is not draw.dispatch(gk.Function)


@pytest.mark.slow
def test_a_kernel_from_elsewhere_joins_by_its_width():
    class Own(Hat):
        pass

    width.register(Own, lambda kernel, shape, key: jnp.ones(shape))
    key = jax.random.key(0)
    found = random_features(Own(Positive(1.0)), X, num_features=4, key=key)(X)
    expected = random_features(gk.RBF(1.0), X, num_features=4, key=key)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_bad_input():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="num_features must be positive, got 0"):
        random_features(gk.RBF(), X, num_features=0, key=key)
    with pytest.raises(ValueError, match="num_samples must be positive, got 0"):
        prior_sample(gk.RBF(), X, num_samples=0, key=key)
    draws = prior_sample(gk.RBF(), X, num_samples=1, num_features=4, key=key)
    with pytest.raises(ValueError, match="X has 1 columns, the features are for 2"):
        draws(X[:, :1])
    mixture = gk.SpectralMixture([1.0], [[0.2] * 3], [[0.1] * 3])
    with pytest.raises(ValueError, match="means are for 3 columns"):
        random_features(mixture, X, num_features=4, key=key)(X)
