import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import leave_one_out
from gpkit.linalg.leave_one_out import xdiag, xnystrace, xtrace
from gpkit.linalg.probes import rademacher, sphere
from gpkit.linalg.trace import hutch_plus_plus, hutchinson
from gpkit.results import Status
from tests.linalg.calculus import TRANSFORMATIONS, derivative, marked

N, BUDGET, KEYS = 24, 12, 3000
KEY = jax.random.key(0)
ESTIMATORS = {
    "hutchinson": hutchinson,
    "hutch++": hutch_plus_plus,
    "xtrace": xtrace,
    "xnystrace": xnystrace,
}
BASED = {"hutch++": hutch_plus_plus, "xtrace": xtrace}


def product(v, a):
    return a @ v


def with_spectrum(values, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(N, N)))
    return jnp.asarray(q @ np.diag(values) @ q.T)


def many(function, keys=KEYS):
    # One after another: see gpkit.linalg.serial for why not vmap.
    return jax.jit(lambda keys: jax.lax.map(function, keys))(
        jax.random.split(jax.random.key(1), keys)
    )


def z_score(samples, truth):
    return jnp.max(jnp.abs(samples.mean(0) - truth) / (samples.std(0) / np.sqrt(len(samples))))


SLOW, FAST = with_spectrum(1 / (1.0 + np.arange(N))), with_spectrum(0.5 ** np.arange(N))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_unbiased(name):
    values = many(
        lambda key: ESTIMATORS[name](product, SLOW[0], SLOW, key=key, num_matvecs=BUDGET).value
    )
    assert z_score(values, jnp.trace(SLOW)) < 4
    assert values.std() < 0.3 * jnp.trace(SLOW)


@pytest.mark.parametrize("name", BASED)
def test_unbiased_for_any_square_matrix(name):
    a = jnp.asarray(np.random.default_rng(2).normal(size=(N, N))) + 2 * jnp.eye(N)
    values = many(lambda key: BASED[name](product, a[0], a, key=key, num_matvecs=BUDGET).value)
    assert z_score(values, jnp.trace(a)) < 4


def test_diagonal_is_unbiased_and_its_error_honest():
    result = many(lambda key: xdiag(product, SLOW[0], SLOW, key=key, num_matvecs=BUDGET))
    assert z_score(result.value, jnp.diag(SLOW)) < 4.5
    ratio = jnp.sqrt(jnp.mean(result.stderr**2, 0)) / result.value.std(0)
    assert 0.65 < float(ratio.min()) < float(ratio.max()) < 1.5


def test_accuracy_at_equal_products_on_a_decaying_spectrum():
    error = {
        name: float(
            many(
                lambda key: f(product, FAST[0], FAST, key=key, num_matvecs=BUDGET).value, 200
            ).std()
        )
        for name, f in ESTIMATORS.items()
    }
    assert error["xnystrace"] < 0.3 * error["xtrace"] < 0.3 * error["hutch++"]
    assert error["hutch++"] < 0.3 * error["hutchinson"]


@pytest.mark.parametrize("rank", [0, 1, 3])
@pytest.mark.parametrize("name", ["hutch++", "xtrace", "xnystrace"])
def test_exact_for_low_rank(name, rank):
    a = with_spectrum(np.where(np.arange(N) < rank, 2.0 + np.arange(N), 0.0))
    result = ESTIMATORS[name](product, a[0], a, key=KEY, num_matvecs=BUDGET)
    np.testing.assert_allclose(result.value, jnp.trace(a), atol=1e-12)
    assert result.stderr < 1e-11


def test_diagonal_exact_for_low_rank():
    a = with_spectrum(np.where(np.arange(N) < 3, 2.0 + np.arange(N), 0.0))
    result = xdiag(product, a[0], a, key=KEY, num_matvecs=BUDGET)
    np.testing.assert_allclose(result.value, jnp.diag(a), atol=1e-12)


