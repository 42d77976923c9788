"""Verdicts of the report on documents made by hand."""

import json
import math

import pytest

from benchmarks.registry import METHODS
from benchmarks.rendering import small
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
