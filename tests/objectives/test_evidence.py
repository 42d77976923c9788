"""The log evidence: the dense formula, every derivative, neutral rows, several targets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit import means
from gpkit.params import LogNormal, Positive, log_prior
from gpkit.results import Status

N = 20
RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2))
KNOWN = RNG.uniform(0.01, 0.5, size=N)
# log lengthscales, log variance, log noise, mean
THETA = np.array([-0.2, 0.3, 0.4, -1.5, 0.3])


def model_at(theta):
    kernel = jnp.exp(theta[2]) * gk.Matern52(jnp.exp(theta[:2]))
    noise = gp.noise.Gaussian(jnp.exp(theta[3]))
    return gp.GP(kernel, mean=means.Constant(theta[4]), noise=noise)


def evidence(theta, X=X, y=Y[:, 0], **options):
    return gp.log_evidence(model_at(theta), X, y, **options).value


def reference(theta, X=X, y=Y[:, 0], known=0.0):
    """Rasmussen and Williams, equation 2.30, in plain numpy."""
    s = np.sqrt(5 * (((X[:, None] - X[None]) / np.exp(theta[:2])) ** 2).sum(-1))
    H = np.exp(theta[2]) * (1 + s + s**2 / 3) * np.exp(-s)
    H = H + np.diag(np.exp(theta[3]) + known + np.zeros(len(X)))
    r = y - theta[4]
    constant = len(X) * np.log(2 * np.pi)
    return -0.5 * (r @ np.linalg.solve(H, r) + np.linalg.slogdet(H)[1] + constant)


def differences(f, theta, h=1e-3):
    """Derivatives by central differences with one Richardson step."""
    rows = []
    for e in np.eye(len(theta)):
        coarse, fine = ((f(theta + s * e) - f(theta - s * e)) / (2 * s) for s in (h, h / 2))
        rows.append((4 * fine - coarse) / 3)
    return np.array(rows)


both = jax.jit(jax.value_and_grad(evidence))

# ---------------------------------------------------------------------------- derivatives


def test_value_and_gradient():
    value, gradient = both(THETA)
    assert float(value) == pytest.approx(reference(THETA), rel=1e-13)
    assert float(evidence(THETA)) == pytest.approx(float(value), rel=1e-14)
    expected = differences(reference, THETA)
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(evidence))(THETA), gradient, rtol=1e-11)


def forward_over_forward(f):
    return jax.jacfwd(jax.jacfwd(f))


def reverse_of_directional(f):
    """Gradients of jvp, one direction after another."""

    def rows(theta):
        directional = lambda t, v: jax.jvp(f, (t,), (v,))[1]  # noqa: E731
        return jax.vmap(jax.grad(directional), (None, 0))(theta, jnp.eye(len(THETA)))

    return rows


def directional_of_reverse(f):
    """Hessian-vector products: jvp of grad, one direction after another."""

    def rows(theta):
        product = lambda v: jax.jvp(jax.grad(f), (theta,), (v,))[1]  # noqa: E731
        return jax.vmap(product)(jnp.eye(len(THETA)))

    return rows


@pytest.mark.parametrize(
    "second",
    [
        jax.hessian,
        lambda f: jax.jacrev(jax.grad(f)),
        forward_over_forward,
        reverse_of_directional,
        directional_of_reverse,
    ],
    ids=["hessian", "reverse-reverse", "forward-forward", "grad of jvp", "jvp of grad"],
)
def test_hessian(second):
    expected = differences(lambda theta: np.asarray(both(theta)[1]), THETA)
    found = jax.jit(second(evidence))(THETA)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


def test_derivative_in_the_data():
    inputs, targets = jax.jit(jax.grad(evidence, argnums=(1, 2)))(THETA, X, Y[:, 0])
    expected = differences(lambda y: reference(THETA, y=y), Y[:, 0])
    np.testing.assert_allclose(targets, expected, rtol=1e-7, atol=1e-8)
    expected = differences(lambda x: reference(THETA, X=x.reshape(N, 2)), X.ravel())
    np.testing.assert_allclose(inputs.ravel(), expected, rtol=1e-6, atol=1e-7)


def test_vmap_over_hyperparameters():
    thetas = THETA + 0.3 * RNG.normal(size=(3, 5))
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(evidence)))(thetas)
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        one, slope = both(theta)
        assert float(value) == pytest.approx(float(one), rel=1e-12)
        np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-11)


def test_float32_in_float32_out():
    small = [a.astype(np.float32) for a in (X, Y[:, 0])]
    est = gp.log_evidence(model_at(THETA), *small)
    assert est.value.dtype == np.float32
    assert abs(float(est.value) - reference(THETA)) <= float(est.error_bound) + 1e-4
    assert float(est.stderr) == 0
    assert float(est.error_bound) > 0


# ------------------------------------------------------------------------- rows and targets


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_outside_the_mask_are_exactly_neutral(dtype):
    """Whatever stands in them: the same value and gradient to the last bits."""
    rng = np.random.default_rng(0)
    mask = np.arange(N + 12) < N
    pads = [np.concatenate([X, 10 * rng.normal(size=(12, 2))]).astype(dtype) for _ in range(2)]
    ends = [np.concatenate([Y[:, 0], 1e3 * rng.normal(size=12)]).astype(dtype) for _ in range(2)]
    known = [np.concatenate([KNOWN, rng.uniform(size=12)]).astype(dtype) for _ in range(2)]

    @jax.jit
    def masked(theta, X, y, known):
        f = lambda t, X, y, known: evidence(t, X, y, mask=mask, noise_variance=known)  # noqa: E731
        return jax.value_and_grad(f, argnums=(0, 1, 2, 3))(theta, X, y, known)

    theta = THETA.astype(dtype)
    first, second = (masked(theta, *args) for args in zip(pads, ends, known, strict=True))
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1][0], second[1][0])
    for gradient in first[1][1:]:
        np.testing.assert_array_equal(gradient[N:], 0)
    if dtype == np.float64:
        plain = lambda t: evidence(t, noise_variance=KNOWN)  # noqa: E731
        value, gradient = jax.jit(jax.value_and_grad(plain))(THETA)
        assert float(first[0]) == pytest.approx(float(value), rel=1e-13)
        np.testing.assert_allclose(first[1][0], gradient, rtol=1e-11)


def test_known_variances_are_added_to_the_noise():
    found = evidence(THETA, noise_variance=KNOWN)
    assert float(found) == pytest.approx(reference(THETA, known=KNOWN), rel=1e-13)
    silent = gp.GP(model_at(THETA).kernel, model_at(THETA).mean, gp.noise.NoNoise())
    alone = gp.log_evidence(silent, X, Y[:, 0], noise_variance=KNOWN + np.exp(THETA[3]))
    assert float(alone.value) == pytest.approx(float(found), rel=1e-13)


def test_several_targets_add_up():
    single = [reference(THETA, y=y) for y in Y.T]
    assert float(evidence(THETA, y=Y)) == pytest.approx(sum(single), rel=1e-13)
    # One mean for each target.
    model = gp.replace(model_at(THETA), "mean", means.Constant([0.3, -0.7]))
    other = THETA.copy()
    other[4] = -0.7
    expected = reference(THETA, y=Y[:, 0]) + reference(other, y=Y[:, 1])
    assert float(gp.log_evidence(model, X, Y).value) == pytest.approx(expected, rel=1e-13)
    assert float(evidence(THETA, y=Y[:, :1])) == pytest.approx(single[0], rel=1e-13)


def test_rows_in_another_order_give_the_same():
    order = RNG.permutation(N)
    assert float(evidence(THETA, X[order], Y[order, 0])) == pytest.approx(
        float(evidence(THETA)), rel=1e-13
    )


# --------------------------------------------------------------------- reports and refusals


def test_the_floor_is_reported_and_used():
    low = THETA.copy()
    low[3] = np.log(1e-12)
    est = gp.log_evidence(model_at(low), X, Y[:, 0])
    assert int(est.status) == Status.NOISE_AT_FLOOR
    low[3] = np.log(1e-8)
    assert float(est.value) == pytest.approx(reference(low), rel=1e-6)


def test_what_has_no_value_says_so():
    model = gp.GP(gk.Linear(1.0), noise=gp.noise.NoNoise())
    indefinite = gp.GP(gk.Function(lambda x, z, p: -jnp.sum(x * z)), noise=gp.noise.NoNoise())
    assert int(gp.log_evidence(model, X, Y[:, 0]).status) == Status.JITTER_ADDED
    est = gp.log_evidence(indefinite, X, Y[:, 0])
    assert int(est.status) == Status.NOT_POSITIVE_DEFINITE
    assert np.isnan(est.value)
    far = jax.jit(lambda X: gp.log_evidence(model, X, Y[:, 0]).status)(X * 1e200)
    assert int(far) == Status.NON_FINITE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": Y[:5, 0]}, "X has 20 rows, but y has 5"),
        ({"mask": np.ones(5, bool)}, "mask must have shape"),
        ({"noise_variance": -KNOWN}, "noise_variance must hold variances"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        evidence(THETA, **options)


def test_log_posterior_density_adds_the_prior():
    model = gp.replace(model_at(THETA), "noise.variance", Positive(0.2, LogNormal(-1.0, 0.5)))
    density = gp.log_posterior_density(model, X, Y[:, 0], noise_variance=KNOWN)
    value = gp.log_evidence(model, X, Y[:, 0], noise_variance=KNOWN).value
    assert float(log_prior(model)) != 0
    assert float(density) == pytest.approx(float(value + log_prior(model)), rel=1e-14)
    plain = gp.log_posterior_density(model_at(THETA), X, Y[:, 0])
    assert float(plain) == pytest.approx(float(evidence(THETA)), rel=1e-15)