@pytest.mark.parametrize("name", ["xtrace", "xnystrace"])
def test_samples_against_their_definition(name):
    result = ESTIMATORS[name](product, SLOW[0], SLOW, key=KEY, num_matvecs=BUDGET)
    size = BUDGET if name == "xnystrace" else BUDGET // 2
    probes = np.asarray(sphere(KEY, size, N, jnp.float64)).T
    a = np.asarray(SLOW)
    expected = []
    for i in range(size):
        others = np.delete(probes, i, axis=1)
        if name == "xtrace":
            q, _ = np.linalg.qr(a @ others)
            inside, left = np.trace(q.T @ a @ q), a
        else:
            y = a @ others
            inner = y @ np.linalg.solve(others.T @ y, y.T)
            inside, left, q = np.trace(inner), a - inner, np.linalg.qr(others)[0]
        u = probes[:, i] - q @ (q.T @ probes[:, i])
        expected.append(inside + (N - size + 1) * (u @ left @ u) / (u @ u))
    np.testing.assert_allclose(result.value, np.mean(expected), rtol=1e-11)
    # The spread is widened by one common factor, which corrects the standard error.
    factor = (result.samples - result.value) / (expected - np.mean(expected))
    np.testing.assert_allclose(factor, factor[0], rtol=1e-8)
    assert factor[0] > 1


@pytest.mark.parametrize("name", ["xtrace", "xnystrace"])
def test_jackknife_behind_the_standard_error(name):
    size = BUDGET if name == "xnystrace" else BUDGET // 2
    result = ESTIMATORS[name](product, SLOW[0], SLOW, key=KEY, num_matvecs=BUDGET)
    probes = sphere(KEY, size, N, jnp.float64)

    def on(rows, monkey):
        monkey.setattr(leave_one_out, "sphere", lambda *_: probes[rows])
        budget = len(rows) if name == "xnystrace" else 2 * len(rows)
        return ESTIMATORS[name](product, SLOW[0], SLOW, key=KEY, num_matvecs=budget)

    with pytest.MonkeyPatch.context() as monkey:
        monkey.setattr(leave_one_out, "_honest", lambda samples, _: samples)
        plain = on(np.arange(size), monkey).stderr
        rest = [on(np.delete(np.arange(size), j), monkey).value for j in range(size)]
    jackknife = np.sqrt((size - 1) * np.var(rest))
    np.testing.assert_allclose(result.stderr, np.sqrt(plain * jackknife), rtol=1e-9)


@pytest.mark.parametrize("name", ["xtrace", "xnystrace"])
@pytest.mark.parametrize("spectrum", ["slow", "fast", "flat"])
def test_standard_error_is_not_optimistic(name, spectrum):
    flat = with_spectrum(np.random.default_rng(5).uniform(0.5, 1.5, N))
    a = {"slow": SLOW, "fast": FAST, "flat": flat}[spectrum]
    result = many(
        lambda key: ESTIMATORS[name](product, a[0], a, key=key, num_matvecs=BUDGET), keys=1000
    )
    spread = np.sqrt(np.mean(jax.vmap(lambda e: e.stderr)(result) ** 2))
    low, high = jax.vmap(lambda e: jnp.stack(e.interval(0.95)), out_axes=1)(result)
    truth = jnp.trace(a)
    assert spread > 0.97 * result.value.std()
    assert jnp.mean((low <= truth) & (truth <= high)) > 0.93


SHIFT = jnp.asarray(np.diag(np.linspace(0.0, 1.0, N)))


def curve(estimator, **options):
    def f(t):
        a = SLOW + t * FAST + t**2 * SHIFT
        return estimator(lambda v: a @ v, SLOW[0], key=KEY, num_matvecs=BUDGET, **options).value

    return f


DIFFERENTIABLE = {
    "hutchinson": (hutchinson, {}),
    "hutch++": (hutch_plus_plus, {"basis": "differentiated"}),
    "xtrace": (xtrace, {"basis": "differentiated"}),
    "xnystrace": (xnystrace, {"basis": "differentiated"}),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_differentiated_basis_gives_the_derivative_of_the_number(name):
    estimator, options = DIFFERENTIABLE[name]
    f, t, h = jax.jit(curve(estimator, **options)), 0.6, 1e-4
    difference = (f(t + h) - f(t - h)) / (2 * h)
    np.testing.assert_allclose(jax.jit(jax.grad(f))(t), difference, rtol=1e-7)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(f))(t), difference, rtol=1e-7)


