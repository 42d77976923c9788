"""Verdicts of the report on documents made by hand."""

import json
import math

import pytest

from benchmarks.registry import METHODS
from benchmarks.rendering import evidence, figures, small, train
from benchmarks.suites.small import PLAN
from gpkit.selection.candidates import default_candidates


def job(method, nlpds, status="ok", dataset="a"):
    rows = [
        {
            "split": i, "nlpd": v, "rmse": 1.0, "crps": 0.5, "coverage90": 0.9,
            "fit_seconds": 2.0, "predict_seconds": 0.5, "processor_seconds": 1.5,
            "n": 90, "n_test": 10, "d": 3,
        }
        for i, v in enumerate(nlpds)
    ]  # fmt: skip
    return {
        "method": method, "dataset": dataset, "status": status, "rows": rows, "start_seconds": 1.0,
    }  # fmt: skip


BEST = job("best", [1.0, 2.0, 3.0, 4.0])
# Differences 0.4, -0.2, 0.4, -0.2: mean 0.1, standard error 0.1732.
CLOSE = job("close", [1.4, 1.8, 3.4, 3.8])
# Always worse by the same amount: no noise at all.
WORSE = job("worse", [1.1, 2.1, 3.1, 4.1])
FAILED = job("failed", [0.0, 0.0], status="failed: out of memory")
NONE = job("none", [], status="left out: no rivals' environment given")
JOBS = [BEST, CLOSE, WORSE, FAILED, NONE]


def test_best_has_the_lowest_mean_nlpd_among_the_complete():
    assert small.best_of(JOBS) is BEST
    assert small.best_of([FAILED, NONE]) is None


def test_paired_difference():
    difference, error = small.paired(CLOSE, BEST)
    assert difference == pytest.approx(0.1)
    assert error == pytest.approx(0.6 / math.sqrt(12))


def test_noise_is_that_of_the_paired_difference():
    assert small.within(BEST, BEST, 0)
    assert small.within(CLOSE, BEST, 1)
    assert not small.within(CLOSE, BEST, 0.5)
    assert not small.within(WORSE, BEST, 2)
    assert not small.within(FAILED, BEST, 2)


def test_one_split_is_within_no_noise():
    assert not small.within(job("x", [1.1]), job("y", [1.0]), 2)


def test_page_holds_every_row_and_every_failure():
    document = {
        "suite": "small",
        "machine": {
            "cpu": "c", "cores": 2, "memory_gb": 1.0, "system": "s", "date": "d", "commit": "abc",
            "load_average": None,
        },
        "settings": {
            "threads": 2, "splits": [0, 1, 2, 3], "which_splits": "w", "scores": "s",
            "seconds": "t", "noise_of_the_best": "n", "datasets": ["a"],
            "what": {j["method"]: "m" for j in JOBS},
            "methods": [j["method"] for j in JOBS],
        },
        "jobs": JOBS,
    }  # fmt: skip
    page = small.render(document)
    everything = page.split("## All rows")[1]
    assert everything.count("| a |") == sum(len(j["rows"]) for j in JOBS)
    assert "2 splits, then failed: out of memory" in page
    assert "left out: no rivals' environment given" in page
    summary = page.split("## Summary")[1].split("## a")[0]
    line = next(line for line in summary.splitlines() if line.startswith("| close |"))
    assert line == "| close | 0 of 1 | 1 | 1 | 2.00 | 10.0 | - | 6.0 | - | 1.0 | 0 |"


def test_plan_states_what_runs():
    plan = json.loads(PLAN.read_text())
    assert plan["candidates"] == list(default_candidates(2))
    assert set(plan["methods"]) == set(METHODS)
    assert len(set(plan["datasets"])) == len(plan["datasets"]) >= 12


MACHINE = {
    "cpu": "c", "cores": 2, "memory_gb": 1.0, "system": "s", "date": "d", "commit": "abc",
    "load_average": None,
}  # fmt: skip


def evidence_row(engine, first, seconds, values, gradients):
    return {
        "problem": "a", "setting": "start", "engine": engine, "rows": None, "status": "ok",
        "first_seconds": first, "seconds": seconds, "value": values, "gradient": gradients,
        "dense": {"value": 10.0, "gradient": [3.0, 4.0, 0.0]}, "peak_bytes": 2**30,
    }  # fmt: skip


