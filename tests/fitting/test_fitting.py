"""`fit`: the optimum that scipy finds, kept whatever happens."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize

import gpkit as gp
from gpkit import kernels as gk
from gpkit.fitting.start import data_start
from gpkit.padding import pad_rows
from gpkit.params import Fixed, LogNormal, Positive, log_prior
from gpkit.results import Status
from tests.compilations import compilations

N = 30
RNG = np.random.default_rng(7)
X = RNG.uniform(-2, 2, size=(N, 2))
Y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.1 * RNG.normal(size=N)


def model(lengthscale=(1.0, 1.0), noise=0.1, prior=None):
    kernel = 1.0 * gk.RBF(Positive(np.array(lengthscale), prior))
    return gp.GP(kernel, mean=gp.means.Constant(0.0), noise=gp.noise.Gaussian(noise))


def negative(x):
    """Minus the log evidence of that model, in plain numpy, of the five raw parameters."""
    r2 = (((X[:, None] - X[None]) / np.exp(x[1:3])) ** 2).sum(-1)
    H = np.exp(x[0] - 0.5 * r2) + np.exp(x[4]) * np.eye(N)
    r = Y - x[3]
    logdet = np.linalg.slogdet(H)[1]
    return 0.5 * (r @ np.linalg.solve(H, r) + logdet + N * np.log(2 * np.pi))


def raw(model):
    k = model.kernel
    parts = [
        k.variance.raw,
        k.kernel.lengthscale.raw,
        model.mean.value.raw,
        model.noise.variance.raw,
    ]
    return np.concatenate([np.ravel(p) for p in parts])


@pytest.fixture(scope="module")
def optimum():
    """The best of scipy's L-BFGS-B from six starts."""
    starts = [raw(model()), *RNG.normal(size=(5, 5))]
    runs = [optimize.minimize(negative, x, method="L-BFGS-B", tol=1e-12) for x in starts]
    return min(runs, key=lambda run: run.fun)


@pytest.fixture(scope="module")
def fitted():
    return gp.fit(model(), X, Y, n_restarts=3, tol=1e-7, key=jax.random.key(0))


# ------------------------------------------------------------------------------- the optimum


def test_lbfgs_finds_the_optimum_of_scipy(fitted, optimum):
    assert fitted.log_density == pytest.approx(-optimum.fun, abs=1e-5)
    np.testing.assert_allclose(raw(fitted.model), optimum.x, atol=2e-3)
    assert fitted.status in (Status.SUCCESS, Status.LINE_SEARCH_FAILED)
    assert fitted.log_density == pytest.approx(-negative(raw(fitted.model)), rel=1e-10)
    assert 0 < fitted.error_bound < 1e-6


@pytest.mark.parametrize(
    ("optimizer", "max_steps", "gap"),
    [(optax.adam(0.1), 300, 1e-3), (optax.lbfgs(), 60, 1e-5)],
    ids=["adam", "optax.lbfgs"],
)
def test_any_optax_transformation(optimum, optimizer, max_steps, gap):
    found = gp.fit(model(), X, Y, optimizer=optimizer, max_steps=max_steps, tol=1e-7)
    assert found.log_density == pytest.approx(-optimum.fun, abs=gap)


def test_the_best_run_is_kept_and_every_run_told(fitted):
    assert len(fitted.runs) == 4
    values = [run.value for run in fitted.runs]
    assert fitted.log_density == -min(values)
    best = fitted.runs[int(np.argmin(values))]
    np.testing.assert_array_equal(fitted.history.value, best.history.value)
    # The first starts as given, the others elsewhere.
    starts = [run.start_value for run in fitted.runs]
    assert starts[0] == pytest.approx(negative(raw(model())), rel=1e-10)
    assert len(set(starts)) == 4


def test_a_bad_first_run_does_not_win(optimum):
    # So short a lengthscale that every row stands alone: a local optimum of pure noise.
    poor = model((1e-3, 1e-3))
    alone = gp.fit(poor, X, Y)
    assert alone.log_density < -optimum.fun - 5
    better = gp.fit(poor, X, Y, n_restarts=1)
    assert better.log_density == pytest.approx(-optimum.fun, abs=1e-2)


def test_a_start_that_would_only_repeat_the_first_is_replaced():
    at_data = data_start(model(), pad_rows(X, Y))
    assert len(gp.fit(at_data, X, Y, n_restarts=1, max_steps=1).runs) == 1
    runs = gp.fit(at_data, X, Y, n_restarts=1, max_steps=1, key=jax.random.key(0)).runs
    assert len(runs) == 2
    assert abs(runs[0].start_value - runs[1].start_value) > 0.1
    # Any other start is run as well as the one read off the data.
    both = gp.fit(model((1.0, 9.0)), X, Y, n_restarts=1, max_steps=1, key=jax.random.key(0)).runs
    assert both[1].start_value == runs[0].start_value


def test_equal_keys_give_equal_fits(fitted):
    again = gp.fit(model(), X, Y, n_restarts=3, tol=1e-7, key=jax.random.key(0))
    np.testing.assert_array_equal(raw(again.model), raw(fitted.model))
    other = gp.fit(model(), X, Y, n_restarts=3, tol=1e-7, key=jax.random.key(1))
    assert other.runs[3].start_value != fitted.runs[3].start_value


def test_priors_make_it_a_posteriori(optimum):
    tight = LogNormal(np.log(3.0) + 0.01**2, 0.01)
    found = gp.fit(model(prior=tight), X, Y, tol=1e-7)
    np.testing.assert_allclose(gp.val(found.model.kernel.kernel.lengthscale), 3.0, rtol=2e-2)
    prior = float(log_prior(found.model))
    assert found.log_prior == pytest.approx(prior, rel=1e-12)
    evidence = float(gp.log_evidence(found.model, X, Y).value)
    assert found.log_density == pytest.approx(evidence + prior, rel=1e-12)
    assert evidence < -optimum.fun


