"""Encoded inputs: unit columns, dummies, the column map, extremes, and the written record."""

import json

import numpy as np
import pandas as pd
import pytest

from gpkit.data import Dataset, Encoder

FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.5, -3.0, 2.0],
        "town": ["b", "a", "b", "c"],
        "new": [True, False, False, False],
        "age": [10, 20, 30, 50],
    }
)


def test_numbers_and_booleans_are_standardised_and_levels_are_dummies():
    encoder = Encoder.fit(FRAME)
    Z = encoder.encode(FRAME)
    assert encoder.encoded_names == ("size", "town=a", "town=b", "town=c", "new", "age")
    assert Z.shape == (4, 6)
    assert Z.dtype == np.float64
    for j, name in ((0, "size"), (4, "new"), (5, "age")):
        column = FRAME[name].to_numpy(float)
        np.testing.assert_allclose(Z[:, j], (column - column.mean()) / column.std(), rtol=1e-15)
    np.testing.assert_array_equal(Z[:, 1:4], [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_the_column_map_tells_where_each_column_went():
    encoder = Encoder.fit(FRAME)
    names, index, scale, offset = encoder.columns
    assert names == ("size", "town", "new", "age")
    assert index == ((0,), (1, 2, 3), (4,), (5,))
    assert (scale[1], offset[1]) == (1.0, 0.0)
    Z = encoder.encode(FRAME)
    for j in (0, 2, 3):
        back = offset[j] + scale[j] * Z[:, index[j][0]]
        np.testing.assert_allclose(back, FRAME[names[j]].to_numpy(float), rtol=1e-14)


def test_training_statistics_serve_new_rows():
    data = Dataset.from_frame(FRAME.assign(y=[1.0, 2.0, 3.0, 4.0]), "y")
    train, test = data.take([0, 1, 3]), data.take([2])
    encoder = Encoder.fit(train)
    assert encoder.columns.offset[3] == pytest.approx(80 / 3, rel=1e-15)
    np.testing.assert_array_equal(encoder.encode(test), encoder.encode(FRAME.iloc[[2]]))
    # A level that only the test rows have keeps its own dummy.
    few = Encoder.fit(data.take([0, 2]))
    np.testing.assert_array_equal(few.encode(data.take([3]))[:, 1:4], [[0, 0, 1]])


def test_without_standardisation_numbers_stay():
    encoder = Encoder.fit(FRAME, standardize=False)
    np.testing.assert_array_equal(encoder.encode(FRAME)[:, [0, 5]], FRAME[["size", "age"]])
    assert encoder.columns.scale == (1.0,) * 4
    assert encoder.columns.offset == (0.0,) * 4


def test_a_column_constant_in_training_rows_is_noted():
    data = Dataset.from_frame(FRAME.assign(y=[1.0, 2.0, 3.0, 4.0]), "y")
    encoder = Encoder.fit(data.take([1, 2]))
    assert encoder.notes == ("column 'new' is constant in these rows: its scale is 1",)
    np.testing.assert_array_equal(encoder.encode(data)[:, 4], [1.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("factor", [1e-200, 1e200, 1e300])
def test_scales_of_any_size_give_the_same_coordinates(factor):
    base = np.array([[1.0, 1e12], [2.5, 1e12 + 1], [-3.0, 1e12 + 5]])
    expected = Encoder.fit(base - [0.0, 1e12]).encode(base - [0.0, 1e12])
    scaled = base * [factor, 1.0]
    np.testing.assert_allclose(Encoder.fit(scaled).encode(scaled), expected, rtol=1e-12)


def test_missing_rows_are_dropped_where_asked_and_told():
    encoder = Encoder.fit(FRAME)
    holed = FRAME.copy()
    holed.loc[1, "town"] = None
    holed.loc[3, "size"] = np.nan
    np.testing.assert_array_equal(encoder.complete(holed), [True, False, True, False])
    np.testing.assert_array_equal(
        encoder.encode(holed, missing="drop"), encoder.encode(FRAME.iloc[[0, 2]])
    )
    with pytest.raises(ValueError, match="NaN: column 'town', row 1"):
        encoder.encode(holed)


def test_far_values_are_refused_not_infinite():
    encoder = Encoder.fit(np.array([[0.0], [1e-100]]))
    assert np.isfinite(encoder.encode([[1e200]])).all()
    with pytest.raises(ValueError, match=r"units of the training spread contains infinity.*'x0'"):
        encoder.encode([[1e300]])


def test_other_data_sets_are_refused():
    one = Dataset.from_frame(FRAME.assign(y=[1.0, 2.0, 3.0, 4.0]), "y")
    other = Dataset.from_frame(FRAME.assign(y=1.0, town=list("zzab")), "y")
    with pytest.raises(ValueError, match="other columns or levels"):
        Encoder.fit(one).encode(other)
    with pytest.raises(ValueError, match="unseen level 'z'"):
        Encoder.fit(one).encode(FRAME.assign(town="z"))


def test_a_fit_refuses_missing_entries():
    with pytest.raises(ValueError, match="NaN: column 'size', row 0"):
        Encoder.fit(FRAME.assign(size=[np.nan, 1, 2, 3]))


def test_the_record_is_plain_and_makes_an_equal_encoder():
    frame = FRAME.assign(zip=pd.Categorical([3, 1, 3, 2]), same=4.0, y=[1.0, 2.0, 3.0, 4.0])
    encoder = Encoder.fit(Dataset.from_frame(frame, "y"))
    again = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    np.testing.assert_array_equal(again.encode(frame), encoder.encode(frame))
