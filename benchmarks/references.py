"""``python -m benchmarks.references PROBLEM``: dense float64 ML-II, kept in ``settings/``.

One lengthscale per column, Matern-3/2, constant mean, one noise variance; the log evidence of
gpkit's dense solver is maximised over all of them by BFGS. Subsets come first: each hands its
optimum and, scaled by the rows, its inverse Hessian to the next. With ``--approach`` a fit by the
iterative solver brings the parameters nearer. So few dense evaluations of all rows are needed;
they alone decide whether the search has ended. The state is written after every evaluation and
taken up again.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from benchmarks import machine, scores
from benchmarks.methods import large_dense, large_gpkit
from benchmarks.problems import load_problem

FOLDER = Path(__file__).parent / "settings"
NAMES = ["mean", "variance", "noise", "lengthscale"]
# Nats of a subset that a further step of BFGS promises: below this its search ends.
TOLERANCE = 0.02


def pack(theta):
    """One vector: mean, then logarithms of variance, noise and lengthscales."""
    positive = np.concatenate([np.ravel(theta[name]) for name in NAMES[1:]])
    return np.concatenate([[theta["mean"]], np.log(positive)])


def unpack(x):
    """The parameters of a vector, plain numbers."""
    positive = np.exp(x[1:])
    return {
        "mean": float(x[0]), "variance": float(positive[0]), "noise": float(positive[1]),
        "lengthscale": positive[2:].tolist(),
    }  # fmt: skip


def start(d):
    """GPyTorch's initial values."""
    return {"mean": 0.0, "variance": 0.6931, "noise": 0.6932, "lengthscale": [0.6931] * d}


def wide_start(d):
    """A second start: lengthscales as long as points are apart, little noise."""
    return {"mean": 0.0, "variance": 1.0, "noise": 0.1, "lengthscale": [float(np.sqrt(d))] * d}


def bfgs(evaluate, x, inverse, *, tol, max_steps, keep, known=None):
    """Minimise by BFGS until a step promises less than `tol`; `keep(state)` after each.

    Nocedal and Wright (2006), algorithm 6.1, with backtracking by quadratic interpolation.
    `known` are value and gradient at the start where they are known already.
    """
    value, gradient = known or evaluate(x)
    for step in range(max_steps):
        direction = -inverse @ gradient
        promise = -0.5 * gradient @ direction
        keep(step, x, value, gradient, inverse, promise)
        if promise < tol:
            break
        direction *= min(1.0, 1.5 / np.max(np.abs(direction)))
        slope, length = gradient @ direction, 1.0
        while True:
            there = x + length * direction
            new_value, new_gradient = evaluate(there)
            if new_value <= value + 1e-4 * length * slope:
                break
            if length < 1e-4:
                return x, value, inverse
            found = -slope * length**2 / (2 * (new_value - value - slope * length))
            length = float(np.clip(found, 0.1 * length, 0.5 * length)) if np.isfinite(
                new_value) else 0.25 * length  # fmt: skip
        s, u = there - x, new_gradient - gradient
        if s @ u > 1e-12:
            inverse = _updated(inverse, s, u)
        x, value, gradient = there, new_value, new_gradient
    return x, value, inverse


def _updated(inverse, s, u):
    rho = 1 / (s @ u)
    left = np.eye(len(s)) - rho * np.outer(s, u)
    return left @ inverse @ left.T + rho * np.outer(s, s)


def subsets(problem, sizes, data_dir):
    """Fit growing subsets; the better of two starts on the first. Vector and inverse Hessian."""
    begin = None
    for number, rows in enumerate(sizes):
        data = load_problem(problem, data_dir, rows=rows)
        evaluate = large_dense.loss(data.X, data.y, "float64")
        quiet = {"tol": TOLERANCE, "max_steps": 150, "keep": lambda *_: None}
        if number == 0:
            d = data.X.shape[1]
            guesses = [(pack(f(d)), np.eye(d + 3) / rows) for f in (start, wide_start)]
        else:
            guesses = [(begin[0], begin[2] * sizes[number - 1] / rows)]
        found = [bfgs(evaluate, x, inverse, **quiet) for x, inverse in guesses]
        begin = min(found, key=lambda f: f[1])
        print(f"{problem} {rows} rows: log evidence {[-f[1] for f in found]}", flush=True)
        print(unpack(begin[0]), flush=True)
    return begin[0], begin[2] * sizes[-1]


