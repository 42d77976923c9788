"""Suite ``matvec``: products with kernel matrices that are never formed.

gpkit (float32 tiles between float64 operands, beside its float64, stored and gradient passes),
GPyTorch dense and KeOps, each in its own process, in turn. The floor of a product is what its
exponentials and matrix products would take at the rates measured on this machine in the same
run: every entry once, one exponential for each stationary factor, d multiply-adds for a
distance and one for each right-hand side. Half the entries of a symmetric matrix suffice, so
that a product may run above the rate of its floor.
"""

import itertools
import time

from benchmarks import store
from benchmarks.process import Worker, WorkerFailed

SIZES = [4096, 8192, 16384, 32768, 65536]
COLUMNS = [3, 8, 18, 90]
VECTORS = [1, 16, 64]
ENGINES = {"matvec_gpkit": False, "matvec_gpytorch": True, "matvec_keops": True}
SEED = 11
# Exponentials, and multiply-adds of distances and scalar products, of one entry.
KERNELS = {
    "matern32": (1, lambda d: d),
    "matern32 * periodic + linear": (2, lambda d: 2 * d + 2),
    "changepoint(matern32, rbf)": (2, lambda d: 2 * d),
    "categorical * rbf": (1, lambda d: d),
    "function": (2, lambda d: d),
}
# GPyTorch holds the matrix, its distances and temporaries of the same size.
DENSE_BYTES = 5 * 4


def run(options):
    """Every kernel, size, number of columns and of right-hand sides; saved after each."""
    document = store.new("matvec", _settings(options))
    if options.resume and options.out.exists():
        document["jobs"] = _finished(store.load(options.out), document)
    done = {_key(job) for job in document["jobs"] if "failed" not in job}
    document["jobs"] = [job for job in document["jobs"] if _key(job) in done]
    engines = Engines(options)
    try:
        document["rates"] = engines.rates()
        document["versions"] = {
            k: v for found in engines.versions.values() for k, v in found.items()
        }
        for job in _jobs(options):
            if _key(job) in done:
                continue
            _measure(job, engines, document, options)
            document["jobs"].append(job)
            store.save(options.out, document)
            print(_line(job), flush=True)
    finally:
        engines.close()
    store.save(options.out, document)
    return document


class Engines:
    """One process for each engine that is here; a process that failed is started anew."""

    def __init__(self, options):
        self._options = options
        self.workers, self.absent, self.versions = {}, {}, {}
        for name, rival in ENGINES.items():
            if rival and options.rival_python is None:
                self.absent[name] = "no rivals' environment given"
            else:
                self.start(name)

    def start(self, name):
        """Start or restart a process."""
        python = self._options.rival_python if ENGINES[name] else self._options.python
        try:
            self.workers[name] = Worker(python, name, threads=self._options.threads)
            self.versions[name] = self.workers[name].versions
        except WorkerFailed as failure:
            self.workers.pop(name, None)
            lines = str(failure).strip().splitlines()
            self.absent[name] = lines[-1] if lines else "does not start"

    def rates(self):
        """Operations per second of this machine: exponentials, multiply-adds of products."""
        worker = self.workers["matvec_gpkit"]
        counts = worker.call("matvec_rates")["counts"]
        return {name: count / _best(worker, name, 20) for name, count in counts.items()}

    def close(self):
        """End all processes."""
        for worker in self.workers.values():
            worker.close()


