"""Inputs that give the target away: a sum, difference or product of a few of them is the target."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpkit.data.moments import moments, standardised

Matrix = Float[np.ndarray, "n d"]
Vector = Float[np.ndarray, " n"]

_MAX_ROWS, _MAX_TERMS = 5000, 4
# Share of the variance that may be left: what rounding to three digits leaves is smaller.
_TOLERANCE = 1e-5
# Beyond this range of a logarithm a linear formula sees its largest values only.
_MAX_RANGE = 30.0


class Leak(NamedTuple):
    """Inputs that reproduce the target, and by which formula, in words."""

    names: tuple[str, ...]
    formula: str


def find_leak(X: Matrix, y: Vector, names: Sequence[str]) -> Leak | None:
    """The inputs that reproduce the target; None where none do.

    Tested by least squares on 5000 rows at most: the target, its exponential and its power of 10
    as linear formulas of the inputs, and its logarithm as a linear formula of the logarithms of
    positive inputs. A formula of up to four inputs that leaves less than 1e-5 of the
    variance is reported. X has shape (n, d), y (n,), both finite.
    """
    rows = np.linspace(0, len(y) - 1, min(len(y), _MAX_ROWS)).astype(int)
    X, y = X[rows], y[rows]
    for inputs, target, formula in _views(X, y):
        usable = [j for j in range(X.shape[1]) if np.ptp(inputs[:, j]) > 0]
        # Fewer rows than that are reproduced by anything.
        usable = usable if len(y) >= 3 * (min(len(usable), _MAX_TERMS) + 2) else []
        found = _terms(_unit(inputs[:, usable]), _unit(target[:, None])[:, 0])
        if found:
            return Leak(tuple(names[usable[j]] for j in sorted(found)), formula)
    return None


def _views(X: Matrix, y: Vector) -> Iterator[tuple[Matrix, Vector, str]]:
    if np.ptp(y) == 0:
        return
    yield X, y, "it is a weighted sum of"
    for base, name in ((np.e, "exponential"), (10.0, "power of 10")):
        if np.ptp(y) * np.log(base) < _MAX_RANGE:
            powers = np.power(base, y - y.max())
            yield X, powers, f"its {name} is a weighted sum of"
    positive = (X > 0).all(axis=0)
    if y.min() > 0 and positive.any():
        logs = np.log(np.where(positive, X, 1.0))
        yield logs, np.log(y), "it is a product of powers of"


def _unit(columns: Matrix) -> Matrix:
    """Columns with mean 0 and mean square 1."""
    scaled = [standardised(c, m.offset, m.scale) for c in columns.T for m in (moments(c),)]
    return np.stack(scaled, axis=1) if scaled else np.zeros((len(columns), 0))


def _terms(inputs: Matrix, target: Vector) -> list[int]:
    """Positions of few columns of which the target is a linear formula; empty where none is.

    Orthogonal matching pursuit: the column that explains most of what is left joins, four
    times at most. Where that misses and all columns together reproduce the target, the columns
    of that formula are taken, if they are few.
    """
    chosen: list[int] = []
    left = target
    while len(chosen) < min(_MAX_TERMS, inputs.shape[1]):
        basis = np.linalg.qr(inputs[:, chosen])[0] if chosen else np.zeros((len(target), 0))
        free = inputs - basis @ (basis.T @ inputs)
        size = np.linalg.norm(free, axis=0)
        free[:, size < 1e-7 * np.sqrt(len(target))] = 0.0
        gain = np.abs(free.T @ left) / np.maximum(size, 1e-300)
        chosen.append(int(np.argmax(gain)))
        left = target - _fit(inputs[:, chosen], target)
        if left @ left < _TOLERANCE * (target @ target):
            return chosen
    return _sparse(inputs, target)


def _sparse(inputs: Matrix, target: Vector) -> list[int]:
    if not _MAX_TERMS < inputs.shape[1] < len(target) // 2:
        return []
    weights = np.linalg.lstsq(inputs, target, rcond=None)[0]
    few = [int(j) for j in np.flatnonzero(np.abs(weights) > 1e-2 * np.abs(weights).max())]
    if len(few) > _MAX_TERMS:
        return []
    left = target - _fit(inputs[:, few], target)
    return few if left @ left < _TOLERANCE * (target @ target) else []


def _fit(inputs: Matrix, target: Vector) -> Vector:
    return inputs @ np.linalg.lstsq(inputs, target, rcond=None)[0]
