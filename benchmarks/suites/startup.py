"""Suite ``startup``: a fresh process imports, compiles and fits n = 200 rows.

*cold* has no compilation cache. *warm* has JAX's persistent cache in a folder that one run
before (not counted) has filled.
"""

import tempfile

from benchmarks import store
from benchmarks.process import Worker, WorkerFailed
from benchmarks.registry import METHODS

METHODS_HERE = ["GPRegressor", "sklearn-gpr"]
D = 8


def run(options):
    """Cold and warm starts of every method."""
    n, repeats = (40, 1) if options.quick else (200, 7)
    settings = {"n": n, "d": D, "repeats": repeats, "threads": options.threads}
    settings["what"] = {name: METHODS[name].what for name in METHODS_HERE}
    document = store.new("startup", settings)
    for method in options.methods or METHODS_HERE:
        with tempfile.TemporaryDirectory() as folder:
            cache = {
                "JAX_COMPILATION_CACHE_DIR": folder,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
            states = {"cold": {}}
            if METHODS[method].module == "gpkit":
                _start(method, n, cache, options)
                states["warm"] = cache
            job = {"method": method, "runs": {state: [] for state in states}}
            for _ in range(repeats):
                for state, environment in states.items():
                    job["runs"][state].append(_start(method, n, environment, options))
            job["versions"] = _pop_versions(job["runs"])
        document["jobs"].append(job)
        store.save(options.out, document)
        print(_line(job), flush=True)
    return document


def _start(method, n, environment, options):
    """Seconds of one fresh process: start and imports, compile and fit, both."""
    module = METHODS[method].module
    try:
        with Worker(
            options.python, module, threads=options.threads, environment=environment
        ) as worker:
            reply = worker.call("startup", method=method, n=n, d=D, seed=0, timeout=options.timeout)
    except WorkerFailed as failure:
        return {"failed": str(failure)}
    total = worker.start_seconds + reply["fit_seconds"]
    times = {"import_seconds": worker.start_seconds, **reply, "total_seconds": total}
    return {**times, "versions": worker.versions}


def _pop_versions(runs):
    """The versions, the same in every run, taken out of the runs."""
    found = {}
    for run in (run for each in runs.values() for run in each):
        found |= run.pop("versions", {})
    return found


def _line(job):
    text = [f"{job['method']:12}"]
    for state, runs in job["runs"].items():
        totals = sorted(run["total_seconds"] for run in runs if "failed" not in run)
        middle = f"{totals[len(totals) // 2]:.2f} s" if totals else "failed"
        text.append(f"{state} {middle}")
    return "  ".join(text)
