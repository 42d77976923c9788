"""Suite ``small``: test scores and seconds of every method on the sets of ``small.json``."""

import json
from pathlib import Path

from benchmarks import store
from benchmarks.process import Worker, WorkerFailed
from benchmarks.registry import METHODS, python_for

PLAN = Path(__file__).resolve().parents[1] / "small.json"
QUICK = {"datasets": ["synthetic/friedman1"], "splits": [0]}


def run(options):
    """Run every job that the plan names and the result file does not hold yet."""
    plan = json.loads(PLAN.read_text())
    if options.quick:
        plan.update(QUICK)
    plan["methods"] = options.methods or plan["methods"]
    plan["datasets"] = options.datasets or plan["datasets"]
    plan["splits"] = plan["splits"][: options.splits]
    document = _continue_or_start(options, plan)
    done = {(job["method"], job["dataset"]) for job in document["jobs"]}
    for dataset in plan["datasets"]:
        for method in plan["methods"]:
            if (method, dataset) in done:
                continue
            job = run_job(method, dataset, plan["splits"], options)
            document["jobs"].append(job)
            store.save(options.out, document)
            print(_line(job), flush=True)
    return document


def run_job(method, dataset, splits, options):
    """One process: all splits of one data set by one method. A failure is a result."""
    job = {"method": method, "dataset": dataset, "status": "ok", "rows": []}
    python = python_for(method, core=options.python, rival=options.rival_python)
    if python is None:
        return {**job, "status": "left out: no rivals' environment given"}
    try:
        with Worker(python, METHODS[method].module, threads=options.threads) as worker:
            job |= {"start_seconds": worker.start_seconds, "versions": worker.versions}
            for split in splits:
                row = worker.call(
                    "regression", method=method, dataset=dataset, split=split, seed=split,
                    data_dir=options.data_dir, timeout=options.timeout,
                )  # fmt: skip
                job["rows"].append(row)
    except WorkerFailed as failure:
        job["status"] = f"failed: {failure}"
    return job


def _continue_or_start(options, plan):
    settings = {**plan, "threads": options.threads, "timeout": options.timeout}
    settings["what"] = {name: METHODS[name].what for name in plan["methods"]}
    document = store.new("small", settings)
    if not (options.resume and options.out.exists()):
        return document
    old = store.load(options.out)
    if old["machine"]["commit"] != document["machine"]["commit"]:
        raise SystemExit(
            f"{options.out} was measured at commit {old['machine']['commit']}, which is not this "
            "one; start a new file, or drop --resume to replace it"
        )
    if old["settings"] != settings:
        raise SystemExit(f"{options.out} was measured with other settings; start a new file")
    old["jobs"] = [job for job in old["jobs"] if job["status"] == "ok"]
    return old


def _line(job):
    name = f"{job['dataset']:24} {job['method']:15}"
    if not job["rows"]:
        return f"{name} {job['status'][:60]}"
    nlpd = sum(row["nlpd"] for row in job["rows"]) / len(job["rows"])
    seconds = sum(row["fit_seconds"] + row["predict_seconds"] for row in job["rows"])
    note = "" if job["status"] == "ok" else f"  {job['status'][:60]}"
    return f"{name} nlpd {nlpd:9.4f}  seconds {seconds:8.2f}{note}"
