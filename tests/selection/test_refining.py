"""The best of a screening on all rows: who is fitted again, and what their differences say."""

import jax
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.results import Estimate, Status, silent
from gpkit.selection import compare, refine, refining
from gpkit.selection.criteria import View
from gpkit.solvers import Dense

RNG = np.random.default_rng(12)
N, FEW = 60, 40
X = RNG.uniform(0, 6, size=(N, 1))
Y = np.sin(X[:, 0]) + 0.1 * RNG.normal(size=N)
MODELS = {
    "rbf": gp.GP(1.0 * gk.RBF(1.0), noise=gp.noise.Gaussian(0.1)),
    "matern52": gp.GP(1.0 * gk.Matern52(1.0), noise=gp.noise.Gaussian(0.1)),
    "linear": gp.GP(1.0 * gk.Linear(), noise=gp.noise.Gaussian(0.1)),
}
KEY = jax.random.key(0)
VIEWS = {name: View(Y, 0.3) for name in MODELS}


@pytest.fixture(scope="module")
def screened():
    with jax.enable_x64(True):
        return {
            name: compare(MODELS, X[:FEW], Y[:FEW], criterion=name, n_restarts=0, max_steps=15)
            for name in ("bic", "loo")
        }


def refined(screened, **changes):
    options = {"most": 3, "solver": Dense(), "max_steps": 15, "key": KEY, "progress": silent}
    return refine(screened, X, VIEWS, **{**options, **changes})


def test_the_best_and_its_rivals_are_fitted_to_all_rows(screened):
    first = screened["bic"]
    found = refined(first)
    # The trend is far behind on the first rows already.
    assert sorted(c.name for c in found.candidates) == ["matern52", "rbf"]
    assert found.num_rows == N
    for c in found.candidates:
        evidence = gp.log_evidence(c.model, X, Y)
        assert float(c.log_evidence.value) == pytest.approx(float(evidence.value) - 0.3 * N)
        assert found.table.loc[c.name, "bic"] == pytest.approx(
            float(c.log_evidence.value) - 0.5 * c.scores.num_parameters * np.log(N)
        )
    best, other = (c.log_evidence.value for c in found.candidates)
    assert found.differences[1].delta == pytest.approx(float(other - best))
    assert found.differences[0][:2] == (0.0, 0.0)
    assert f"3 candidates were screened on {FEW} rows; on all {N} rows: " in found.notes[-1]


def test_the_standard_error_of_rows_grows_with_the_root_of_their_number(screened):
    first = screened["bic"]
    rows = {c.name: c.scores.evidence_rows for c in first.candidates}
    expected = np.sqrt(N) * np.std(rows["rbf"] - rows["matern52"], ddof=1)
    assert refined(first).differences[1].stderr == pytest.approx(expected)


def test_estimates_with_common_probes_are_paired(screened, monkeypatch):
    shared = RNG.normal(size=200)
    order = [c.name for c in screened["bic"].candidates][:2]
    samples = dict(zip(order, (100 + 20 * shared, 95 + 20 * shared), strict=True))
    names = iter(order)

    def estimated(model, X, y, **options):
        found = gp.fit(model, X, y, optimizer=None)
        values = samples[next(names)]
        key = np.zeros(2, np.uint32)
        evidence = Estimate(
            np.mean(values), np.asarray(values), np.asarray(0.01), np.asarray(0, np.int32), key
        )
        return found._replace(evidence=evidence, status=Status.SUCCESS)

    monkeypatch.setattr(refining, "fit", estimated)
    monkeypatch.setattr(refining, "paired_stderr", lambda a, b: 0.0)
    found = refined(screened["bic"], most=2)
    assert found.differences[1].stderr < 1e-9
    assert found.differences[1].decision == "worse"


def test_other_criteria_keep_their_ranking_and_the_best_is_fitted_again(screened):
    first = screened["loo"]
    found = refined(first)
    assert [c.name for c in found.candidates] == [c.name for c in first.candidates]
    assert found.differences == first.differences
    assert found.best_.scores is first.best_.scores
    assert found.best_.model is not first.best_.model


def test_at_most_so_many(screened):
    assert len(refined(screened["bic"], most=1).candidates) == 1
