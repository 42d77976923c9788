"""``python -m benchmarks.logdet``: log-determinants by stochastic Lanczos quadrature.

Error against dense Cholesky and honesty of the reported error: for each kernel matrix and rank of
the preconditioner, many keys, each giving an estimate with its 95% interval. Rivals see the same
matrices: matfree where it is installed, GPyTorch through ``--rival-python``, CoLA through
``--cola-python``. One JSON file, saved after every row; ``--resume`` goes on with it.

Many keys run on the operator in its eigenbasis, where a product costs n flops and not n^2, with
Rademacher probes rotated into it: the same estimator and the same law, so that a thousand keys
are affordable. The depth of such a row is the first of `depths` at which the truncation bound of
a pilot key is at most a tenth of its standard error; if none is, the deepest is taken, with
fewer keys, and the row says so: the intervals then cover more than their level, since the truth
may lie anywhere in the bracket. These rows run without reorthogonalisation, so that ghosts are
part of what is checked (with it, depth 400 would take a hundred times the seconds). Rows with
few keys on the dense operator give the seconds, at fixed depths too.
"""

import argparse
import contextlib
import importlib.metadata
import os
import sys
from functools import partial
from pathlib import Path

import jax

from benchmarks import machine, store
from benchmarks.logdet_matrices import matrices
from benchmarks.logdet_rows import dense_rows, foreign_rows, matfree_rows, spectral_row, trace_row

FULL = {
    "n": 2000, "lengthscales": [0.05, 0.2, 1.0],
    "noises": [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6],
    "ranks": [0, 15, 100, 500], "depths": [20, 50, 100, 200, 400], "num_probes": 10,
    "keys": 130, "truncated_keys": 20, "timed_depths": [20, 50], "timed_keys": 3,
    "rival_keys": 10, "foreign_lengthscales": [0.2], "foreign_ranks": [0, 100],
    "foreign_keys": 3, "seed": 11,
}  # fmt: skip
QUICK = FULL | {
    "n": 200, "lengthscales": [0.2], "noises": [1e-1, 1e-4], "ranks": [0, 50],
    "depths": [20, 50], "timed_depths": [20], "keys": 20, "truncated_keys": 5, "rival_keys": 2,
    "foreign_ranks": [0], "foreign_keys": 2,
}  # fmt: skip
# More keys where many rows of the whole suite are truncated; other inputs, hence independent.
LOW_NOISE = FULL | {
    "noises": [1e-5, 1e-6], "ranks": [100, 500], "keys": 100, "timed_depths": [], "seed": 12,
}  # fmt: skip
NOTES = {
    "kernel": "Matern-3/2, variance 1, inputs uniform on the unit square",
    "preconditioner": "pivoted Cholesky, lower bound 1; rank 0: lower bound = noise",
    "reorthogonalisation": "none in rows with many keys, full in rows with seconds",
    "coverage": "share of keys whose 95% interval (truncation included) holds the truth",
}


def main():
    options = _parse(sys.argv[1:])
    jax.config.update("jax_enable_x64", True)
    settings = QUICK if options.quick else LOW_NOISE if options.low_noise else FULL
    asked = {"seed": options.seed, "noises": options.noises}
    settings = settings | {name: value for name, value in asked.items() if value is not None}
    settings = settings | NOTES | {"threads": os.cpu_count()}
    settings |= {"gpytorch": bool(options.rival_python), "cola": bool(options.cola_python)}
    document = store.new("logdet", settings) | {"versions": _versions()}
    if options.resume:
        document = store.resumed(options.out, document)
    finished = {_name(row) for row in document["jobs"]}
    for matrix in matrices(settings):
        for row, work in _work(matrix, settings, options):
            if _name(row) not in finished:
                document["jobs"].append(row | {"truth": matrix.truth} | work())
                store.save(options.out, document)
                print(document["jobs"][-1], flush=True)
    print(options.out)


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logdet", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small matrix, few keys")
    parser.add_argument(
        "--low-noise", action="store_true", help="more keys at low noise, no seconds, no rivals"
    )
    parser.add_argument("--seed", type=int, help="other inputs and keys: more independent keys")
    parser.add_argument("--noises", type=float, nargs="+", help="only these noise variances")
    parser.add_argument("--out", type=Path, help="result file")
    parser.add_argument("--resume", action="store_true", help="keep the finished rows of --out")
    parser.add_argument(
        "--rival-python",
        default=os.environ.get("GPKIT_RIVAL_PYTHON"),
        help="interpreter of an environment with gpytorch (or GPKIT_RIVAL_PYTHON)",
    )
    parser.add_argument(
        "--cola-python", help="interpreter of an environment with cola-ml and torch"
    )
    options = parser.parse_args(arguments)
    if options.out is None:
        folder = machine.ROOT / "results" if options.quick else machine.ROOT / "benchmarks/results"
        options.out = folder / ("logdet_low_noise.json" if options.low_noise else "logdet.json")
    return options


def _name(row):
    return tuple(row[key] for key in ("lengthscale", "noise", "method", "rank", "depth"))


def _work(matrix, settings, options):
    """Every row of a matrix, without figures, and the computation of these."""
    base = {"lengthscale": matrix.lengthscale, "noise": matrix.noise}

    def row(method, rank, depth=None):
        return base | {"method": method, "rank": rank, "depth": depth}

    for rank in settings["ranks"]:
        # Depth None: chosen by the row itself, which reports it as `chosen_depth`.
        yield row("slq", rank), lambda rank=rank: spectral_row(matrix, rank, settings)
        if rank:
            yield row("xnystrace", rank), lambda rank=rank: trace_row(matrix, rank, settings)
        for depth in settings["timed_depths"]:
            yield (
                row("slq dense", rank, depth),
                lambda rank=rank, depth=depth: dense_rows(matrix, rank, depth, settings),
            )
    for depth in settings["timed_depths"]:
        if matfree_rows is not None:
            yield (
                row("matfree", 0, depth),
                lambda depth=depth: matfree_rows(matrix, depth, settings),
            )
        yield from _foreign(matrix, depth, settings, options, row)


def _foreign(matrix, depth, settings, options, row):
    """Rivals in environments of their own, which take most of the suite's seconds."""
    if matrix.lengthscale not in settings["foreign_lengthscales"]:
        return
    for rank in settings["foreign_ranks"]:
        for name, python in (("gpytorch", options.rival_python), ("cola", options.cola_python)):
            # CoLA takes no preconditioner.
            if python and (rank == 0 or name == "gpytorch"):
                work = partial(foreign_rows, name, python, matrix, rank, depth, settings)
                yield row(name, rank, depth), work


def _versions():
    found = machine.versions()
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found["matfree"] = importlib.metadata.version("matfree")
    return found


if __name__ == "__main__":
    main()
