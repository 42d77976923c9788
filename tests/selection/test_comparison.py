"""`compare` and `rank`: order, differences, words, failures, interrupts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.data import kfold
from gpkit.fitting import FitResult, History
from gpkit.results import Estimate, Status
from gpkit.selection import CRITERIA, Candidate, rank
from gpkit.selection.criteria import Scores

N = 30
RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, size=(N, 1))
Y = np.sin(3 * X[:, 0]) + 0.1 * RNG.normal(size=N)
KEY = jax.random.key(0)


def models():
    return {
        "linear": gp.GP(gk.Linear(1.0)),
        "smooth": gp.GP(1.0 * gk.RBF(1.0)),
        "rough": gp.GP(1.0 * gk.Matern52(1.0)),
    }


@pytest.fixture(scope="module")
def comparison():
    return gp.compare(models(), X, Y, n_restarts=1, key=KEY)


# ----------------------------------------------------------------- candidates made by hand


def candidate(name, evidence, *, loo=None, folds=None, k=2, prior=0.0, bound=0.0, n=20):
    """A candidate with given totals; each row scores the same but for a small wave."""
    wave = 0.2 * np.sin(np.arange(n) * (1 + len(name)))
    wave = wave - wave.mean()
    rows = evidence / n + wave
    scores = Scores(
        rows,
        rows if loo is None else loo / n + wave,
        np.full(n, np.nan) if folds is None else folds / n + wave,
        prior,
        k,
        bound,
        Status.SUCCESS,
        n,
    )
    model = gp.GP(gk.RBF(1.0))
    empty = History(*np.zeros((4, 1)))
    result = FitResult(model, evidence, prior, bound, Status.SUCCESS, empty, ())
    return Candidate(name, model, result, scores, Estimate.exact(evidence), 0.1, Status.SUCCESS)


def test_ranked_by_the_criterion_asked_for():
    parts = [
        candidate("a", -10.0, loo=-30.0, folds=-3.0, k=1),
        candidate("b", -8.0, loo=-40.0, folds=-2.0, k=10),
        candidate("c", -20.0, loo=-20.0, folds=-1.0, k=1, prior=15.0),
    ]
    order = {name: [c.name for c in rank(parts, name).candidates] for name in CRITERIA}
    assert order == {
        "evidence": ["b", "a", "c"],
        "map": ["c", "b", "a"],
        "bic": ["a", "c", "b"],
        "aic": ["a", "b", "c"],
        "loo": ["c", "a", "b"],
        "kfold": ["c", "b", "a"],
    }
    found = rank(parts, "evidence")
    assert found.best_.name == "b"
    np.testing.assert_allclose([d.delta for d in found.differences], [0, -2, -12], atol=1e-12)


@pytest.mark.parametrize(
    ("totals", "verdict"),
    [
        ({"A": -10.0, "B": -40.0}, "A is best by evidence"),
        ({"A": -10.0, "B": -10.8}, "A or B (0.8 +- 0.0 nats); predictions use A"),
        ({"B": -10.8, "A": -10.0}, "A or B (0.8 +- 0.0 nats); predictions use A"),
        (
            {"A": -10.0, "CC": -10.4, "B": -10.8, "D": -99.0},
            "A or CC (and 1 more) (0.4 +- 1.1 nats); predictions use A",
        ),
        ({"A": np.nan, "B": -50.0}, "B is best by evidence"),
        ({"A": np.nan, "B": -np.inf}, "no candidate has a score by evidence"),
    ],
)
def test_words(totals, verdict):
    found = rank([candidate(*item) for item in totals.items()], "evidence")
    text = found.verdict()
    if "1.1" in verdict:
        # The standard error of these waves is not round: it is that of the table.
        stderr = found.differences[1].stderr
        verdict = verdict.replace("1.1", f"{stderr:.1f}")
    assert text.startswith(verdict)


def test_words_name_the_mixture_where_it_predicts():
    found = rank([candidate("A", -10.0), candidate("B", -10.8)], "evidence")
    mixed = dataclasses.replace(found, predictions="the stacked mixture")
    assert mixed.verdict() == "A or B (0.8 +- 0.0 nats); predictions use the stacked mixture"


def test_undecided_names_stand_apart_from_the_best():
    parts = {"A": -10.0, "B": -10.8, "C": -99.0, "D": np.nan}
    found = rank([candidate(*item) for item in parts.items()], "evidence")
    assert found.best_.name == "A"
    assert found.undecided_ == ("B",)
    assert [d.decision for d in found.differences] == ["best", "undecided", "worse", "failed"]
    assert found.candidates[-1].name == "D"


def test_numerical_error_leaves_it_undecided():
    sure = [candidate("A", -10.0), candidate("B", -15.0)]
    assert rank(sure, "evidence").undecided_ == ()
    vague = [candidate("A", -10.0, bound=3.0), candidate("B", -15.0, bound=3.0)]
    assert rank(vague, "evidence").undecided_ == ("B",)


def test_rank_refuses_what_it_can_not_know():
    parts = [candidate("A", -10.0), candidate("B", -15.0)]
    with pytest.raises(ValueError, match="no k-fold scores here"):
        rank(parts, "kfold")
    with pytest.raises(ValueError, match="criterion must be one of"):
        rank(parts, "waic")


# --------------------------------------------------------------------------- fitted ones


def test_every_candidate_is_fitted_and_scored(comparison):
    assert comparison.candidates[-1].name == "linear"
    assert comparison.num_rows == N
    for found in comparison.candidates:
        alone = gp.fit(models()[found.name], X, Y, n_restarts=1, key=KEY)
        assert found.fit.log_density == pytest.approx(alone.log_density, rel=1e-12)
        evidence = float(gp.log_evidence(found.model, X, Y).value)
        assert float(found.log_evidence.value) == pytest.approx(evidence, rel=1e-11)
        assert float(found.log_evidence.error_bound) == alone.error_bound
        assert found.scores.evidence_rows.sum() == pytest.approx(evidence, rel=1e-11)
        assert found.seconds > 0
        for leaf in jax.tree.leaves(found.model):
            assert isinstance(leaf, np.ndarray)


def test_differences_are_those_of_the_rows(comparison):
    best = comparison.best_.scores.evidence_rows
    for c, d in zip(comparison.candidates, comparison.differences, strict=True):
        apart = c.scores.evidence_rows - best
        assert d.delta == pytest.approx(apart.sum(), abs=1e-9)
        assert d.stderr == pytest.approx(np.sqrt(N) * apart.std(ddof=1), abs=1e-12)
    assert comparison.differences[-1].decision == "worse"


def test_table(comparison):
    table = comparison.table
    assert table.index.name == "candidate"
    assert list(table.index) == [c.name for c in comparison.candidates]
    assert list(table.columns) == [
        "delta",
        "stderr",
        "decision",
        "log_evidence",
        "map",
        "bic",
        "aic",
        "loo_nlpd",
        "kfold_nlpd",
        "weight",
        "parameters",
        "seconds",
        "status",
    ]
    row = table.loc["linear"]
    k, evidence = row["parameters"], row["log_evidence"]
    assert k == 2
    assert row["bic"] == pytest.approx(evidence - 0.5 * k * np.log(N))
    assert row["aic"] == pytest.approx(evidence - k)
    # Without priors the map criterion is the evidence.
    assert row["map"] == evidence
    loo = comparison.candidates[-1].scores.loo_rows
    assert row["loo_nlpd"] == pytest.approx(-loo.mean())
    assert np.isnan(row["kfold_nlpd"])
    assert table["weight"].sum() == pytest.approx(1)
    assert comparison.weights["linear"] == row["weight"]
    assert row["status"] == "success"
    assert comparison.verdict() in repr(comparison)
    assert "linear" in repr(comparison)


def test_ranking_again_fits_nothing(comparison):
    by_loo = rank(comparison.candidates, "loo")
    assert {c.name for c in by_loo.candidates} == set(models())
    assert all(c in comparison.candidates for c in by_loo.candidates)


def test_scale_of_the_target_is_taken_out(comparison):
    scaled = gp.compare(models(), X, Y, n_restarts=1, key=KEY, log_scale=2.0)
    for c in scaled.candidates:
        plain = next(p for p in comparison.candidates if p.name == c.name)
        expected = float(plain.log_evidence.value) - 2 * N
        assert float(c.log_evidence.value) == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(c.scores.loo_rows, plain.scores.loo_rows - 2, rtol=1e-12)
    np.testing.assert_allclose(
        [d.delta for d in scaled.differences], [d.delta for d in comparison.differences], atol=1e-9
    )


def test_notes_are_added(comparison):
    assert comparison.notes == ()
    assert comparison.status == Status.SUCCESS
    noted = comparison.with_notes(("one",)).with_notes(("two",))
    assert noted.notes == ("one", "two")
    assert noted.candidates is comparison.candidates


def test_kfold(comparison):
    pair = {name: models()[name] for name in ("linear", "smooth")}
    found = gp.compare(pair, X, Y, criterion="kfold", n_restarts=1, key=KEY)
    smooth = found.best_
    assert smooth.name == "smooth"
    assert np.all(np.isfinite(smooth.scores.kfold_rows))
    (split, *_) = kfold(N, 5, seed=0)
    plain = next(c for c in comparison.candidates if c.name == "smooth")
    refit = gp.fit(plain.model, X[split.train], Y[split.train], max_steps=30).model
    mean, variance = gp.condition(refit, X[split.train], Y[split.train]).predict(X[split.test])
    z = (Y[split.test] - mean) / np.sqrt(variance)
    expected = -0.5 * (z**2 + np.log(2 * np.pi * np.asarray(variance)))
    np.testing.assert_allclose(smooth.scores.kfold_rows[split.test], expected, rtol=1e-8)
    assert np.isfinite(found.table["kfold_nlpd"]).all()


# ------------------------------------------------------------------------ what goes wrong


def test_a_failed_candidate_is_told_and_last():
    negative = gp.GP(gk.Function(lambda x, z, p: -jnp.sum(x * z)), noise=gp.noise.NoNoise())
    found = gp.compare({"bad": negative, "linear": models()["linear"]}, X, Y, key=KEY)
    assert [c.name for c in found.candidates] == ["linear", "bad"]
    assert found.differences[1].decision == "failed"
    assert not found.candidates[1].status.usable
    assert found.table.loc["bad", "status"] == found.candidates[1].status.name.lower()
    assert found.weights == {"linear": 1.0, "bad": 0.0}
    assert found.verdict() == "linear is best by evidence"


class Stop:
    """A progress callback that interrupts at the first event that fits."""

    def __init__(self, **wanted):
        self.wanted, self.events = wanted, []

    def __call__(self, event):
        self.events.append(event)
        if all(getattr(event, name) == value for name, value in self.wanted.items()):
            self.wanted = {"stage": "never"}
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "stop",
    [{"stage": "candidate", "step": 2}, {"message": "rough"}, {"stage": "candidate", "step": 1}],
)
def test_interrupt_keeps_finished_candidates(stop):
    found = gp.compare(models(), X, Y, n_restarts=0, max_steps=3, progress=Stop(**stop))
    finished = 1 if stop.get("step") == 1 else 2
    assert {c.name for c in found.candidates} == set(list(models())[:finished])
    assert found.notes == ("interrupted: not all candidates were fitted",)
    assert found.status == Status.INTERRUPTED


def test_interrupt_within_a_fit_drops_that_candidate_or_keeps_the_only_one():
    count = iter(range(100))

    def at_the_second(event):
        if event.stage.startswith("run") and event.step == 1 and next(count) == 1:
            raise KeyboardInterrupt

    found = gp.compare(models(), X, Y, n_restarts=0, max_steps=3, progress=at_the_second)
    assert [c.name for c in found.candidates] == ["linear"]
    first = Stop(stage="run 1 of 1", step=2)
    found = gp.compare(models(), X, Y, n_restarts=0, max_steps=9, progress=first)
    assert [c.name for c in found.candidates] == ["linear"]
    assert found.best_.status == Status.INTERRUPTED


def test_interrupt_before_anything_is_finished_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        gp.compare(models(), X, Y, progress=Stop(stage="candidate", step=0))


def test_interrupt_in_a_fold_ends_the_comparison(monkeypatch):
    stopped = models()["smooth"]
    real = gp.fit

    def interrupted(model, *args, **options):
        result = real(model, *args, **options)
        return result._replace(status=Status.INTERRUPTED)

    monkeypatch.setattr("gpkit.selection.criteria.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gp.compare({"smooth": stopped}, X, Y, criterion="kfold", n_restarts=0, max_steps=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, "models is empty"),
        ({"criterion": "best"}, "criterion must be one of"),
        ({"y": Y[:5]}, "X has 30 rows, but y has 5"),
    ],
)
def test_refusals(arguments, message):
    given = {"models": models(), "X": X, "y": Y, **arguments}
    with pytest.raises(ValueError, match=message):
        gp.compare(given.pop("models"), given.pop("X"), given.pop("y"), **given)


def test_progress_tells_candidates_in_order():
    events = Stop(stage="never")
    gp.compare(models(), X, Y, n_restarts=0, max_steps=2, progress=events)
    heads = [(e.step, e.total, e.message) for e in events.events if e.stage == "candidate"]
    assert heads == [(0, 3, "linear"), (1, 3, "smooth"), (2, 3, "rough"), (3, 3, "")]


def test_candidates_are_records():
    assert dataclasses.is_dataclass(Candidate)
    with pytest.raises(dataclasses.FrozenInstanceError):
        candidate("A", -1.0).name = "B"