@pytest.mark.parametrize("basis", ["frozen", "differentiated"])
@pytest.mark.parametrize("name", [*BASED, "xnystrace"])
def test_both_derivatives_are_unbiased(name, basis):
    def slope(key):
        def f(t):
            a = SLOW + t * FAST + t**2 * SHIFT
            options = {"key": key, "num_matvecs": BUDGET, "basis": basis}
            return ESTIMATORS[name](product, a[0], a, **options).value

        return jax.grad(f)(0.6)

    slopes = many(slope)
    assert z_score(slopes, jnp.trace(FAST + 1.2 * SHIFT)) < 4


@pytest.mark.parametrize("name", BASED)
def test_frozen_derivative_is_exact_where_the_estimate_is(name):
    root = jnp.asarray(np.random.default_rng(3).normal(size=(N, 2)))
    turn = jnp.asarray(np.random.default_rng(4).normal(size=(N, 2)))

    def total(t, estimator):
        r = root + t * turn
        return estimator(lambda v: r @ (r.T @ v))

    def ours(matvec):
        return BASED[name](matvec, root[:, 0], key=KEY, num_matvecs=BUDGET).value

    value, slope = jax.value_and_grad(lambda t: total(t, ours))(0.3)
    np.testing.assert_allclose(value, jnp.sum((root + 0.3 * turn) ** 2), rtol=1e-12)
    np.testing.assert_allclose(slope, jnp.sum(2 * (root + 0.3 * turn) * turn), rtol=1e-10)


def test_frozen_derivative_holds_the_basis():
    direction = jnp.asarray(np.random.default_rng(6).normal(size=(N, N)))
    direction = direction + direction.T

    def value(t, basis):
        a = SLOW + t * direction
        return hutch_plus_plus(product, a[0], a, key=KEY, num_matvecs=BUDGET, basis=basis).value

    sketch_key, probe_key = jax.random.split(KEY)
    q, _ = np.linalg.qr(SLOW @ rademacher(sketch_key, BUDGET // 3, N, jnp.float64).T)
    z = rademacher(probe_key, BUDGET // 3, N, jnp.float64).T
    z = z - q @ (q.T @ z)
    slope = np.trace(q.T @ direction @ q) + np.sum(z * (direction @ z)) / (BUDGET // 3)
    np.testing.assert_allclose(jax.grad(value)(0.0, "frozen"), slope, rtol=1e-11)
    assert abs(jax.grad(value)(0.0, "differentiated") - slope) > 1e-3


@pytest.mark.parametrize("name", marked(slow=True))
def test_transformations(name):
    transform, order = TRANSFORMATIONS[name]
    f = curve(xtrace, basis="differentiated")
    value = jax.jit(transform(f))(jnp.asarray(0.6))
    np.testing.assert_allclose(value, derivative(f, jnp.asarray(0.6), order), rtol=1e-8)


def test_not_a_number_is_reported():
    bad = SLOW.at[0, 0].set(jnp.nan)
    for estimator in (*ESTIMATORS.values(), xdiag):
        result = estimator(product, SLOW[0], bad, key=KEY, num_matvecs=BUDGET)
        assert result.status == Status.NON_FINITE


def test_bad_arguments_are_named():
    for estimator, budget in ((hutchinson, 0), (hutch_plus_plus, 2), (xtrace, 2 * N + 2)):
        with pytest.raises(ValueError, match="num_matvecs"):
            estimator(product, SLOW[0], SLOW, key=KEY, num_matvecs=budget)
    with pytest.raises(ValueError, match="basis"):
        xtrace(product, SLOW[0], SLOW, key=KEY, num_matvecs=4, basis="free")