def fit(problem, options):
    """The reference of one problem; writes ``settings/PROBLEM.json``."""
    path = options.out or FOLDER / f"{problem}.json"
    data = load_problem(problem, options.data_dir, rows=options.rows)
    document, inverse = _begun(problem, data, path, options)
    if options.approach:
        trained = large_gpkit.trainer(data.X, data.y, {"face": "fit", "solver": {}, "seed": 1})
        for name in ("gradient", "log_evidence", "promise"):
            document.pop(name, None)
        _keep(path, document, trained.advance()["points"][-1]["parameters"], inverse)
    if options.subsets_only:
        return
    _search(document, data, inverse, path, options.tol)
    mean, std = large_dense.predict(data.X, data.y, document["parameters"], data.X_test)
    document["test"] = scores.score(data.y_test, mean, std)
    document["done"] = True
    _save(path, document)


def _begun(problem, data, path, options):
    """The state that the file holds, or that of the subsets; and the inverse Hessian."""
    if path.exists():
        document = json.loads(path.read_text())
        return document, np.array(document["inverse_hessian"])
    document = _new(problem, data, options)
    x, scaled = subsets(problem, options.subsets, options.data_dir)
    inverse = scaled / len(data.y)
    _keep(path, document, unpack(x), inverse)
    return document, inverse


def _search(document, data, inverse, path, tol):
    """BFGS on all rows from the state of the document, which follows it."""
    evaluate, known = large_dense.loss(data.X, data.y, "float64"), None
    if "gradient" in document:
        known = -document["log_evidence"], -np.array(document["gradient"])

    def timed(x):
        began = time.perf_counter()
        value, gradient = evaluate(x)
        document["seconds"].append(round(time.perf_counter() - began, 2))
        print(f"{document['problem']}: {-value:.4f}", document["seconds"][-1], flush=True)
        return value, gradient

    def keep(step, x, value, gradient, inverse, promise):
        document["log_evidence"], document["promise"] = -value, promise
        document["gradient"] = (-gradient).tolist()
        document["steps"] = document.get("steps", 0) + (step > 0)
        _keep(path, document, unpack(x), inverse)

    x = pack(document["parameters"])
    bfgs(timed, x, inverse, tol=tol, max_steps=40, keep=keep, known=known)


def _new(problem, data, options):
    return {
        "problem": problem, "rows": len(data.y), "columns": data.X.shape[1],
        "what": "dense float64 ML-II: constant mean, Matern-3/2, one lengthscale per column; "
        "standardised by training statistics; gradient with respect to the mean and the "
        "logarithms of variance, noise and lengthscales; test scores in standardised units",
        "subsets": options.subsets, "machine": machine.describe(), "versions": machine.versions(),
        "seconds": [],
    }  # fmt: skip


def _keep(path, document, parameters, inverse):
    document["parameters"] = parameters
    document["inverse_hessian"] = np.round(inverse, 12).tolist()
    _save(path, document)


def _save(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(document, indent=1) + "\n")
    os.replace(draft, path)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.references", description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--data-dir", default=os.environ.get("GPKIT_DATA"))
    parser.add_argument("--rows", type=int, help="a random subset of the rows is the whole")
    parser.add_argument("--subsets", type=int, nargs="+", default=[3000, 6000])
    parser.add_argument(
        "--tol", type=float, default=0.2, help="nats that a further step promises on all rows"
    )
    parser.add_argument("--approach", action="store_true", help="start at an iterative fit")
    parser.add_argument("--subsets-only", action="store_true", help="no evaluation on all rows")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for problem in options.problems:
        fit(problem, options)


if __name__ == "__main__":
    main()
