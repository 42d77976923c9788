"""The fit on many rows against the dense one on the same rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.constraints import Fixed, Positive
from gpkit.fitting import segments, subsets
from gpkit.fitting.large import fit_large
from gpkit.padding import Rows
from gpkit.results import Status, silent
from gpkit.solvers import Iterative

N = 500
RNG = np.random.default_rng(11)
X = jnp.asarray(RNG.uniform(-2, 2, size=(N, 2)))
Y = jnp.asarray(np.sin(3 * X[:, 0]) * np.cos(X[:, 1]) + 0.3 * RNG.standard_normal(N))
MODEL = gp.GP(1.0 * gk.Matern32([1.0, 1.0]), noise=gp.noise.Gaussian(0.3))
SOLVER = Iterative(rank=60, num_probes=20, depth=48)
KEY = jax.random.key(1)


@pytest.fixture(autouse=True)
def small_subsets(monkeypatch):
    monkeypatch.setattr(subsets, "_SUBSET", 150)
    monkeypatch.setattr(subsets, "_LARGER", 250)


def rows(noise_variance=None):
    return Rows(X, Y, noise_variance, jnp.ones(N, bool))


def run(progress=silent, max_steps=60):
    return fit_large(
        MODEL, rows(), solver=SOLVER, key=KEY, max_steps=max_steps, tol=0.1, progress=progress
    )


def test_it_ends_where_the_dense_fit_ends():
    exact = gp.fit(MODEL, X, Y)
    events = []
    found = run(events.append)
    at = gp.log_evidence(found.model, X, Y).value
    assert at > exact.log_density - 0.5
    low, high = found.evidence.interval(0.999)
    assert low < at < high
    assert found.status == Status.SUCCESS
    stages = {event.stage.split(",")[0] for event in events}
    assert {"all rows", "evidence"} <= stages
    assert any("subset of 150 rows" in stage for stage in stages)
    assert np.all(np.diff(found.history.seconds) >= 0)


@pytest.mark.slow
def test_the_same_key_gives_the_same_fit():
    a, b = run(), run()
    for x, y in zip(jax.tree.leaves(a.model), jax.tree.leaves(b.model), strict=True):
        np.testing.assert_array_equal(x, y)


STAGES = ["subset of 150 rows, start 1", "subset of 250 rows", "all rows, segment 1"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupt_keeps_the_best_state_and_starts_nothing_new(stage):
    seen = []

    def stop(event):
        seen.append(event.stage)
        if event.stage == stage:
            raise KeyboardInterrupt

    found = run(stop)
    assert found.status == Status.INTERRUPTED
    assert seen[-3:] == [stage, "evidence", "evidence"]
    assert len(found.history.value) == len(found.history.seconds)
    start = gp.log_evidence(MODEL, X, Y).value
    assert gp.log_evidence(found.model, X, Y).value > start


@pytest.mark.slow
def test_hard_systems_get_a_whole_factor(monkeypatch):
    ranks = []
    original = segments._precondition

    def watched(model, rows, rank, key):
        ranks.append(rank)
        return original(model, rows, rank, key)

    monkeypatch.setattr(segments, "_precondition", watched)
    smooth = jnp.sin(X[:, 0]) * jnp.cos(X[:, 1])
    solver = Iterative(rank=5, num_probes=10, depth=24)
    data = Rows(X, smooth, None, jnp.ones(N, bool))
    found = fit_large(MODEL, data, solver=solver, key=KEY, max_steps=5, tol=0.1, progress=silent)
    assert ranks[:2] == [5, "full"]
    assert np.isfinite(found.evidence.value)


@pytest.mark.slow
def test_known_noise_and_fixed_parameters_stay():
    noise = gp.noise.Gaussian(Fixed(Positive(5e-4)))
    model = gp.GP(1.0 * gk.Matern32([1.0, 1.0]), noise=noise)
    data = rows(jnp.full((N,), 0.07))
    found = fit_large(model, data, solver=SOLVER, key=KEY, max_steps=20, tol=0.1, progress=silent)
    np.testing.assert_allclose(gp.val(found.model.noise.variance), 5e-4)
    exact = gp.log_evidence(found.model, X, Y, noise_variance=jnp.full((N,), 0.07))
    low, high = found.evidence.interval(0.999)
    assert low < exact.value < high
