"""Suite ``auto``: what `gpkit.solvers.choose` takes, beside the solver that was fastest.

Value and gradient of the log evidence at fixed parameters, ARD Matern-3/2, over a grid of rows,
columns, noise and memory. A solver is eligible where the bytes that it is expected to need fit
the memory, and its status is usable. The choice sees neither noise nor clock; the ratio of its
seconds to those of the fastest eligible solver is what counts.
"""

import os
import sys
import time

from benchmarks import machine, store
from benchmarks.data import smooth_rows

SIZES = [500, 1000, 2000, 4000, 8000, 16000]
COLUMNS = [3, 8, 18]
NOISES = [1e-1, 1e-2, 1e-3, 1e-4]
MEMORIES = ["256MB", "1GB", "4GB", "8GB"]
SEED = 5
# The dense solver is timed where its four arrays leave room on this machine.
DENSE_SHARE = 0.6


def run(options):
    """Every size; one job each, saved after each."""
    if sys.platform == "linux":
        # Before JAX is imported: it counts the cores that the process may use.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    from benchmarks.methods.auto_gpkit import Problem

    sizes = [300, 600] if options.quick else options.sizes or SIZES
    columns = [3] if options.quick else COLUMNS
    document = store.new(
        "auto",
        {
            "kernel": "Matern32(lengthscale, one per column) + noise, zero mean",
            "sizes": sizes, "columns": columns, "noises": NOISES, "memories": MEMORIES,
            "seed": SEED, "threads": options.threads, "untimed": options.untimed,
        },
    )  # fmt: skip
    document["versions"] = machine.versions()
    limit = DENSE_SHARE * document["machine"]["memory_gb"] * 2**30
    for n in sizes:
        for d in columns:
            problem = Problem(*smooth_rows(n, d, SEED), MEMORIES)
            job = {"n": n, "d": d, "choices": problem.choices(), "solvers": {}}
            for name in problem.solvers(limit):
                job["solvers"][name] = _timed(problem, name)
            document["jobs"].append(job)
            store.save(options.out, document)
            print(_line(job), flush=True)
    return document


def _timed(problem, name):
    """Least seconds of a few evaluations at every noise, and of the first call."""
    function = problem.evidence(name)
    began = time.perf_counter()
    function(NOISES[0])
    found = {"first_seconds": time.perf_counter() - began, "noises": {}}
    for noise in NOISES:
        seconds, status = [], 0
        while len(seconds) < 3 and sum(seconds) < 20:
            began = time.perf_counter()
            status = function(noise)
            seconds.append(time.perf_counter() - began)
        found["noises"][str(noise)] = {"seconds": seconds, "status": status}
    return found


def ratios(job):
    """(noise, memory) -> seconds of the choice over those of the fastest eligible solver."""
    found = {}
    for memory, choice in job["choices"].items():
        for noise in map(str, NOISES):
            seconds = {
                name: min(solver["noises"][noise]["seconds"])
                for name, solver in job["solvers"].items()
                if name in choice["eligible"] and solver["noises"][noise]["status"] < 12
            }
            if choice["name"] in seconds:
                found[noise, memory] = seconds[choice["name"]] / min(seconds.values())
    return found


def _line(job):
    parts = []
    for name, solver in job["solvers"].items():
        best = [min(entry["seconds"]) for entry in solver["noises"].values()]
        parts.append(f"{name} " + "/".join(f"{seconds:.3g}" for seconds in best))
    within = ratios(job)
    good = sum(ratio <= 1.3 for ratio in within.values())
    return (
        f"n {job['n']:6} d {job['d']:3} {'; '.join(parts)} s; {good} of {len(within)} within 1.3x"
    )
