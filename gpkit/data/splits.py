"""Which rows train and which rows test: random, in time, by group, k-fold, and the standard 20."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int, Shaped
from numpy.typing import ArrayLike

Rows = Int[np.ndarray, " m"]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of training and test rows, each sorted, disjoint, neither empty.

    Raises:
        ValueError: if a side is empty or a row is on both sides.
    """

    train: Rows
    test: Rows

    def __post_init__(self) -> None:
        for side in ("train", "test"):
            rows = np.sort(np.asarray(getattr(self, side), np.intp))
            if rows.size == 0:
                raise ValueError(f"the split leaves no {side} rows; change its size")
            object.__setattr__(self, side, rows)
        if np.intersect1d(self.train, self.test).size:
            raise ValueError("the split has rows on both its train and its test side")

    def among(self, rows: Rows) -> "Split":
        """The same split of a table of which only `rows` (positions) are kept, renumbered."""
        rows = np.asarray(rows)
        return Split(
            train=np.flatnonzero(np.isin(rows, self.train)),
            test=np.flatnonzero(np.isin(rows, self.test)),
        )


def from_mask(test: Bool[np.ndarray, " n"]) -> Split:
    """The split whose test rows are those where the mask is true."""
    test = np.asarray(test, bool)
    return Split(train=np.flatnonzero(~test), test=np.flatnonzero(test))


def standard_splits(n: int, count: int = 20) -> tuple[Split, ...]:
    """The 90/10 splits of Hernandez-Lobato & Adams (ICML 2015), row for row.

    One Mersenne-Twister stream seeded with 1 for the whole set; each split draws a
    permutation of the rows, of which the last tenth is the test part. The literature uses
    20 splits, and 5 for the protein set.
    """
    # RandomState is NumPy's frozen stream: these draws are the same in every version.
    stream = np.random.RandomState(1)
    border = round(0.9 * _at_least(n, 2, "n"))
    orders = [stream.choice(n, n, replace=False) for _ in range(count)]
    return tuple(Split(train=order[:border], test=order[border:]) for order in orders)


def random_split(n: int, *, fraction: float = 0.1, seed: int = 0) -> Split:
    """A random part of `n` rows as test set: ``round(fraction * n)`` of them, at least one."""
    size = _test_size(_at_least(n, 2, "n"), fraction)
    order = np.random.default_rng(seed).permutation(n)
    return Split(train=order[size:], test=order[:size])


def time_split(times: Shaped[np.ndarray, " n"] | ArrayLike, *, fraction: float = 0.1) -> Split:
    """The latest rows as test set; rows of equal time stay on one side.

    `times` is anything that sorts (numbers, dates), shape ``(n,)``, in any order.

    Raises:
        ValueError: if `times` has missing entries, or one value only.
    """
    times = _labels(times, "times")
    ordered = np.sort(times)
    border = ordered[len(times) - _test_size(len(times), fraction)]
    if border == ordered[0]:
        raise ValueError("times has too few distinct values for this fraction; use random_split")
    return from_mask(times >= border)


def group_split(
    groups: Shaped[np.ndarray, " n"] | ArrayLike, *, fraction: float = 0.1, seed: int = 0
) -> Split:
    """Whole groups as test set, drawn at random until it has at least `fraction` of the rows.

    `groups` holds one label a row, shape ``(n,)``. At least one group stays for training.

    Raises:
        ValueError: if `groups` has missing entries, or one group only.
    """
    labels, member = np.unique(_labels(groups, "groups"), return_inverse=True)
    if len(labels) < 2:
        raise ValueError("groups holds one group only; at least two are needed")
    order = np.random.default_rng(seed).permutation(len(labels))
    sizes = np.cumsum(np.bincount(member)[order])
    needed = int(np.searchsorted(sizes, _test_size(len(member), fraction))) + 1
    return from_mask(np.isin(member, order[: min(needed, len(labels) - 1)]))


def kfold(n: int, k: int = 5, *, seed: int = 0) -> tuple[Split, ...]:
    """`k` splits of a random permutation; each row is a test row exactly once.

    Sizes of the test parts differ by at most one.
    """
    if not 2 <= k <= n:
        raise ValueError(f"k must lie between 2 and the number of rows ({n}), got {k}")
    order = np.random.default_rng(seed).permutation(n)
    return tuple(
        Split(train=np.setdiff1d(order, part), test=part) for part in np.array_split(order, k)
    )


def _test_size(n: int, fraction: float) -> int:
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie strictly between 0 and 1, got {fraction}")
    return min(max(round(fraction * n), 1), n - 1)


def _at_least(n: int, smallest: int, name: str) -> int:
    if n < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {n}")
    return n


def _labels(values: ArrayLike, name: str) -> Shaped[np.ndarray, " n"]:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name} must hold one entry a row, for two rows or more")
    if pd.isna(array).any():
        raise ValueError(f"{name} has missing entries; drop these rows first")
    return array
