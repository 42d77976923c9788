"""Kinds of columns, coding of levels, and every refusal with its words."""

import datetime

import numpy as np
import pandas as pd
import pytest

from gpkit.data.columns import infer_array, infer_frame
from gpkit.data.kinds import Kind, kind_of

FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.5, -3.0],
        "rooms": [1, 2, 3],
        "new": [True, False, True],
        "town": ["b", "a", "b"],
        "grade": pd.Categorical(["lo", "hi", "lo"], categories=["lo", "mid", "hi"]),
    }
)


def test_a_frame_is_coded_column_by_column():
    schema, X = infer_frame(FRAME)
    assert schema.names == ("size", "rooms", "new", "town", "grade")
    assert [column.kind for column in schema.columns] == [
        Kind.NUMERIC, Kind.NUMERIC, Kind.BOOLEAN, Kind.CATEGORY, Kind.CATEGORY,
    ]  # fmt: skip
    # Levels are those that occur, sorted.
    assert schema.columns[3].levels == ("a", "b")
    assert schema.columns[4].levels == ("hi", "lo")
    expected = [[1.0, 1, 1, 1, 1], [2.5, 2, 0, 0, 0], [-3.0, 3, 1, 1, 1]]
    np.testing.assert_array_equal(X, expected)
    assert X.dtype == np.float64


DATES = pd.DataFrame({"day": pd.to_datetime(["1970-01-03 12:00"])})


