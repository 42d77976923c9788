"""Inputs that are the target in disguise, and inputs that are only good ones."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data.leaks import find_leak

RNG = np.random.default_rng(0)
X = RNG.uniform(1, 5, (200, 8)).round(2)
NAMES = [f"x{j}" for j in range(8)]


@pytest.mark.parametrize(
    ("y", "names", "formula"),
    [
        (3 * X[:, 2] - 7, ("x2",), "it is a weighted sum of"),
        (X[:, 5] + X[:, 6], ("x5", "x6"), "it is a weighted sum of"),
        (X[:, 5] - X[:, 6], ("x5", "x6"), "it is a weighted sum of"),
        (X[:, 0] - X[:, 3] + X[:, 7], ("x0", "x3", "x7"), "it is a weighted sum of"),
        ((X[:, 0] + X[:, 1]).round(1), ("x0", "x1"), None),
        (np.log(X[:, 1] + X[:, 2]), ("x1", "x2"), "its exponential is a weighted sum of"),
        (np.log(X[:, 1] + X[:, 2]).round(4), ("x1", "x2"), "its exponential is a weighted sum of"),
        (np.log10(X[:, 1] + X[:, 2]) + 3, ("x1", "x2"), "its power of 10 is a weighted sum of"),
        (X[:, 1] / X[:, 2], ("x1", "x2"), "it is a product of powers of"),
        (1e-200 * (X[:, 5] + X[:, 6]), ("x5", "x6"), "it is a weighted sum of"),
    ],
)
def test_formulas_of_few_inputs_are_found(y, names, formula):
    leak = find_leak(X, y, NAMES)
    if formula is None:
        # Rounding to a tenth leaves more than the tolerance: that is no copy.
        assert leak is None
    else:
        assert leak == (names, formula)


def test_the_total_of_two_columns_behind_many_that_are_nearly_it():
    rng = np.random.default_rng(1)
    casual, registered = rng.uniform(0, 1, 300), rng.uniform(0, 9, 300)
    # One by one, each of these explains more of the target than what is left of the two.
    near = (casual + registered)[:, None] + 0.05 * rng.standard_normal((300, 5))
    columns = np.column_stack([near, casual, registered])
    leak = find_leak(columns, casual + registered, [*"abcde", "casual", "registered"])
    assert leak.names == ("casual", "registered")


@pytest.mark.parametrize(
    "y",
    [
        np.sin(X[:, 0]) + X[:, 1],
        X[:, 0] + 0.02 * RNG.standard_normal(200),
        RNG.standard_normal(200),
        X.sum(axis=1),
        np.full(200, 3.0),
        np.where(X[:, 0] > 3, 1.0, 0.0),
    ],
)
def test_good_inputs_are_no_leak(y):
    assert find_leak(X, y, NAMES) is None


def test_few_rows_tell_nothing():
    assert find_leak(X[:5], RNG.standard_normal(5), NAMES) is None
    assert find_leak(X[:2, :1], X[:2, 0], ["x"]) is None


def test_columns_15_and_16_of_the_bike_rentals(data_dir):
    table = pd.read_csv(data_dir / "uci" / "bike" / "data.csv.gz", header=None).to_numpy()
    names = [f"c{j}" for j in range(17)]
    leak = find_leak(table[:, :-1], table[:, -1], names)
    assert leak == (("c15", "c16"), "its exponential is a weighted sum of")
    assert find_leak(table[:, :15], table[:, -1], names[:15]) is None
