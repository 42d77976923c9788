"""Suite ``dense``: value and gradient of the log evidence at fixed parameters.

ARD Matern-3/2, d = 8. The engines live at once, each in its own process, and are timed in
turn, one evaluation each per round, so that a change of the machine's speed meets all alike.
"""

import statistics
import time

from benchmarks import store
from benchmarks.process import Worker, WorkerFailed

SIZES = [500, 1000, 2000, 3000, 5000]
ENGINES = {"gpkit": False, "gpytorch": True, "sklearn": False}
ROUNDS = {500: 15, 1000: 15, 2000: 9, 3000: 7, 5000: 5}
THETA = {"variance": 1.3, "noise": 0.09}
D = 8
SEED = 17

# scikit-learn holds the derivative of the covariance with respect to each of d + 2 parameters,
# and temporaries of the same size: about 4 (d + 2) n^2 numbers.
SKLEARN_BYTES = 4 * (D + 2) * 8


def run(options):
    """Every size and dtype; one job per pair."""
    sizes = [64] if options.quick else options.sizes or SIZES
    theta = {**THETA, "lengthscale": [1.5 + 0.5 * j for j in range(D)]}
    settings = {
        "kernel": "variance * Matern32(lengthscale, one per column) + noise, zero mean",
        "d": D, "sizes": sizes, "theta": theta, "seed": SEED, "threads": options.threads,
        "gpytorch": "fast_computations(False, False, False), max_cholesky_size(10**6)",
        "rounds": {str(n): _rounds(n, options) for n in sizes},
    }  # fmt: skip
    document = store.new("dense", settings)
    for n in sizes:
        for dtype in ("float64", "float32"):
            job = run_job(n, dtype, theta, options, document["machine"]["memory_gb"])
            document["jobs"].append(job)
            store.save(options.out, document)
            print(_line(job), flush=True)
    return document


def run_job(n, dtype, theta, options, memory_gb):
    """All engines at one size and dtype."""
    job = {"n": n, "dtype": dtype, "engines": {}, "left_out": {}}
    workers = {}
    try:
        for engine, rival in ENGINES.items():
            reason = _why_not(engine, rival, n, dtype, options, memory_gb)
            if reason:
                job["left_out"][engine] = reason
                continue
            python = options.rival_python if rival else options.python
            workers[engine] = Worker(python, engine, threads=options.threads)
            job["engines"][engine] = {"versions": workers[engine].versions}
        _measure(job, workers, n, dtype, theta, options)
    except WorkerFailed as failure:
        job["failed"] = str(failure)
    finally:
        for worker in workers.values():
            worker.close()
    return job


def _measure(job, workers, n, dtype, theta, options):
    functions = {}
    for engine, worker in workers.items():
        ready = worker.call(
            "prepare", n=n, d=D, dtype=dtype, seed=SEED, theta=theta,
            phases=engine == "gpkit", timeout=options.timeout,
        )  # fmt: skip
        functions[engine] = ["evidence", *(k for k in ready["flops"])]
        job["engines"][engine] |= {**ready, "seconds": {k: [] for k in functions[engine]}}
    for round_ in range(_rounds(n, options)):
        for engine, worker in workers.items():
            if engine == "sklearn" and n >= 2000 and round_ >= 3:
                continue
            # Idle threads of the last engine may spin for 0.2 s before they sleep.
            time.sleep(0.0 if options.quick else 0.3)
            for name in functions[engine]:
                reply = worker.call("time", function=name, timeout=options.timeout)
                job["engines"][engine]["seconds"][name].append(reply["seconds"])


def _rounds(n, options):
    return 2 if options.quick else ROUNDS.get(n, 5)


def _why_not(engine, rival, n, dtype, options, memory_gb):
    if rival and options.rival_python is None:
        return "no rivals' environment given"
    if engine == "sklearn" and dtype == "float32":
        return "computes in float64 only"
    if engine == "sklearn" and memory_gb and SKLEARN_BYTES * n * n > 0.7 * memory_gb * 2**30:
        return f"needs about {SKLEARN_BYTES * n * n / 2**30:.0f} GB"
    return None


def _line(job):
    if "failed" in job:
        return f"n {job['n']:5} {job['dtype']} failed: {job['failed'][-200:]}"
    medians = {e: statistics.median(v["seconds"]["evidence"]) for e, v in job["engines"].items()}
    text = "  ".join(f"{engine} {seconds:.4f} s" for engine, seconds in medians.items())
    return f"n {job['n']:5} {job['dtype']}  {text}"
