import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import probes
from gpkit.linalg.logdet import slq, slq_trace
from gpkit.linalg.pivoted import pivoted_cholesky
from gpkit.linalg.preconditioners import low_rank_plus_diagonal
from gpkit.results import Status
from tests.linalg.calculus import TRANSFORMATIONS, derivative, marked

N, PROBES = 40, 6
KEY = jax.random.key(0)


def product(v, a):
    return a @ v


def kernel(lengthscale=0.3, noise=1e-2, n=N):
    x = np.random.default_rng(0).uniform(size=(n, 2))
    square = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
    return jnp.asarray(np.exp(-0.5 * square / lengthscale**2) + noise * np.eye(n))


def forms(function, a, z):
    values, vectors = np.linalg.eigh(np.asarray(a))
    return np.asarray(function(jnp.asarray(values))) @ (vectors.T @ np.asarray(z).T) ** 2


@jax.jit
def shallow(a, lower_bound):
    return slq(product, N, a, key=KEY, num_probes=PROBES, depth=10, lower_bound=lower_bound)


@jax.jit
def deep(a, lower_bound):
    return slq(product, N, a, key=KEY, num_probes=PROBES, depth=N, lower_bound=lower_bound)


def test_full_depth_is_the_exact_quadratic_form():
    a = kernel()
    result = deep(a, 1e-2)
    z = probes.rademacher(KEY, PROBES, N, jnp.float64)
    np.testing.assert_allclose(result.samples, forms(jnp.log, a, z), rtol=1e-11)
    np.testing.assert_allclose(result.value, result.samples.mean(), rtol=1e-14)
    assert result.status <= Status.EARLY_BREAKDOWN
    assert result.num_clipped == 0


@pytest.mark.parametrize("lengthscale", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-6])
def test_brackets_hold_the_exact_forms(lengthscale, noise):
    a = kernel(lengthscale, noise)
    z = probes.rademacher(KEY, PROBES, N, jnp.float64)
    truth = forms(jnp.log, a, z)
    result = shallow(a, noise)
    slack = float(result.rounding)
    assert (result.lower - slack <= truth).all()
    assert (truth <= result.upper + slack).all()
    np.testing.assert_allclose(result.samples, 0.5 * (result.lower + result.upper), rtol=1e-13)
    estimate = result.estimate()
    bound = float(jnp.mean(result.upper - result.lower)) / 2 + slack
    np.testing.assert_allclose(estimate.error_bound, bound, rtol=1e-12)
    assert abs(float(estimate.value) - truth.mean()) <= bound


def test_without_a_lower_bound_the_truncation_error_is_unknown():
    result = jax.jit(lambda a: slq(product, N, a, key=KEY, num_probes=PROBES, depth=10))(kernel())
    estimate = result.estimate()
    assert estimate.error_bound == np.inf
    np.testing.assert_allclose(result.samples, shallow(kernel(), 1e-2).upper, rtol=1e-12)


@jax.jit
def whitened(a, noise, key):
    k = a - noise * jnp.eye(N)
    factor = pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=16).factor
    p = low_rank_plus_diagonal(factor, noise)
    return slq(
        product, a[0], a, key=key, num_probes=PROBES, depth=10, preconditioner=p, lower_bound=1.0
    )


def test_preconditioned_value_brackets_and_variance():
    a, noise = kernel(0.5, 1e-2), 1e-2
    truth = np.linalg.slogdet(a)[1]
    result, plain = whitened(a, noise, KEY), shallow(a, noise)
    estimate = result.estimate()
    low, high = estimate.interval(0.999)
    assert low < truth < high
    assert estimate.stderr < 0.2 * plain.estimate().stderr
    assert estimate.error_bound < 1e-2 * plain.estimate().error_bound


@jax.jit
def share_covered(a, noise, truth):
    def covered(key):
        low, high = whitened(a, noise, key).estimate().interval(0.95)
        return (low <= truth) & (truth <= high)

    return jnp.mean(jax.lax.map(covered, jax.random.split(jax.random.key(7), 1500)))


@pytest.mark.parametrize("lengthscale", [0.1, 0.3, 0.7])
def test_intervals_are_honest(lengthscale):
    """From many effective directions (nearly normal samples) to two (t alone covers 91%)."""
    a, noise = kernel(lengthscale, 1e-1), 1e-1
    assert 0.93 <= float(share_covered(a, noise, np.linalg.slogdet(a)[1])) <= 0.97


def test_one_probe_has_an_infinite_standard_error():
    options = {"num_probes": 1, "depth": 5, "lower_bound": 1e-2}
    result = jax.jit(lambda a: slq(product, N, a, key=KEY, **options))(kernel())
    assert result.estimate().stderr == np.inf


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_multiples_of_the_identity_end_after_one_step(scale):
    def logdet(s):
        return shallow(s * jnp.eye(N), 0.5 * s)

    result = logdet(scale)
    np.testing.assert_allclose(result.value, N * np.log(scale), atol=1e-11)
    np.testing.assert_allclose(result.upper, result.lower, atol=1e-11)
    assert result.status == Status.EARLY_BREAKDOWN
    np.testing.assert_allclose(
        jax.jit(jax.grad(lambda s: logdet(s).value))(scale), N / scale, rtol=1e-12
    )


