"""Columns that are no inputs: row numbers, IDs, text without end."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data.surveying import as_option, survey

N = 120
FRAME = pd.DataFrame(
    {
        "Unnamed: 0": np.arange(N),
        "customer_id": np.random.default_rng(0).permutation(N) * 7,
        "userId": np.arange(N)[::-1],
        "name": [f"n{i}" for i in range(N)],
        "street": [f"s{i % 60}" for i in range(N)],
        "town": [f"t{i % 50}" for i in range(N)],
        "year": np.arange(1900, 1900 + N),
        "id_of_room": np.arange(N) % 7,
        "humid": np.arange(N) * 2.0,
        "empty": np.nan,
        "x": np.random.default_rng(1).uniform(size=N),
    }
)


def test_what_is_left_out_and_why():
    dropped, remarks = survey(FRAME, list(FRAME.columns))
    reasons = dict(dropped)
    assert list(reasons) == ["Unnamed: 0", "customer_id", "userId", "name", "street", "empty"]
    assert reasons["Unnamed: 0"] == "numbers the rows; to use it, name it in --inputs"
    assert reasons["customer_id"].startswith("looks like an ID")
    assert reasons["name"].startswith("every row has a value of its own, like an ID")
    assert reasons["street"] == (
        "60 levels, more than 50; to use it, name it in --categorical street"
    )
    assert reasons["empty"] == "is empty"
    # A year may be a time: it stays, and is mentioned.
    assert [text.split(" is ")[0] for text in remarks] == ["column 'year'"]


def test_what_was_asked_for_stays():
    dropped, remarks = survey(FRAME, ["name", "street", "year"], asked=["name", "year"])
    assert [name for name, _ in dropped] == ["street"]
    assert remarks == ()


def test_a_single_running_number_is_no_remark():
    assert survey(FRAME, ["year"]) == ((), ())


def test_two_rows_of_the_same_id_are_no_id():
    frame = pd.DataFrame({"id": [1, 2, 2], "k": ["a", "b", "b"]})
    assert survey(frame, ["id", "k"]).dropped == ()


@pytest.mark.parametrize(
    ("names", "text"),
    [(("a",), "a"), (("a", "b_2"), "a,b_2"), (("a b",), "'a b'"), (("a,b", "c"), "'\"a,b\",c'")],
)
def test_names_as_a_shell_takes_them(names, text):
    assert as_option(*names) == text
