"""Every suite runs at its smallest size, and its report renders; rivals only if given."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process import Worker, WorkerFailed

ROOT = Path(__file__).resolve().parents[2]
RIVAL = os.environ.get("GPKIT_RIVAL_PYTHON")
needs_rival = pytest.mark.skipif(RIVAL is None, reason="GPKIT_RIVAL_PYTHON is not set")


def benchmark(tmp_path, suite, *arguments, check=True):
    """Run a suite and its report; the result document and the page."""
    out = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks", suite, "--quick", "--out", str(out)]
    environment = {k: v for k, v in os.environ.items() if k != "GPKIT_RIVAL_PYTHON"}
    done = subprocess.run(
        [*command, "--threads", "1", *arguments], cwd=ROOT, env=environment, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if not check:
        return done
    assert done.returncode == 0, done.stderr
    report = [sys.executable, "-m", "benchmarks.report", str(out)]
    page = subprocess.run(report, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(out.read_text()), page.stdout


@pytest.mark.slow
def test_small(tmp_path):
    document, page = benchmark(tmp_path, "small")
    jobs = {job["method"]: job for job in document["jobs"]}
    for method in ("GPRegressor", "GPSelector", "sklearn-gpr", "ridge"):
        assert jobs[method]["status"] == "ok"
        assert jobs[method]["rows"][0]["nlpd"] < 3.2  # the targets' own spread gives 3.3
    assert jobs["gpytorch-adam"]["status"].startswith("left out")
    assert {"commit", "cpu", "cores"} <= document["machine"].keys()
    assert "## synthetic/friedman1" in page


@pytest.mark.slow
def test_dense(tmp_path):
    document, page = benchmark(tmp_path, "dense")
    double, single = document["jobs"]
    ours, theirs = double["engines"]["gpkit"], double["engines"]["sklearn"]
    assert ours["value"] == pytest.approx(theirs["value"], rel=1e-10)
    assert ours["gradient"] == pytest.approx(theirs["gradient"], rel=1e-8)
    assert single["engines"]["gpkit"]["value"] == pytest.approx(theirs["value"], rel=1e-4)
    assert set(ours["flops"]) == {"matmul", "gram", "cholesky", "inverse", "contraction"}
    assert double["left_out"] == {"gpytorch": "no rivals' environment given"}
    assert "| contraction |" in page


@pytest.mark.slow
def test_startup(tmp_path):
    document, page = benchmark(tmp_path, "startup", "--methods", "GPRegressor")
    runs = document["jobs"][0]["runs"]
    assert {state: "failed" in found[0] for state, found in runs.items()} == {
        "cold": False,
        "warm": False,
    }
    assert "GPRegressor, warm" in page


@pytest.mark.slow
@needs_rival
def test_rivals(tmp_path):
    methods = ["--methods", "gpytorch-adam", "gpytorch-lbfgs", "--rival-python", RIVAL]
    document, _ = benchmark(tmp_path, "small", *methods)
    assert [job["status"] for job in document["jobs"]] == ["ok", "ok"]
    document, _ = benchmark(tmp_path, "dense", "--rival-python", RIVAL)
    engines = document["jobs"][0]["engines"]
    assert engines["gpytorch"]["value"] == pytest.approx(engines["gpkit"]["value"], rel=1e-10)
    assert engines["gpytorch"]["gradient"] == pytest.approx(engines["gpkit"]["gradient"], rel=1e-8)


def test_finished_jobs_are_kept_and_other_settings_refused(tmp_path):
    first, _ = benchmark(tmp_path, "small", "--methods", "ridge")
    again, _ = benchmark(tmp_path, "small", "--methods", "ridge", "--resume")
    assert again["jobs"] == first["jobs"]
    changed = ["--methods", "ridge", "--resume", "--timeout", "9"]
    refused = benchmark(tmp_path, "small", *changed, check=False)
    assert refused.returncode != 0
    assert "other settings" in refused.stderr


def test_worker_reports_what_went_wrong():
    with Worker(sys.executable, "sklearn", threads=1) as worker:
        arguments = {"method": "ridge", "split": 0, "seed": 0, "data_dir": None}
        with pytest.raises(WorkerFailed, match="--data-dir"):
            worker.call("regression", dataset="uci/servo", **arguments)
        reply = worker.call("regression", dataset="synthetic/friedman1", **arguments)
        assert (reply["n"], reply["n_test"], reply["d"]) == (48, 12, 5)
        # A stopped process never answers; a fast one could, however short the limit.
        os.kill(worker._process.pid, signal.SIGSTOP)
        with pytest.raises(WorkerFailed, match="past the limit"):
            worker.call("regression", dataset="synthetic/friedman1", timeout=0.01, **arguments)


def test_worker_that_dies_is_a_failure():
    with pytest.raises(WorkerFailed, match="no_such_method"):
        Worker(sys.executable, "no_such_method", threads=1)


@pytest.mark.slow
def test_evidence(tmp_path):
    document, page = benchmark(tmp_path, "evidence")
    rows = {(j["setting"], j["engine"], j["rows"]): j for j in document["jobs"]}
    ours = rows["converged", "gpkit", None]
    assert ours["status"] == "ok"
    # The dense value lies within five standard errors and the bound of every estimate.
    for value, stderr, bound in zip(
        ours["value"], ours["stderr"], ours["error_bound"], strict=True
    ):
        assert abs(value - ours["dense"]["value"]) < 5 * stderr + bound
    assert len(ours["gradient"][0]) == len(ours["dense"]["gradient"]) == 5
    assert rows["start", "gpytorch-stock", None]["status"].startswith("left out")
    assert len(rows["noise 0.1", "gpkit", 60]["values"]) == 2
    assert "## Coverage" in page


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["train", "train-large"])
def test_train(suite, tmp_path):
    document, page = benchmark(tmp_path, suite)
    rows = {job["engine"]: job for job in document["jobs"]}
    # The targets' own spread gives 1.4; the truth about 0.5.
    for engine in ("gpkit", "GPRegressor"):
        assert rows[engine]["own_scores"]["nlpd"] < 1.0
    assert rows["trees"]["own_scores"]["rmse"] < 1.0
    assert rows["svgp-1024"]["status"].startswith("left out")
    assert "## synthetic" in page


@pytest.mark.slow
@needs_rival
def test_rivals_of_the_large_suites(tmp_path):
    document, _ = benchmark(tmp_path, "evidence", "--rival-python", RIVAL)
    for row in document["jobs"]:
        if row["engine"].startswith("gpytorch"):
            # Below 800 rows both factorise.
            assert row["value"][0] == pytest.approx(row["dense"]["value"], rel=1e-4)
            largest = max(abs(g) for g in row["dense"]["gradient"])
            assert row["gradient"][0] == pytest.approx(row["dense"]["gradient"], abs=1e-3 * largest)
    document, _ = benchmark(tmp_path, "train", "--rival-python", RIVAL)
    assert {job["engine"]: job["status"] for job in document["jobs"]}["gpytorch-stock"] == "ok"
