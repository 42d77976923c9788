"""``python -m benchmarks.logdet``: log-determinants by stochastic Lanczos quadrature.

Error against dense Cholesky and honesty of the reported error: for each kernel matrix, rank of
the preconditioner and depth, many keys, each giving an estimate with its 95% interval. Coverage
is pooled over all cells of a noise level. Rivals see the same matrices: matfree where it is
installed, GPyTorch through ``--rival-python``. One JSON file.
"""

import argparse
import contextlib
import importlib.metadata
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from benchmarks import machine, store
from gpkit.linalg import low_rank_plus_diagonal, pivoted_cholesky, slq, xnystrace
from gpkit.linalg.funm import funm_lanczos

FULL = {
    "n": 2000, "lengthscales": [0.05, 0.2, 1.0],
    "noises": [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6],
    "ranks": [0, 15, 100, 500], "depths": [20, 50], "num_probes": 10, "keys": 84, "seed": 11,
}  # fmt: skip
QUICK = FULL | {
    "n": 200, "lengthscales": [0.2], "noises": [1e-1, 1e-4], "ranks": [0, 50], "depths": [20],
    "keys": 20,
}  # fmt: skip
GPYTORCH = Path(__file__).with_name("logdet_gpytorch.py")


def main():
    options = _parse(sys.argv[1:])
    jax.config.update("jax_enable_x64", True)
    settings = (QUICK if options.quick else FULL) | {
        "kernel": "Matern-3/2, variance 1, inputs uniform on the unit square",
        "preconditioner": "pivoted Cholesky, lower bound 1; rank 0: lower bound = noise",
        "coverage": "share of keys whose 95% interval (truncation included) holds the truth",
    }
    document = store.new("logdet", settings) | {"versions": _versions()}
    for lengthscale in settings["lengthscales"]:
        for noise in settings["noises"]:
            document["jobs"].append(_matrix(lengthscale, noise, settings, options))
            store.save(options.out, document)
    document["pooled"] = _pool(document["jobs"])
    store.save(options.out, document)
    print(json.dumps(document["pooled"], indent=1))
    print(options.out)


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logdet", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small matrix, few keys")
    parser.add_argument("--out", type=Path, help="result file")
    parser.add_argument(
        "--rival-python",
        default=os.environ.get("GPKIT_RIVAL_PYTHON"),
        help="interpreter of an environment with gpytorch (or GPKIT_RIVAL_PYTHON)",
    )
    options = parser.parse_args(arguments)
    if options.out is None:
        folder = machine.ROOT / "results" if options.quick else machine.ROOT / "benchmarks/results"
        options.out = folder / "logdet.json"
    return options


def _matrix(lengthscale, noise, settings, options):
    """All methods on one kernel matrix."""
    k = _kernel(settings["n"], lengthscale, settings["seed"])
    a = k + noise * np.eye(len(k))
    factor = scipy.linalg.cholesky(a, lower=True)
    truth = 2 * float(np.sum(np.log(np.diag(factor))))
    job = {"lengthscale": lengthscale, "noise": noise, "truth": truth, "rows": []}
    k, a = jnp.asarray(k), jnp.asarray(a)
    for rank in settings["ranks"]:
        began = time.perf_counter()
        p = jax.block_until_ready(_preconditioner(k, noise, rank))
        build = time.perf_counter() - began
        for depth in settings["depths"]:
            run = jax.jit(partial(_slq, depth=depth, num_probes=settings["num_probes"]))
            bound = noise if rank == 0 else 1.0
            row = _row(lambda key: run(a, None if rank == 0 else p, bound, key), truth, settings)
            job["rows"].append(
                {"method": "slq", "rank": rank, "depth": depth, "build_seconds": build} | row
            )
        run = jax.jit(partial(_nystroem_trace, depth=depth, num_probes=settings["num_probes"]))
        row = _row(lambda key: run(a, p, key), truth, settings)
        job["rows"].append({"method": "xnystrace", "rank": rank, "depth": depth} | row)
    job["rows"] += _matfree(a, truth, settings)
    job["rows"] += _gpytorch(np.asarray(a), truth, settings, options)
    return job


def _kernel(n, lengthscale, seed):
    x = np.random.default_rng(seed).uniform(size=(n, 2))
    r = np.sqrt(3 * np.sum((x[:, None] - x[None]) ** 2, axis=-1)) / lengthscale
    return (1 + r) * np.exp(-r)


@partial(jax.jit, static_argnames="rank")
def _preconditioner(k, noise, rank):
    factor = pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=rank).factor
    return low_rank_plus_diagonal(factor, noise)