def evidence_document():
    ours = evidence_row("gpkit", 2.0, [1.0, 1.0, 4.0], [10.3, 9.6], [[3, 4, 0.3], [3, 4, -0.4]])
    ours["stderr"] = [0.5, 0.5]
    theirs = evidence_row("gpytorch-stock", 30.0, [12.0], [11.0], [[3.0, 5.0, 0.1]])
    intervals = [[10.0, 1.0, 9.0, 11.0, 0]] * 18
    intervals += [[12.0, 1.0, 11.0, 13.0, 0], [8.0, 1.0, 7.0, 9.0, 0]]
    held = {
        "problem": "a", "setting": "noise 0.1", "engine": "gpkit", "rows": 50, "status": "ok",
        "values": intervals, "dense": {"value": 10.0},
    }  # fmt: skip
    failed = {"problem": "a", "setting": "middle", "engine": "gpkit", "status": "failed: x"}
    return {
        "suite": "evidence", "machine": MACHINE, "settings": {"threads": 2, "what": {"gpkit": "g"}},
        "jobs": [ours, theirs, held, {**failed, "rows": None}],
    }  # fmt: skip


def test_evidence_errors_are_over_keys_and_against_dense():
    ours = evidence_document()["jobs"][0]
    assert evidence.value_error(ours) == pytest.approx(math.sqrt((0.09 + 0.16) / 2))
    assert evidence.entry_errors(ours) == pytest.approx([0, 0, math.sqrt((0.09 + 0.16) / 2)])
    assert evidence.gradient_error(ours) == pytest.approx(math.sqrt(0.125) / 5)


def test_evidence_page():
    page = evidence.render(evidence_document())
    line = next(x for x in page.splitlines() if x.startswith("| start, gpkit |"))
    assert line.split(" | ")[1:5] == ["2.00", "1.00", "15.0", "12.0"]
    assert "| noise 0.1 | 50 | 20 | 90.0 | a 18 |" in page
    assert "failed: x" in page
    # Gradient errors 0.0707 against 0.2010 of the dense length.
    assert "| a | 1 | 15.0 | 12.0 | 0.35 | 1.00 |" in page
    # Errors 0, 0, 0.35 against 0, 1, 0.1.
    assert "| 2 of 3 |" in page


def train_document():
    def point(step, at, nlpd):
        return {"step": step, "seconds": at, "parameters": {}, "score": {"nlpd": nlpd, "rmse": 0.4}}

    job = {"problem": "a", "status": "ok", "n": 9, "d": 2, "peak_bytes": None}
    stock = {
        **job, "engine": "gpytorch-stock", "timed": False, "train_seconds": 999.0,
        "points": [point(5, 500.0, 0.7), point(10, 999.0, 0.5)],
    }  # fmt: skip
    steps = {
        **job, "engine": "gpytorch-steps", "timed": True, "train_seconds": 47.0,
        "points": [{"step": 4, "step_seconds": [13.0, 10.0, 10.0, 9.0]}],
    }  # fmt: skip
    ours = {
        **job, "engine": "gpkit", "timed": True, "train_seconds": 40.0,
        "points": [point(1, 5.0, 0.9), point(2, 7.0, 0.49), point(3, 40.0, 0.4)],
        "own_scores": {"nlpd": 0.41, "rmse": 0.4, "seconds": 3.0},
    }  # fmt: skip
    test = {"nlpd": 0.39, "rmse": 0.38}
    return {
        "suite": "train", "machine": MACHINE,
        "settings": {"threads": 2, "what": {}, "published": {"a": [0.3, 0.2, "P"]}},
        "jobs": [stock, steps, ours], "references": {"a": {"test": test, "rows": 9}},
    }  # fmt: skip


def test_seconds_of_a_run_beside_others_are_steps_times_the_quiet_step():
    jobs = train_document()["jobs"]
    assert train.seconds(jobs[0], jobs) == (5.0 + 10 * 10.0, "~")
    assert train.seconds(jobs[2], jobs) == (40.0, "")
    assert train.seconds(jobs[0], jobs[:1]) == (999.0, "*")
    assert [at for at, _ in train.curve_of(jobs[0], jobs)] == [55.0, 105.0]
    assert [at for at, _ in train.curve_of(jobs[2], jobs)] == [5.0, 7.0, 40.0]


def test_train_page_says_when_the_rival_is_reached():
    page = train.render(train_document())
    ours = next(x for x in page.splitlines() if x.startswith("| gpkit |")).split(" | ")
    assert ours[1:4] == ["40.0", "0.4000", "0.4000"]
    assert ours[7:9] == ["7.0", "15.0"]
    assert "| gpytorch-stock | ~105.0 | 0.5000 |" in page
    assert "gpytorch-steps |" not in page.split("## a")[1]
    assert train.reach([(1.0, {"nlpd": 0.6})], 0.5) is None


@pytest.mark.parametrize(
    ("draw", "document", "panels"),
    [(evidence.draw, evidence_document, 2), (train.draw, train_document, 1)],
)
def test_pictures_show_every_engine(draw, document, panels, tmp_path):
    figure = draw(document())
    assert len(figure.axes) == panels
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"gpkit", "gpytorch-stock"} <= set(labels)
    figures.write(figure, tmp_path / "x.svg")
    assert (tmp_path / "x.svg").stat().st_size > 5000