def test_rank_one_plus_noise():
    def logdet(t, solver):
        return solver(t * jnp.ones((N, N)) + 0.1 * jnp.eye(N))

    ours = jax.jit(jax.value_and_grad(lambda t: logdet(t, lambda a: shallow(a, 0.1).value)))(2.0)
    z = probes.rademacher(KEY, PROBES, N, jnp.float64)
    share = np.mean(np.sum(z, axis=1) ** 2) / N
    rest = N - share
    top = 2.0 * N + 0.1
    np.testing.assert_allclose(ours[0], rest * np.log(0.1) + share * np.log(top), rtol=1e-12)
    np.testing.assert_allclose(ours[1], share * N / top, rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda a: a - 0.5 * jnp.eye(N), Status.INDEFINITE),
        (lambda a: a - 0.5e-2 * jnp.eye(N), Status.RITZ_CLIPPED),
        (lambda a: a.at[3, 3].set(jnp.nan), Status.NON_FINITE),
    ],
    ids=["indefinite", "below the bound", "nan"],
)
def test_bad_operators_are_reported(change, status):
    result = deep(change(kernel(2.0)), 1e-2)
    assert result.status == status
    if status != Status.NON_FINITE:
        assert result.num_clipped > 0
        assert bool(jnp.isfinite(result.value))


def curve(logdet):
    a, shift = kernel(0.3, 0.1), jnp.diag(jnp.linspace(0.0, 1.0, N))
    return lambda t: jnp.sin(0.05 * logdet(a * jnp.exp(t) + t**2 * shift))


def dense_form(a):
    z = probes.rademacher(KEY, 2, N, jnp.float64)
    values, vectors = jnp.linalg.eigh(a)
    return jnp.sum((z @ vectors) ** 2 * jnp.log(values)) / 2


@pytest.mark.parametrize("name", marked(slow=True))
def test_transformations(name):
    transform, order = TRANSFORMATIONS[name]
    t = jnp.asarray(0.4)

    def logdet(a):
        return slq(lambda v: a @ v, N, key=KEY, num_probes=2, depth=N, lower_bound=0.05).value

    f = transform(curve(logdet))
    value = f(t) if name == "eager" else jax.jit(f)(t)
    np.testing.assert_allclose(value, derivative(curve(dense_form), t, order), rtol=1e-8)


def test_gradient_with_a_preconditioner_is_that_of_the_log_determinant():
    noise = 1e-2
    keys = jax.random.split(jax.random.key(3), 300)
    base = kernel(0.5, 0.0)

    def value(s, key):
        return whitened(s * base + noise * jnp.eye(N), noise, key).value

    slopes = jax.jit(lambda keys: jax.lax.map(lambda key: jax.grad(value)(1.3, key), keys))(keys)
    truth = jnp.trace(jnp.linalg.solve(1.3 * base + noise * jnp.eye(N), base))
    error = slopes.mean() - truth
    stderr = slopes.std() / np.sqrt(len(keys))
    assert stderr < 1e-2 * truth
    assert abs(error) < 4 * stderr


@pytest.mark.parametrize("function", [jnp.sqrt, lambda x: 1 / x])
def test_other_functions(function):
    a = kernel(0.3, 0.1)
    options = {"num_probes": PROBES, "depth": 10, "lower_bound": 0.1, "function": function}
    result = jax.jit(lambda a: slq_trace(product, N, a, key=KEY, **options))(a)
    truth = forms(function, a, probes.rademacher(KEY, PROBES, N, jnp.float64))
    assert (result.lower - 1e-10 <= truth).all()
    assert (truth <= result.upper + 1e-10).all()


def test_orthogonal_probes_give_the_exact_log_determinant():
    a = kernel(0.3, 0.1, n=12)
    options = {"num_probes": 12, "depth": 12, "lower_bound": 0.05, "probes": probes.orthogonal}
    result = jax.jit(lambda a: slq(product, 12, a, key=KEY, **options))(a)
    np.testing.assert_allclose(result.value, np.linalg.slogdet(a)[1], rtol=1e-10)


def test_float32_and_bad_arguments():
    a = kernel(0.3, 0.1).astype(jnp.float32)
    options = {"num_probes": 2, "depth": 8, "lower_bound": 0.1}
    result = jax.jit(lambda a: slq(product, N, a, key=KEY, **options))(a)
    assert result.value.dtype == jnp.float32
    assert bool(jnp.isfinite(result.estimate().error_bound))
    with pytest.raises(ValueError, match="num_probes"):
        slq(product, N, a, key=KEY, num_probes=0)
    with pytest.raises(ValueError, match="template"):
        slq(product, a, a, key=KEY)