@pytest.mark.parametrize(
    "series",
    [
        DATES["day"],
        DATES["day"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        pd.Series([datetime.datetime(1970, 1, 3, 12)], dtype=object),
        DATES["day"].astype("datetime64[ns]"),
    ],
)
def test_dates_are_days_since_1970_and_gaps_stay_gaps(series):
    assert kind_of(series) is Kind.DATE
    schema, X = infer_frame(pd.DataFrame({"day": series}))
    np.testing.assert_array_equal(X, [[2.5]])
    assert np.isnan(schema.code(pd.DataFrame({"day": [pd.NaT]}))).all()


def test_days_of_the_calendar_are_dates_too():
    schema, X = infer_frame(pd.DataFrame({"day": [datetime.date(1970, 1, 11), None]}))
    assert schema.columns[0].kind is Kind.DATE
    np.testing.assert_array_equal(X, [[10.0], [np.nan]])


def test_a_new_frame_is_read_by_name():
    schema, X = infer_frame(FRAME)
    shuffled = FRAME[["town", "new", "grade", "size", "rooms"]].assign(extra=1)
    np.testing.assert_array_equal(schema.code(shuffled), X)


def test_missing_entries_become_nan_in_every_kind():
    schema, _ = infer_frame(FRAME)
    frame = FRAME.astype(object)
    frame.iloc[1] = [None] * 5
    coded = schema.code(frame)
    assert np.isnan(coded[1]).all()
    assert not np.isnan(coded[[0, 2]]).any()


def test_forced_categories_match_numbers_by_value():
    schema, X = infer_frame(pd.DataFrame({"zip": [30, 10, 20, 10]}), categorical=["zip"])
    assert schema.columns[0].levels == (10, 20, 30)
    np.testing.assert_array_equal(X[:, 0], [2, 0, 1, 0])
    np.testing.assert_array_equal(schema.code(pd.DataFrame({"zip": [20.0]})), [[1.0]])


def test_old_string_dtypes_give_the_same_columns():
    texts = FRAME[["town"]]
    for dtype in (object, "string", "category"):
        schema, X = infer_frame(texts.astype(dtype))
        assert schema == infer_frame(texts)[0]
        np.testing.assert_array_equal(X, infer_frame(texts)[1])


def test_a_boolean_column_takes_zeros_and_ones():
    schema, _ = infer_frame(FRAME[["new"]])
    np.testing.assert_array_equal(schema.code(pd.DataFrame({"new": [1, 0]})), [[1.0], [0.0]])
    with pytest.raises(ValueError, match=r"'new' must hold true and false, but holds 2 \(row 1"):
        schema.code(pd.DataFrame({"new": [1, 2]}))


def test_arrays_are_read_by_position():
    schema, X = infer_array([[1, 2], [3, 5]])
    assert schema.names == ("x0", "x1")
    np.testing.assert_array_equal(X, [[1.0, 2.0], [3.0, 5.0]])
    schema, _ = infer_frame(FRAME[["size", "rooms"]])
    np.testing.assert_array_equal(schema.code([[7, 8]]), [[7.0, 8.0]])
    assert infer_array(np.array([[True], [False]]))[0].columns[0].kind is Kind.BOOLEAN


def test_the_coded_table_is_a_copy():
    X = np.ones((3, 2))
    _, coded = infer_array(X)
    coded[:] = 7
    assert np.all(X == 1)


def _code(new, train=FRAME):
    return infer_frame(train)[0].code(new)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: _code(FRAME.assign(town="c")), ValueError,
         r"'town' has the unseen level 'c' \(row 0.*known levels: 'a', 'b'"),
        (lambda: _code(FRAME.drop(columns="rooms")), ValueError, "'rooms' is missing"),
        (lambda: _code(FRAME.assign(size="big")), ValueError, "'size' must hold numbers.*'big'"),
        (lambda: _code(FRAME.assign(size=[1, np.inf, 2])), ValueError,
         "Input X contains infinity: column 'size', row 1"),
        (lambda: _code(np.ones((2, 5))), ValueError, "'town' holds categories"),
        (lambda: _code(np.ones((2, 4))), ValueError, "X has 4 features, but 5 were expected"),
        (lambda: _code(FRAME.iloc[:0]), ValueError, r"0 sample\(s\)"),
        (lambda: infer_frame(pd.DataFrame(index=[0, 1])), ValueError, r"0 feature\(s\)"),
        (lambda: infer_frame(FRAME, categorical=["twon"]), ValueError, "did you mean 'town'"),
        (lambda: infer_frame(FRAME, categorical="town"), TypeError, "sequence of column names"),
        (lambda: infer_frame(pd.DataFrame([[1, 2]], columns=["a", "a"])), ValueError, "'a' is"),
        (lambda: infer_frame(pd.DataFrame({"a": [1, 2j]})), ValueError,
         "Complex data not supported: column 'a'"),
        (lambda: _code(DATES.assign(day=["2020-01-05"]), DATES), ValueError,
         "'day' must hold dates, but holds '2020-01-05'.*pandas.to_datetime"),
        (lambda: _code(DATES.assign(day=[3.0]), DATES), ValueError, "'day' must hold dates"),
        (lambda: _code(FRAME.assign(size=DATES["day"][0])), ValueError, "'size' must hold numbers"),
        (lambda: infer_frame(pd.DataFrame({"a": [{}, {}]})), TypeError, "'a' holds objects"),
        (lambda: infer_frame(pd.DataFrame({"a": pd.Categorical([1, "x"])})), ValueError,
         "'a' mixes text and numbers"),
        (lambda: infer_frame(pd.DataFrame({"a": pd.Categorical(pd.date_range("2020", periods=2))})),
         ValueError, "'a' has the level Timestamp.*astype"),
        (lambda: infer_frame(pd.DataFrame({"a": pd.to_timedelta([1, 2])})), TypeError,
         "'a' has dtype timedelta"),
        (lambda: infer_array([[1.0, 2.0]], names=["a"]), ValueError, "names must be 2"),
        (lambda: infer_array([[1.0, 2.0]], names=["a", "a"]), ValueError, "names must be 2"),
        (lambda: infer_array([[1.0, -np.inf]]), ValueError, "infinity: column 'x1', row 0"),
    ],
)  # fmt: skip
def test_refusals_name_the_column_and_the_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()
