"""The iterative solver behind estimators, model files and the command."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from gpkit.cli import command
from gpkit.estimators import GPRegressor, GPSelector
from gpkit.io import load, save
from gpkit.solvers import Auto, DeferredFactor, DenseFactor, Iterative

# One program for all: JAX compiles for half a minute here.
pytestmark = pytest.mark.slow
RNG = np.random.default_rng(2)
N = 400
X = RNG.uniform(-2, 2, size=(N, 2))
Y = 50 + 10 * (np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.2 * RNG.normal(size=N))
NEW = RNG.uniform(-2, 2, size=(30, 2))
KERNEL = "matern52(ard)"


def moments(found, rows=NEW):
    return np.stack(found.predict(rows, return_std=True))


@pytest.fixture(scope="module")
def dense():
    return GPRegressor(KERNEL, solver="dense", n_restarts=1, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def iterative():
    return GPRegressor(KERNEL, solver="iterative", random_state=0).fit(X, Y)


def test_it_says_nearly_what_the_dense_solver_says(dense, iterative):
    assert iterative.plan_.solver == "iterative"
    assert "all 400 rows by the iterative solver" in iterative.plan_.summary()
    estimate, exact = iterative.log_evidence_, float(dense.log_evidence_.value)
    assert float(estimate.stderr) > 0
    # Parameters differ by what probes leave open: less than a nat at the optimum.
    assert abs(float(estimate.value) - exact) < 1 + 4 * float(estimate.stderr)
    spread = moments(dense)[1]
    np.testing.assert_allclose(moments(iterative)[0], moments(dense)[0], atol=0.2 * spread.min())
    np.testing.assert_allclose(moments(iterative)[1], spread, rtol=0.1)


def test_all_rows_are_kept_as_what_the_factor_is_made_from(iterative):
    predictor = iterative.predictor_
    assert isinstance(predictor.posterior.factor, DeferredFactor)
    assert predictor.num_rows == N
    data = pickle.dumps(iterative)
    assert len(data) < 300_000
    np.testing.assert_array_equal(moments(pickle.loads(data)), moments(iterative))


def test_a_file_predicts_the_same_numbers(iterative, tmp_path):
    path = tmp_path / "model.gpkit"
    save(iterative.predictor_, path)
    assert path.stat().st_size < 300_000
    np.testing.assert_array_equal(np.stack(load(path).predict(NEW)), moments(iterative))


def test_quantiles_and_averages_agree_with_moments(iterative):
    mean, std = moments(iterative)
    low, middle, high = iterative.predict_quantiles(NEW, (0.1, 0.5, 0.9)).T
    np.testing.assert_allclose(middle, mean)
    np.testing.assert_allclose(high - low, 2 * 1.2815515655446004 * std)
    predictor = iterative.predictor_
    latent = predictor.latent(NEW).std
    np.testing.assert_allclose(predictor.average_std(NEW, np.ones((30, 1))), latent, rtol=1e-3)


def test_with_auto_the_posterior_is_dense_where_that_fits(iterative):
    found = GPRegressor(KERNEL, solver=Auto(), n_restarts=0, random_state=0, max_steps=3)
    with pytest.warns(UserWarning, match="max steps"):
        found.fit(X, Y)
    assert isinstance(found.predictor_.posterior.factor, DenseFactor)
    assert found.result_.choice.name == "dense"


def test_candidates_are_screened_and_the_best_fitted_to_all_rows():
    found = GPSelector(
        ["linear", KERNEL, "rbf(ard)"], solver=Iterative(), random_state=0, n_restarts=0
    ).fit(X, Y)
    assert [c.name for c in found.screening_.candidates][-1] == "linear"
    assert {c.name for c in found.comparison_.candidates} == {KERNEL, "rbf(ard)"}
    a, b = (c.log_evidence for c in found.comparison_.candidates)
    np.testing.assert_array_equal(a.key_id, b.key_id)
    assert found.comparison_.differences[1].delta == pytest.approx(float(b.value - a.value))
    assert "3 candidates were screened on 400 rows" in found.comparison_.notes[0]
    assert np.all(np.isfinite(moments(found)))


def test_the_command_fits_and_predicts(tmp_path, monkeypatch):
    monkeypatch.setenv("GPKIT_CACHE", "off")
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y})
    table, model, out = (tmp_path / name for name in ("t.csv", "m.gpkit", "p.csv"))
    frame.to_csv(table, index=False)
    options = ["--solver", "iterative", "--split", "none", "--json", "--out", str(model)]
    done = CliRunner().invoke(command, ["fit", str(table), "--kernel", KERNEL, *options])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["plan"]["solver"] == "iterative"
    assert summary["log_evidence_stderr"] > 0
    done = CliRunner().invoke(command, ["predict", str(model), str(table), "--out", str(out)])
    assert done.exit_code == 0, done.output
    found = pd.read_csv(out)
    assert np.sqrt(np.mean((found["y_mean"] - Y) ** 2)) < 3
