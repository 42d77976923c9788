"""Large regression problems: rows standardised by their training statistics, numpy alone.

`PROBLEMS` names them. The protocol ``64/16/20`` permutes the rows with a seed, takes a fifth
(rounded up) for the test and a fifth of the rest (rounded up) for validation, which gives the
25,600 and 40,708 training rows of the published tables; validation rows are not used. Those
tables scale by statistics of all rows; here the training rows alone decide.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.data import load_split


class Problem(NamedTuple):
    """Where the rows come from; `drop` are columns that tell the target."""

    dataset: str
    protocol: str = "fold"
    drop: tuple[int, ...] = ()
    rows: int | None = None


class Rows(NamedTuple):
    """Standardised training and test rows; `shift` and `scale` take targets back."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    shift: float
    scale: float


LEAKS = (15, 16)  # casual and registered sum to the count whose logarithm is the target
PROBLEMS = {
    "elevators": Problem("uci/elevators"),
    "bike-17": Problem("uci/bike"),
    "bike-15": Problem("uci/bike", drop=LEAKS),
    "kin40k-15000": Problem("uci/kin40k", "first", rows=15_000),
    "kin40k": Problem("uci/kin40k"),
    "protein": Problem("uci/protein"),
    "keggdirected": Problem("uci/keggdirected"),
    "keggundirected": Problem("uci/keggundirected"),
    "kin40k-64": Problem("uci/kin40k", "64/16/20"),
    "keggundirected-64": Problem("uci/keggundirected", "64/16/20"),
}
SYNTHETIC = "synthetic"


def load_problem(name, data_dir, *, split=0, rows=None):
    """Standardised rows; `rows` keeps a random subset of the training rows (seed 0).

    ``synthetic`` needs no file: a smooth function of three columns with noise 0.3.
    """
    raw = _synthetic() if name == SYNTHETIC else _raw(PROBLEMS[name], data_dir, split)
    found = _standardised(*raw)
    if rows is None or rows >= len(found.y):
        return found
    keep = np.random.default_rng(0).choice(len(found.y), rows, replace=False)
    return found._replace(X=found.X[keep], y=found.y[keep])


def _raw(problem, data_dir, split):
    if problem.protocol == "fold":
        raw = tuple(load_split(problem.dataset, split, data_dir))
    else:
        X, y = _table(problem.dataset, data_dir)
        if problem.protocol == "first":
            train, test = np.arange(problem.rows), np.arange(problem.rows, len(y))
        else:
            train, test = _fifths(len(y), split)
        raw = X[train], y[train], X[test], y[test]
    X, y, X_test, y_test = raw
    return np.delete(X, problem.drop, 1), y, np.delete(X_test, problem.drop, 1), y_test


def _table(dataset, data_dir):
    if data_dir is None:
        raise FileNotFoundError(f"{dataset} needs a folder of data: pass --data-dir")
    table = np.loadtxt(Path(data_dir) / dataset / "data.csv.gz", delimiter=",", ndmin=2)
    return table[:, :-1], table[:, -1]


def _fifths(n, seed):
    order = np.random.default_rng(seed).permutation(n)
    n_test = math.ceil(n / 5)
    n_validation = math.ceil((n - n_test) / 5)
    return order[n_test + n_validation :], order[:n_test]


def _synthetic():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(120, 3))
    y = np.sin(X @ np.array([1.0, 0.5, 0.1])) + 0.3 * rng.normal(size=120)
    return X[:90], y[:90], X[90:], y[90:]


def _standardised(X, y, X_test, y_test):
    shift, scale = X.mean(0), X.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    centre, spread = float(y.mean()), float(y.std())
    return Rows(
        (X - shift) / scale, (y - centre) / spread,
        (X_test - shift) / scale, (y_test - centre) / spread, centre, spread,
    )  # fmt: skip