# -------------------------------------------------------------------------- what does not move


def test_fixed_parameters_stay_to_the_bit():
    kernel = gk.Scale(gk.RBF(Fixed(Positive([0.3, 0.7]))), 1.0)
    start = gp.GP(kernel, mean=gp.means.Constant(Fixed(0.1)))
    for optimizer in ("lbfgs", optax.adamw(0.1, weight_decay=0.5)):
        found = gp.fit(start, X, Y, optimizer=optimizer, n_restarts=1, max_steps=5).model
        for before, after in (
            (kernel.kernel.lengthscale.inner.raw, found.kernel.kernel.lengthscale.inner.raw),
            (start.mean.value.inner, found.mean.value.inner),
        ):
            np.testing.assert_array_equal(before, after)
        assert float(found.kernel.variance.raw) != 0


def test_nothing_to_train_is_only_evaluated(fitted):
    fixed = gp.GP(gk.RBF(Fixed(1.0)), noise=gp.noise.Gaussian(Fixed(0.2)))
    for start, optimizer in ((fixed, "lbfgs"), (fitted.model, None)):
        found = gp.fit(start, X, Y, optimizer=optimizer, n_restarts=2, key=jax.random.key(0))
        assert found.log_density == pytest.approx(float(gp.log_evidence(start, X, Y).value))
        assert found.status == Status.SUCCESS
        assert found.runs == ()
        assert len(found.history.value) == 1
        for a, b in zip(jax.tree.leaves(found.model), jax.tree.leaves(start), strict=True):
            np.testing.assert_array_equal(a, b)


def test_precision_follows_the_data(fitted, optimum):
    found = gp.fit(model(), X.astype(np.float32), Y.astype(np.float32))
    assert found.log_density == pytest.approx(-optimum.fun, abs=0.1)
    again = gp.log_evidence(found.model, X, Y)
    assert abs(found.log_density - float(again.value)) <= found.error_bound


# ------------------------------------------------------------------------ stops and faults


def test_max_steps():
    found = gp.fit(model(), X, Y, max_steps=2)
    assert found.status == Status.MAX_STEPS
    assert len(found.history.value) == 3
    assert gp.fit(model(), X, Y, max_steps=0).log_density == pytest.approx(-negative(raw(model())))


@pytest.mark.parametrize("stop_at", [("run 1 of 3", 2), ("run 2 of 3", 1)])
def test_interrupt_keeps_the_best_so_far(stop_at):
    seen = []

    def progress(event):
        seen.append(event)
        if (event.stage, event.step) == stop_at:
            raise KeyboardInterrupt

    found = gp.fit(model(), X, Y, n_restarts=2, key=jax.random.key(0), progress=progress)
    assert found.status == Status.INTERRUPTED
    assert (seen[-1].stage, seen[-1].step) == stop_at
    assert found.log_density == max(event.value for event in seen)
    assert found.log_density == pytest.approx(-negative(raw(found.model)), rel=1e-10)


def test_interrupt_between_two_runs_keeps_the_first(monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("gpkit.fitting.fitting.data_start", interrupted)
    found = gp.fit(model(), X, Y, n_restarts=2, key=jax.random.key(0))
    assert found.status == Status.INTERRUPTED
    assert len(found.runs) == 1
    assert found.runs[0].status == Status.SUCCESS


def test_a_start_that_is_not_finite_is_recovered_by_restarts(optimum):
    bad = gp.replace(model(), "mean.value", np.nan)
    lost = gp.fit(bad, X, Y)
    assert lost.status == Status.NON_FINITE
    infinite = eqx.tree_at(lambda m: m.kernel.variance.raw, model(), jnp.asarray(800.0))
    saved = gp.fit(infinite, X, Y, n_restarts=1)
    assert saved.runs[0].status >= Status.NON_FINITE
    assert saved.log_density == pytest.approx(-optimum.fun, abs=1e-2)
    assert saved.status == Status.SUCCESS


def test_the_status_of_the_evaluation_is_told_too():
    low = gp.GP(1.0 * gk.RBF(1.0), noise=gp.noise.Gaussian(Fixed(1e-12)))
    found = gp.fit(low, X[:, :1], np.sin(X[:, 0]), tol=1.0)
    assert found.status == Status.NOISE_AT_FLOOR


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_restarts": 2}, r"pass key=jax\.random\.key"),
        ({"n_restarts": -1}, "counts are zero or above, got n_restarts=-1"),
        ({"max_steps": -1}, "max_steps=-1"),
        ({"optimizer": "adam"}, "optimizer must be 'lbfgs', an Optax"),
        ({"noise_variance": np.ones(3)}, "noise_variance must have shape"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        gp.fit(model(), X, Y, **options)


def test_the_callers_dtype_of_key_does_not_matter(fitted):
    old = gp.fit(model(), X, Y, n_restarts=3, tol=1e-7, key=jax.random.PRNGKey(0))
    assert old.log_density == pytest.approx(fitted.log_density, abs=1e-4)


# --------------------------------------------------------------------------- compilations


def test_a_second_fit_in_the_same_bucket_compiles_nothing(fitted):
    del fitted
    options = {"n_restarts": 3, "key": jax.random.key(3)}
    gp.fit(model(), X, Y, **options)
    with compilations() as found:
        gp.fit(model((0.4, 2.0)), X[:25], Y[:25], **options)
    assert found == []
    with compilations() as found:
        jax.jit(lambda x: jnp.sin(x) + 1)(X)
    assert len(found) >= 1
