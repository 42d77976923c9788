"""The log evidence to a requested error: met and true, or missed and said why."""

import jax
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.objectives import certifying
from gpkit.results import Status
from gpkit.solvers import Dense, Iterative

RNG = np.random.default_rng(4)
N = 120
X = RNG.normal(size=(N, 2))
Y = np.sin(2 * X[:, 0]) + 0.3 * RNG.normal(size=N)
MODEL = gp.GP(1.2 * gk.Matern32([0.9, 1.4]), noise=gp.noise.Gaussian(0.1))
KEY = jax.random.key(2)
# A rank so small that probes differ, and a few shapes for all tests.
SMALL = Iterative(rank=4, num_probes=15, depth=64)


@pytest.fixture(scope="module")
def exact():
    with jax.enable_x64(True):
        return float(gp.log_evidence(MODEL, X, Y).value)


def test_dense_where_that_is_cheaper(exact):
    found = gp.certify(MODEL, X, Y, key=KEY)
    assert float(found.value) == pytest.approx(exact, rel=1e-12)
    assert found.samples.shape == (0,)
    assert (int(found.status), found.message) == (Status.SUCCESS, "")


@pytest.mark.slow
def test_rounds_are_pooled_until_the_target_is_met(exact):
    events = []
    found = gp.certify(
        MODEL, X, Y, target_stderr=0.6, solver=SMALL, key=KEY, progress=events.append
    )
    assert int(found.status) == Status.SUCCESS
    assert 0 < float(found.stderr) + float(found.error_bound) <= 0.6
    assert float(found.value) == pytest.approx(float(np.mean(found.samples)), rel=1e-12)
    assert abs(float(found.value) - exact) < 4 * float(found.stderr) + float(found.error_bound)
    assert [event.step for event in events] == list(range(1, len(events) + 1))
    assert len(events) > 1
    # Fresh keys: no sample is drawn twice.
    assert len(np.unique(found.samples)) == len(found.samples)


@pytest.mark.slow
def test_the_same_key_gives_the_same_estimate():
    arguments = {"target_stderr": 0.6, "solver": SMALL}
    a, b = (gp.certify(MODEL, X, Y, key=KEY, **arguments) for _ in range(2))
    np.testing.assert_array_equal(a.samples, b.samples)


@pytest.mark.slow
def test_a_target_out_of_reach_is_missed_and_said(monkeypatch, exact):
    monkeypatch.setattr(certifying, "_MOST_PROBES", 50)
    found = gp.certify(MODEL, X, Y, target_stderr=1e-7, solver=SMALL, key=KEY)
    assert int(found.status) == Status.TARGET_MISSED
    assert "probes would be needed" in found.message
    assert "probes would be needed" in repr(found)
    low, high = found.interval(0.999)
    assert low < exact < high


def test_seconds_are_a_ceiling():
    found = gp.certify(MODEL, X, Y, target_stderr=1e-3, solver=SMALL, key=KEY, max_seconds=1e-6)
    assert found.samples.shape == (15,)
    assert int(found.status) == Status.TARGET_MISSED
    assert "seconds" in found.message


def test_a_bound_that_rounding_leaves_is_named():
    X32, Y32 = X.astype(np.float32), Y.astype(np.float32)
    model = gp.replace(MODEL, "noise.variance", 1e-4)
    found = gp.certify(model, X32, Y32, target_stderr=1e-6, solver=Dense(), key=KEY)
    assert int(found.status) == Status.TARGET_MISSED
    assert "float64" in found.message


def test_under_tracing_it_names_the_pure_function():
    with pytest.raises(TypeError, match=r"gpkit\.log_evidence"):
        jax.jit(lambda y: gp.certify(MODEL, X, y, key=KEY).value)(Y)


@pytest.mark.parametrize("name", ["target_stderr", "max_seconds"])
def test_bad_input(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0, got -1"):
        gp.certify(MODEL, X, Y, key=KEY, **{name: -1.0})
