"""The posterior against plain numpy, and properties that must hold near the data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import gpkit as gp
from gpkit import kernels as gk
from gpkit import means, posterior
from gpkit.results import Status

N, M = 20, 7
RNG = np.random.default_rng(5)
X, Y, X_NEW = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), RNG.normal(size=(M, 2))
KNOWN, KNOWN_NEW = RNG.uniform(0.1, 1, size=N), RNG.uniform(0.1, 1, size=M)
LENGTH, WEIGHTS = np.array([0.8, 1.3]), np.array([0.4, -0.2])
MODEL = gp.GP(1.5 * gk.RBF(LENGTH), mean=means.Linear(WEIGHTS, 0.3), noise=gp.noise.Gaussian(0.2))


def rbf(A, B):
    return 1.5 * np.exp(-0.5 * (((A[:, None] - B[None]) / LENGTH) ** 2).sum(-1))


def closed_form(X_new, y, known=0.0):
    """Rasmussen and Williams, equations 2.25 and 2.26."""
    gain = np.linalg.solve(rbf(X, X) + np.diag(0.2 + known + np.zeros(N)), rbf(X, X_new)).T
    mean = X_new @ WEIGHTS + 0.3 + gain @ (y - X @ WEIGHTS - 0.3)
    return mean, rbf(X_new, X_new) - gain @ rbf(X, X_new)


@pytest.fixture(scope="module")
def post():
    return gp.condition(MODEL, X, Y[:, 0])


# ---------------------------------------------------------------------------- closed forms


def test_moments(post):
    mean, cov = closed_form(X_NEW, Y[:, 0])
    for found in (post.latent(X_NEW).mean, post.predict(X_NEW).mean, post.mean(X_NEW)):
        np.testing.assert_allclose(found, mean, rtol=1e-11)
    np.testing.assert_allclose(post.latent(X_NEW).variance, np.diag(cov), rtol=1e-10)
    np.testing.assert_allclose(post.predict(X_NEW).variance, np.diag(cov) + 0.2, rtol=1e-11)
    np.testing.assert_allclose(post.covariance(X_NEW), cov, rtol=1e-9, atol=1e-12)
    assert int(post.status) == Status.SUCCESS


def test_covariance_agrees_with_the_variances(post):
    cov = np.asarray(post.covariance(X_NEW))
    np.testing.assert_array_equal(cov, cov.T)
    np.testing.assert_allclose(np.diag(cov), post.latent(X_NEW).variance, rtol=1e-10)
    assert np.linalg.eigvalsh(cov)[0] > 0


def test_known_variances_of_training_rows_and_of_new_ones():
    mean, cov = closed_form(X_NEW, Y[:, 0], KNOWN)
    found = gp.condition(MODEL, X, Y[:, 0], noise_variance=KNOWN)
    np.testing.assert_allclose(found.latent(X_NEW).mean, mean, rtol=1e-11)
    variance = found.predict(X_NEW, noise_variance=KNOWN_NEW).variance
    np.testing.assert_allclose(variance, np.diag(cov) + 0.2 + KNOWN_NEW, rtol=1e-11)
    quantile = found.quantiles(X_NEW, [0.8], noise_variance=KNOWN_NEW)[:, 0]
    expected = mean + stats.norm.ppf(0.8) * np.sqrt(variance)
    np.testing.assert_allclose(quantile, expected, rtol=1e-11)
    everywhere = found.predict(X_NEW, noise_variance=0.5).variance
    np.testing.assert_allclose(everywhere, np.diag(cov) + 0.7, rtol=1e-11)


def test_several_targets_are_conditioned_one_by_one(post):
    several = gp.condition(MODEL, X, Y)
    other = gp.condition(MODEL, X, Y[:, 1])
    for view in ("latent", "predict"):
        found = getattr(several, view)(X_NEW)
        for j, single in enumerate((post, other)):
            one = getattr(single, view)(X_NEW)
            np.testing.assert_allclose(found.mean[:, j], one.mean, rtol=1e-11)
            np.testing.assert_allclose(found.variance[:, j], one.variance, rtol=1e-12)
    np.testing.assert_allclose(several.covariance(X_NEW), post.covariance(X_NEW), atol=1e-14)
    assert several.quantiles(X_NEW, [0.1, 0.9]).shape == (M, 2, 2)
    assert several.sample(X_NEW, num_samples=3, key=jax.random.key(0)).shape == (3, M, 2)


def test_rows_outside_the_mask_do_not_count(post):
    pad = 12
    mask = np.arange(N + pad) < N
    rows = np.concatenate([X, RNG.normal(size=(pad, 2))])
    padded = gp.condition(MODEL, rows, np.concatenate([Y[:, 0], np.full(pad, 1e3)]), mask=mask)
    for view in ("latent", "predict"):
        found, expected = getattr(padded, view)(X_NEW), getattr(post, view)(X_NEW)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
        np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-12)
    np.testing.assert_allclose(padded.covariance(X_NEW), post.covariance(X_NEW), atol=1e-14)
    left_out = [p.leave_one_out() for p in (padded, post)]
    np.testing.assert_allclose(left_out[0].mean[:N], left_out[1].mean, rtol=1e-12)
    np.testing.assert_allclose(left_out[0].variance[:N], left_out[1].variance, rtol=1e-12)


def test_far_from_the_data_the_prior_returns(post):
    far = np.full((1, 2), 100.0)
    mean, variance = post.latent(far)
    np.testing.assert_allclose(mean, far @ WEIGHTS + 0.3, rtol=1e-13)
    np.testing.assert_allclose(variance, 1.5, rtol=1e-14)


# ------------------------------------------------------------------------------ in batches


def test_batches_of_rows_change_nothing(post, monkeypatch):
    rows = RNG.normal(size=(1030, 2))
    mean, variance = post.latent(rows)
    for part in (slice(0, 1024), slice(1024, 1030)):
        # The rows behind the border come from a padded batch.
        expected, cov = closed_form(rows[part][-6:], Y[:, 0])
        np.testing.assert_allclose(mean[part][-6:], expected, rtol=1e-10)
        np.testing.assert_allclose(variance[part][-6:], np.diag(cov), rtol=1e-9)
    assert mean.shape == variance.shape == (1030,)
    monkeypatch.setattr(posterior, "_BATCH", 4096)
    whole = jax.jit(lambda p, x: p.latent(x))(post, rows)
    np.testing.assert_allclose(mean, whole.mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(variance, whole.variance, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(post.mean(rows), mean, rtol=1e-12, atol=1e-14)


# -------------------------------------------------------------- near the data, little noise

KERNELS = [gk.RBF(1.0), gk.RBF(5.0), gk.Matern12(1.0), 1e4 * gk.RBF(2.0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "noise", [gp.noise.NoNoise(), gp.noise.Gaussian(1e-12)], ids=["none", "floor"]
)
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_variances_are_never_negative_and_draws_never_nan(kernel, noise, dtype):
    x = X.astype(dtype)
    found = gp.condition(gp.GP(kernel, noise=noise), x, x[:, 0])
    rows = np.concatenate([x[:10], x[:10]])
    assert np.all(np.asarray(found.latent(rows).variance) >= 0)
    draws = np.asarray(found.sample(rows, num_samples=3, key=jax.random.key(0)))
    assert draws.dtype == dtype
    assert np.all(np.isfinite(draws))
    # Rows that are equal have equal draws, to the size of rounding errors.
    size = float(np.sqrt(kernel.diagonal(x)[0]))
    apart = np.max(np.abs(draws[:, :10] - draws[:, 10:])) / size
    assert apart < 300 * np.sqrt(np.finfo(dtype).eps)


# ----------------------------------------------------------------------------------- draws


def test_draws_have_the_moments_of_the_posterior(post):
    num = 20_000
    draws = np.asarray(post.sample(X_NEW, num_samples=num, key=jax.random.key(1)))
    mean, cov = closed_form(X_NEW, Y[:, 0])
    # A z value and, for covariances, Wishart's variance: 5 standard errors over 35 numbers.
    errors = np.sqrt(np.diag(cov) / num)
    assert np.max(np.abs(draws.mean(0) - mean) / errors) < 5
    spread = np.sqrt((cov**2 + np.outer(np.diag(cov), np.diag(cov))) / num)
    assert np.max(np.abs(np.cov(draws.T) - cov) / spread) < 5


def test_draws_of_several_targets_are_independent():
    several = gp.condition(MODEL, X, Y)
    draws = np.asarray(several.sample(X_NEW, num_samples=4000, key=jax.random.key(2)))
    between = [np.corrcoef(draws[:, i].T)[0, 1] for i in range(M)]
    assert np.max(np.abs(between)) < 5 / np.sqrt(4000)


def test_draws_depend_on_the_key_alone(post):
    draw = lambda seed: post.sample(X_NEW, num_samples=2, key=jax.random.key(seed))  # noqa: E731
    np.testing.assert_array_equal(draw(3), draw(3))
    assert np.all(np.asarray(draw(3)) != np.asarray(draw(4)))


def test_quantiles_are_those_of_a_normal_observation(post):
    levels = [0.05, 0.5, 0.9]
    mean, variance = post.predict(X_NEW)
    expected = stats.norm.ppf(levels, mean[:, None], np.sqrt(variance)[:, None])
    np.testing.assert_allclose(post.quantiles(X_NEW, levels), expected, rtol=1e-12)


# ------------------------------------------------------------ transformations and refusals


def test_under_jit_grad_and_vmap():
    def variance(noise, row):
        model = gp.replace(MODEL, "noise.variance", gp.params.Positive(noise))
        found = gp.condition(model, X, Y[:, 0]).predict(row[None])
        return found.mean[0] + found.variance[0]

    slope = jax.jit(jax.grad(variance, argnums=(0, 1)))
    found = slope(0.2, X_NEW[0])
    h = 1e-5
    by_noise = (variance(0.2 + h, X_NEW[0]) - variance(0.2 - h, X_NEW[0])) / (2 * h)
    assert float(found[0]) == pytest.approx(float(by_noise), rel=1e-6)
    shift = h * np.array([1.0, 0.0])
    by_row = (variance(0.2, X_NEW[0] + shift) - variance(0.2, X_NEW[0] - shift)) / (2 * h)
    assert float(found[1][0]) == pytest.approx(float(by_row), rel=1e-6)
    values = jax.jit(jax.vmap(variance))(jnp.asarray([0.1, 0.2]), X_NEW[:2])
    assert float(values[1]) == pytest.approx(float(variance(0.2, X_NEW[1])), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.predict(X_NEW[:, :1]), "X_new has 1 columns, the training inputs have 2"),
        (lambda p: p.predict(X_NEW[0]), r"X_new must have shape \(n, d\), got \(2,\)"),
        (lambda p: p.latent(X_NEW * np.nan), "X_new holds NaN"),
        (lambda p: p.predict(X_NEW, noise_variance=KNOWN), r"must have shape \(7,\), got \(20,\)"),
        (lambda p: p.predict(X_NEW, noise_variance=-KNOWN_NEW), "noise_variance must hold var"),
        (lambda p: p.quantiles(X_NEW, [0.0, 0.5]), "levels must lie strictly between 0 and 1"),
    ],
)
def test_refusals(post, call, message):
    with pytest.raises(ValueError, match=message):
        call(post)
