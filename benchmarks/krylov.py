"""``python -m benchmarks.krylov``: gradients of Krylov methods, against matfree and backprop.

For each operator, algorithm, depth and loss: seconds of the value and of value and gradient
(compiled, best and median of several runs), seconds to compile, compiled temporary memory in
units of the basis, and the error of the gradient along one direction against central
differences of the value. Every row is published, failures with their message. One JSON file,
saved after every row; ``--resume`` goes on with it.

Losses: "form" is v^T log(A) v, which needs the small matrix alone; "vector" is a fixed linear
functional of log(A) v, or of exp(A) v with Arnoldi, which needs the basis. gpkit and matfree
each use their own function of the small matrix; "backprop" is automatic differentiation
through gpkit's forward loop with gpkit's small matrix, so that only the adjoint differs.
"gpkit frozen" is the forward-only gradient Q f'(T) Q^T; "gpkit checkpointed" keeps no basis.
"""

import argparse
import importlib.metadata
import os
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import machine, store
from benchmarks.krylov_measure import measure
from benchmarks.krylov_methods import ALGORITHMS, losses, matfree_decomp, methods
from benchmarks.krylov_operators import operators

FULL = {
    "dense_n": 1000, "kernel_n": 1000, "matrices": ["1138_bus", "t3dl_e"], "repeats": 3, "seed": 1,
    "depths": {
        "dense": [10, 50, 90, 250], "kernel": [10, 50], "1138_bus": [10, 50, 250],
        "t3dl_e": [10, 50, 250],
    },
    "backprop_depth": 50,
}  # fmt: skip
QUICK = FULL | {
    "dense_n": 100, "kernel_n": 100, "repeats": 2, "matrices": ["1138_bus"],
    "depths": {"dense": [10], "kernel": [10], "1138_bus": [10]},
}  # fmt: skip
KEY = ("operator", "algorithm", "depth", "loss", "method")


def main():
    options = _parse(sys.argv[1:])
    jax.config.update("jax_enable_x64", True)
    settings = (QUICK if options.quick else FULL) | {"threads": os.cpu_count()}
    document = store.new("krylov", settings)
    document |= {"versions": _versions(), "device": str(jax.devices()[0])}
    if options.resume:
        document = store.resumed(options.out, document)
    found = {tuple(row[key] for key in KEY) for row in document["jobs"]}
    for operator in operators(settings, options.matrices):
        for row, function in _rows(operator, settings):
            if tuple(row[key] for key in KEY) not in found:
                document["jobs"].append(row | _try(function, operator, row["depth"], settings))
                store.save(options.out, document)
                print(document["jobs"][-1], flush=True)
    print(options.out)


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.krylov", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smallest sizes, to try the harness")
    parser.add_argument("--out", type=Path, help="result file")
    parser.add_argument("--matrices", type=Path, help="folder of SuiteSparse *.mtx.gz files")
    parser.add_argument("--resume", action="store_true", help="keep the finished rows of --out")
    options = parser.parse_args(arguments)
    if options.out is None:
        folder = machine.ROOT / ("results" if options.quick else "benchmarks/results")
        options.out = folder / "krylov.json"
    return options


def _versions():
    found = machine.versions()
    if matfree_decomp is not None:
        found["matfree"] = importlib.metadata.version("matfree")
    return found


def _vectors(operator, settings):
    """Start vector and weights of the loss."""
    rng = np.random.default_rng(settings["seed"])
    return tuple(jnp.asarray(rng.standard_normal(operator[1])) for _ in range(2))


def _rows(operator, settings):
    """Every row of an operator, without figures, and its function."""
    name, n, matvec, *_ = operator
    _, weights = _vectors(operator, settings)
    for depth in settings["depths"][name.split()[0]]:
        for algorithm in ALGORITHMS:
            for loss in losses(algorithm):
                row = {"operator": name, "n": n, "algorithm": algorithm, "depth": depth}
                for method, function in methods(matvec, algorithm, depth, loss, weights).items():
                    if method != "backprop" or depth <= settings["backprop_depth"]:
                        yield row | {"loss": loss, "method": method}, function


def _try(function, operator, depth, settings):
    """The figures of one row, or why there are none."""
    *_, params, direction = operator
    v, _ = _vectors(operator, settings)
    try:
        return measure(function, v, params, direction, depth, settings["repeats"])
    except Exception as error:
        return {"failure": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"}


if __name__ == "__main__":
    main()
