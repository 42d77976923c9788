"""Data sets: what is an input, what is left out and said, targets, known noise, rows taken."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data import Dataset, Kind

X = np.array([[1.0, 5.0, 2.0], [2.0, 5.0, 0.0], [4.0, 5.0, 7.0], [3.0, 5.0, 7.0]])
Y = np.array([1.0, -1.0, 0.5, 2.0])
FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.5, -3.0, 2.0],
        "town": ["b", "a", "b", "c"],
        "same": [7, 7, 7, 7],
        "price": [10, 20, 30, 40],
        "var": [0.1, 0.2, 0.3, 0.4],
    }
)


def test_arrays_drop_constant_columns_and_say_so():
    data = Dataset.from_arrays(X, Y, names=["a", "b", "c"])
    assert data.names == ("a", "c")
    assert data.dropped == (("b", "is constant (5)"),)
    assert data.notes == ("column 'b' left out: is constant (5)",)
    np.testing.assert_array_equal(data.X, X[:, [0, 2]])
    np.testing.assert_array_equal(data.y, Y)
    assert (data.n, data.d) == (4, 2)
    assert data.noise_variance is None
    # New rows come with all columns of the source; the constant one is passed over.
    np.testing.assert_array_equal(data.schema.code([[9.0, 8.0, 7.0]]), [[9.0, 7.0]])


def test_a_frame_gives_inputs_target_and_noise():
    data = Dataset.from_frame(FRAME, "price", noise_variance="var")
    assert data.names == ("size", "town")
    assert data.targets == ("price",)
    np.testing.assert_array_equal(data.y, [10.0, 20.0, 30.0, 40.0])
    np.testing.assert_array_equal(data.noise_variance, [0.1, 0.2, 0.3, 0.4])
    assert data.columns[1].levels == ("a", "b", "c")
    np.testing.assert_array_equal(data.X[:, 1], [1, 0, 1, 2])


def test_constant_categories_are_named_by_level():
    data = Dataset.from_frame(FRAME.assign(town="b"), "price")
    assert ("town", "is constant ('b')") in data.dropped


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ("size", "town", "var")),
        ({"inputs": ["var", "size"]}, ("var", "size")),
        ({"drop": ["town"]}, ("size", "var")),
        ({"inputs": ["size", "town"], "drop": ["town"]}, ("size",)),
    ],
)
def test_inputs_and_drop_choose_columns(options, names):
    assert Dataset.from_frame(FRAME, "price", **options).names == names


def test_categorical_makes_a_category_of_numbers():
    data = Dataset.from_frame(FRAME, "price", categorical=["size"])
    assert data.columns[0].kind is Kind.CATEGORY
    assert data.columns[0].levels == (-3.0, 1.0, 2.0, 2.5)


def test_several_targets_keep_two_axes():
    data = Dataset.from_frame(FRAME, ["price", "var"])
    assert data.targets == ("price", "var")
    assert data.y.shape == (4, 2)
    assert Dataset.from_frame(FRAME, ["price"]).y.shape == (4, 1)
    assert Dataset.from_arrays(X, np.stack([Y, Y], 1)).targets == ("y0", "y1")


def test_dates_are_inputs_in_days():
    data = Dataset.from_frame(FRAME.assign(day=pd.date_range("1970-01-02", periods=4)), "price")
    assert data.columns[-1].kind is Kind.DATE
    np.testing.assert_array_equal(data.X[:, -1], [1.0, 2.0, 3.0, 4.0])


def test_categories_come_from_frames_never_from_arrays_of_objects():
    cells = np.array([["a"], ["b"], ["a"], ["c"]], dtype=object)
    for array in (cells, cells.astype(str)):
        with pytest.raises(TypeError, match="pass a pandas DataFrame, whose text columns become"):
            Dataset.from_arrays(array, Y)
    data = Dataset.from_frame(pd.DataFrame(cells, columns=["k"]).assign(y=Y), "y")
    assert data.columns[0].kind is Kind.CATEGORY


def test_boolean_and_nullable_targets_become_numbers():
    frame = FRAME.assign(price=pd.Series([1, 0, 1, None], dtype="Int64"))
    data = Dataset.from_frame(frame, "price", missing="drop")
    np.testing.assert_array_equal(data.y, [1.0, 0.0, 1.0])
    assert Dataset.from_frame(FRAME.assign(price=True), "price").y.dtype == np.float64


def test_missing_rows_are_dropped_and_counted():
    frame = FRAME.copy()
    frame.loc[0, "size"] = np.nan
    frame.loc[1, "town"] = None
    frame.loc[2, "var"] = np.nan
    frame["empty"] = np.nan
    frame = pd.concat([frame, frame.iloc[[3]].assign(size=9.0)])
    data = Dataset.from_frame(frame, "price", noise_variance="var", missing="drop", drop=["town"])
    np.testing.assert_array_equal(data.rows, [1, 3, 4])
    np.testing.assert_array_equal(data.X[:, 0], [2.5, 2.0, 9.0])
    np.testing.assert_array_equal(data.noise_variance, [0.2, 0.4, 0.4])
    assert data.notes[0] == "2 of 5 rows left out: missing entries"
    assert ("empty", "is empty") in data.dropped


def test_constant_is_judged_on_the_rows_that_are_left():
    holed = np.column_stack([X[:, 0], [1.0, 1.0, 1.0, 2.0]])
    data = Dataset.from_arrays(holed, [1.0, 2.0, 3.0, np.nan], missing="drop")
    assert data.dropped == (("x1", "is constant (1)"),)


def test_one_row_keeps_its_columns():
    data = Dataset.from_arrays([[1.0, 2.0]], [3.0])
    assert data.names == ("x0", "x1")
    assert data.dropped == ()


@pytest.mark.parametrize("rows", [[2, 0], np.array([True, False, True, False]), slice(1, 3)])
def test_take_keeps_kinds_and_levels(rows):
    data = Dataset.from_frame(FRAME, "price", noise_variance="var")
    part = data.take(np.arange(4)[rows])
    assert part.schema == data.schema
    np.testing.assert_array_equal(part.X, data.X[rows])
    np.testing.assert_array_equal(part.y, data.y[rows])
    np.testing.assert_array_equal(part.noise_variance, data.noise_variance[rows])
    np.testing.assert_array_equal(part.rows, np.arange(4)[rows])
    np.testing.assert_array_equal(part.take([-1]).rows, part.rows[[-1]])


def test_the_source_is_not_touched():
    source, y = X.copy(), Y.copy()
    data = Dataset.from_arrays(source, y, noise_variance=y**2)
    data.X[:], data.y[:], data.noise_variance[:] = 0, 0, 0
    np.testing.assert_array_equal(source, X)
    np.testing.assert_array_equal(y, Y)


def _frame(**columns):
    return Dataset.from_frame(FRAME.assign(**columns), "price")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Dataset.from_arrays([[np.nan], [1.0]], [1.0, 2.0]),
         "Input X contains NaN: column 'x0', row 0"),
        (lambda: Dataset.from_arrays(X, [1, np.nan, 2, 3]),
         "Input y contains NaN: column 'y', row 1"),
        (lambda: Dataset.from_arrays(X, [1, np.inf, 2, 3], missing="drop"),
         "Input y contains infinity"),
        (lambda: Dataset.from_arrays(X, Y, noise_variance=[np.nan, 1, 1, 1]),
         "noise_variance contains NaN"),
        (lambda: Dataset.from_arrays(X, Y[:3]), "inconsistent numbers of samples"),
        (lambda: Dataset.from_arrays(np.ones((4, 2)), Y), "no input column is left: 'x0' is const"),
        (lambda: Dataset.from_arrays(X, np.full(4, np.nan), missing="drop"), "no row is complete"),
        (lambda: Dataset.from_arrays(X, Y, missing="mean"), "missing must be 'error' or 'drop'"),
        (lambda: _frame(size=[1, None, 2, 3]), "column 'size', row 1"),
        (lambda: _frame(town=["a", None, "b", "c"]), "column 'town', row 1"),
        (lambda: _frame(price=["a", "b", "c", "d"]), "'price' is a target but holds text"),
        (lambda: _frame(price=pd.date_range("2020-01-01", periods=4)),
         "'price' is a target but holds dates; gpkit does regression"),
        (lambda: Dataset.from_frame(FRAME, "prize"), "did you mean 'price'"),
        (lambda: Dataset.from_frame(FRAME, []), "target must be"),
        (lambda: Dataset.from_frame(FRAME, "price", inputs=["price"]), "which is a target"),
        (lambda: Dataset.from_frame(FRAME, "price", inputs=["size", "size"]), "more than once"),
        (lambda: Dataset.from_frame(FRAME, "price", drop=["siez"]), "drop names 'siez'"),
        (lambda: Dataset.from_frame(FRAME, "price", noise_variance="town"), "the noise variance"),
        (lambda: Dataset.from_frame(FRAME[["price"]], "price"), r"0 feature\(s\)"),
        (lambda: Dataset.from_arrays(X, Y).take([]), "at least one row"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="DataFrame is needed, got ndarray"):
        Dataset.from_frame(X, "price")