def _slq(a, p, lower_bound, key, *, depth, num_probes):
    options = {"key": key, "num_probes": num_probes, "depth": depth, "preconditioner": p}
    return slq(lambda v, a: a @ v, a[0], a, lower_bound=lower_bound, **options).estimate()


def _nystroem_trace(a, p, key, *, depth, num_probes):
    """log det P + XNysTrace of log(W A W^T), which is positive semidefinite."""

    def logarithm(v):
        return funm_lanczos(
            jnp.log, lambda u: p.whiten(a @ p.whiten_transpose(u)), v, depth=depth
        ).value

    block = jax.vmap(logarithm, in_axes=1, out_axes=1)
    rest = xnystrace(block, a[0], key=key, num_matvecs=num_probes)
    return type(rest)(
        value=rest.value + p.logdet(),
        samples=rest.samples + p.logdet(),
        error_bound=rest.error_bound,
        status=rest.status,
        key_id=rest.key_id,
    )


def _row(run, truth, settings):
    """Statistics over keys of an estimator that reports its own error."""
    keys = jax.random.split(jax.random.key(settings["seed"]), settings["keys"])
    jax.block_until_ready(run(keys[0]).value)
    values, errors, bounds, inside, seconds, statuses = [], [], [], 0, [], []
    for key in keys:
        began = time.perf_counter()
        estimate = jax.block_until_ready(run(key))
        seconds.append(time.perf_counter() - began)
        low, high = estimate.interval(0.95)
        inside += bool(low <= truth <= high)
        values.append(float(estimate.value))
        errors.append(float(estimate.stderr))
        bounds.append(float(estimate.error_bound))
        statuses.append(int(estimate.status))
    return _summary(values, truth, seconds) | {
        "stderr": float(np.sqrt(np.mean(np.square(errors)))),
        "error_bound": float(np.mean(bounds)),
        "covered": inside,
        "keys": len(values),
        "worst_status": max(statuses),
    }


def _summary(values, truth, seconds):
    values = np.asarray(values)
    return {
        "bias": float(np.mean(values) - truth),
        "sd": float(np.std(values, ddof=1)),
        "rmse": float(np.sqrt(np.mean((values - truth) ** 2))),
        "seconds": float(np.median(seconds)),
    }


def _matfree(a, truth, settings):
    """matfree's estimator: plain quadrature, no preconditioner, no error bound."""
    try:
        from matfree import decomp, funm, stochtrace
    except ImportError:
        return []
    rows = []
    for depth in settings["depths"]:
        tridiag = decomp.tridiag_sym(depth)
        integrand = funm.monte_carlo_funm_sym_logdet(tridiag)
        sampler = stochtrace.sampler_signs(a[0], num=settings["num_probes"])
        estimator = stochtrace.estimator_monte_carlo(integrand, sampler)
        run = jax.jit(partial(estimator, lambda v, a: a @ v))
        keys = jax.random.split(jax.random.key(settings["seed"]), settings["keys"])
        float(run(keys[0], a))
        values, seconds = [], []
        for key in keys:
            began = time.perf_counter()
            values.append(float(run(key, a)))
            seconds.append(time.perf_counter() - began)
        row = {"method": "matfree", "rank": 0, "depth": depth} | _summary(values, truth, seconds)
        rows.append(row)
    return rows


def _gpytorch(a, truth, settings, options):
    """linear_operator's inv_quad_logdet in an environment of its own."""
    if not options.rival_python:
        return []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.npy"
        np.save(path, a)
        for rank in settings["ranks"]:
            for depth in settings["depths"]:
                request = {"matrix": str(path), "rank": rank, "depth": depth}
                request |= {key: settings[key] for key in ("num_probes", "keys", "seed")}
                request["noise"] = float(a[0, 0] - 1.0)
                out = subprocess.run(
                    [options.rival_python, str(GPYTORCH), json.dumps(request)],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                reply = json.loads(out.stdout.splitlines()[-1])
                row = {"method": "gpytorch", "rank": rank, "depth": depth}
                row |= {"versions": reply["versions"]}
                rows.append(row | _summary(reply["values"], truth, reply["seconds"]))
    return rows


def _pool(jobs):
    """Coverage by method and noise level, with its binomial standard error."""
    cells = {}
    for job in jobs:
        for row in job["rows"]:
            if "covered" in row:
                cell = cells.setdefault((row["method"], job["noise"]), [0, 0])
                cell[0] += row["covered"]
                cell[1] += row["keys"]
    return [
        {"method": method, "noise": noise, "coverage": inside / total, "keys": total}
        | {"standard_error": math.sqrt(0.95 * 0.05 / total)}
        for (method, noise), (inside, total) in sorted(cells.items())
    ]


def _versions():
    found = machine.versions()
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found["matfree"] = importlib.metadata.version("matfree")
    return found


if __name__ == "__main__":
    main()
