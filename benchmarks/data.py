"""Data sets and their standard splits, read with numpy alone so that every environment can.

A folder (``--data-dir`` or ``GPKIT_DATA``) holds ``uci20/NAME`` (20 random splits) and
``uci/NAME`` (10 folds): ``data.csv.gz`` without header, target last, and ``test_mask.csv.gz``
with one column per split, 1 = test row. ``synthetic/friedman1`` needs no file.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Training and test rows in raw units."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def load_split(name, index, data_dir):
    """Split number `index` (from 0) of a data set; raises FileNotFoundError with the remedy."""
    X, y, masks = _synthetic() if name == "synthetic/friedman1" else _read(name, data_dir)
    test = masks[:, index]
    return Split(X[~test], y[~test], X[test], y[test])


def smooth_rows(n, d, seed):
    """Seeded standard normal inputs and a smooth target with noise 0.3, for timings."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.sin(X @ rng.normal(size=d)) + 0.5 * X[:, 0] + 0.3 * rng.normal(size=n)
    return X, y


def _read(name, data_dir):
    if data_dir is None:
        raise FileNotFoundError(f"{name} needs a folder of data: pass --data-dir or set GPKIT_DATA")
    folder = Path(data_dir) / name
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {name} under the data folder")
    table = np.loadtxt(folder / "data.csv.gz", delimiter=",", ndmin=2)
    masks = np.loadtxt(folder / "test_mask.csv.gz", delimiter=",", ndmin=2).astype(bool)
    return table[:, :-1], table[:, -1], masks


def _synthetic():
    # Friedman (1991), function 1, with unit noise.
    rng = np.random.default_rng(3)
    X = rng.uniform(size=(60, 5))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4] + rng.normal(size=60)
    folds = np.arange(60) % 5
    return X, y, folds[:, None] == np.arange(5)
