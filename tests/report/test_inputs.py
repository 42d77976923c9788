"""Rows as numbers and back: every kind of column."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data.columns import infer_frame
from gpkit.report.inputs import InputRows, as_table, level_names, predictor_of


@pytest.fixture
def frame():
    days = ["1969-12-31 06:00:00", "2024-02-29 12:34:56", "2024-03-01 00:00:01"]
    return pd.DataFrame(
        {
            "number": [1.5, -2.0, 1e300],
            "text": ["b", "a", "b"],
            "code": pd.Categorical([10, 20, 10]),
            "flag": [True, False, True],
            "when": pd.to_datetime(days),
        }
    )


def test_a_table_of_codes_has_the_same_codes(frame):
    schema, X = infer_frame(frame)
    back = as_table(schema, X)
    assert list(back.columns) == list(frame.columns)
    np.testing.assert_array_equal(schema.code(back), X)
    np.testing.assert_array_equal(back["when"].to_numpy(), frame["when"].to_numpy())
    assert back["code"].tolist() == [10, 20, 10]


def test_levels_have_names(frame):
    schema, X = infer_frame(frame)
    names = {c.name: level_names(c, np.unique(X[:, j])) for j, c in enumerate(schema.columns)}
    assert names["text"] == ["a", "b"]
    assert names["code"] == ["10", "20"]
    assert names["flag"] == ["no", "yes"]


def test_rows_with_gaps_are_left_out(mixed):
    model, X, y = mixed
    X, y = X.copy(), y.copy()
    X.loc[0, "wide"] = np.nan
    y[1] = np.nan
    rows = InputRows.of(model.predictor_, X, y)
    assert len(rows.X) == len(X) - 2
    np.testing.assert_array_equal(rows.y, y[2:])


def test_grids_are_levels_or_even_steps(mixed):
    model, X, _ = mixed
    rows = InputRows.of(model.predictor_, X)
    np.testing.assert_array_equal(rows.grid(2, 5), [0, 1, 2])
    np.testing.assert_array_equal(rows.grid(3, 5), [0, 1])
    wide = X["wide"]
    np.testing.assert_allclose(
        rows.grid(0, 3), [wide.min(), (wide.min() + wide.max()) / 2, wide.max()]
    )
    np.testing.assert_allclose(rows.grid(0, 2, ends=(0.25, 0.75)), wide.quantile([0.25, 0.75]))


def test_rows_are_drawn_once_each_and_by_the_seed(mixed):
    model, X, _ = mixed
    rows = InputRows.of(model.predictor_, X)
    drawn = rows.take(30, seed=1)
    assert len(set(drawn)) == 30
    np.testing.assert_array_equal(drawn, rows.take(30, seed=1))
    assert list(drawn) != list(rows.take(30, seed=2))
    np.testing.assert_array_equal(rows.take(1000, seed=1), np.arange(len(X)))


def test_what_is_no_fitted_model_is_refused(mixed):
    model, X, y = mixed
    with pytest.raises(TypeError, match=r"need a fitted GPRegressor .* got GPRegressor"):
        predictor_of(type(model)())
    with pytest.raises(TypeError, match="got str"):
        predictor_of("model.gpkit")
    with pytest.raises(ValueError, match="one number for each of the 40 rows"):
        InputRows.of(model.predictor_, X, y[:3])
    with pytest.raises(ValueError, match="no row of X and y is complete"):
        InputRows.of(model.predictor_, X, np.full(len(y), np.nan))


def test_several_targets_are_refused(mixed):
    model, _, y = mixed
    scaler = type(model.predictor_.scaler).fit(np.stack([y, y], axis=1))
    twofold = type(model.predictor_)(model.predictor_.encoder, scaler, None, 2)
    with pytest.raises(ValueError, match="one target"):
        predictor_of(twofold)