def _measure(job, engines, document, options):
    job |= {"engines": {}, "left_out": dict(engines.absent)}
    job["floor_seconds"] = _floor(job, document["rates"])
    memory_gb = document["machine"]["memory_gb"]
    ready = {}
    for name in [*engines.workers]:
        reason = _why_not(name, job, memory_gb)
        if reason:
            job["left_out"][name] = reason
            continue
        try:
            reply = engines.workers[name].call(
                "matvec", kernel=job["kernel"], n=job["n"], d=job["d"], k=job["k"], seed=SEED,
                memory_gb=memory_gb, timeout=options.timeout,
            )  # fmt: skip
        except WorkerFailed as failure:
            job["left_out"][name] = str(failure)[-300:]
            engines.workers[name].close()
            engines.start(name)
            continue
        ready[name] = {function: [] for function in reply["first_seconds"]}
        job["engines"][name] = {"first_seconds": reply["first_seconds"], "seconds": ready[name]}
        job["engines"][name]["processor_seconds"] = {function: [] for function in ready[name]}
    for _ in range(_rounds(job, options)):
        for name, functions in ready.items():
            # Idle threads of the last engine may spin for 0.2 s before they sleep.
            time.sleep(0.0 if options.quick else 0.25)
            for function in functions:
                reply = engines.workers[name].call("time", function=function)
                functions[function].append(reply["seconds"])
                spent = job["engines"][name]["processor_seconds"][function]
                spent.append(reply["processor_seconds"])


def _best(worker, function, rounds):
    return min(worker.call("time", function=function)["seconds"] for _ in range(rounds))


def _floor(job, rates):
    exponentials, multiply_adds = KERNELS[job["kernel"]]
    entry = exponentials / rates["exponentials"]
    entry += (multiply_adds(job["d"]) + job["k"]) / rates["multiply_adds"]
    return job["n"] ** 2 * entry


def _rounds(job, options):
    if options.quick:
        return 2
    return 7 if job["n"] <= 8192 else 5 if job["n"] <= 16384 else 3


def _jobs(options):
    """The grid for the Matern kernel, and the other kernels at d = 18."""
    if options.quick:
        return [{"kernel": name, "n": 256, "d": 3, "k": 2} for name in KERNELS]
    sizes = options.sizes or SIZES
    jobs = [
        {"kernel": "matern32", "n": n, "d": d, "k": k}
        for n, d, k in itertools.product(sizes, COLUMNS, VECTORS)
    ]
    others = [name for name in KERNELS if name != "matern32"]
    # Kernels without a fast form take seconds at the largest sizes and show nothing new there.
    jobs += [
        {"kernel": name, "n": n, "d": 18, "k": 16}
        for name, n in itertools.product(others, sizes)
        if n <= 32768 or name.endswith("linear")
    ]
    return sorted(jobs, key=lambda job: job["n"])


def _why_not(engine, job, memory_gb):
    if engine == "matvec_gpytorch":
        if job["kernel"] not in ("matern32", "matern32 * periodic + linear"):
            return "no such kernel"
        needed = DENSE_BYTES * job["n"] ** 2
        if memory_gb and needed > 0.6 * memory_gb * 2**30:
            return f"needs about {needed / 2**30:.0f} GB"
    if engine == "matvec_keops" and job["kernel"] != "matern32":
        return "measured for one kernel only"
    return None


def _settings(options):
    return {
        "kernels": [*KERNELS], "seed": SEED, "threads": options.threads,
        "precision": "gpkit: float32 tiles, float64 operands and sums; rivals: float32",
        "sizes": options.sizes or SIZES, "quick": options.quick,
    }  # fmt: skip


def _finished(old, new):
    """Jobs of an interrupted run at the same commit and settings."""
    same = old["settings"] == new["settings"]
    same = same and old["machine"]["commit"] == new["machine"]["commit"]
    return old["jobs"] if same else []


def _key(job):
    return job["kernel"], job["n"], job["d"], job["k"]


def _line(job):
    parts = [f"{job['kernel']} n {job['n']} d {job['d']} k {job['k']}"]
    parts.append(f"floor {job['floor_seconds']:.4f} s")
    for name, engine in job["engines"].items():
        for function, seconds in engine["seconds"].items():
            parts.append(f"{name.removeprefix('matvec_')} {function} {min(seconds):.4f}")
    return "  ".join(parts)
