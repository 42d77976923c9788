"""New rows for a model: what fits, what does not, and where."""

import numpy as np
import pandas as pd
import pytest

from gpkit.commands.new_rows import check_columns, predictable, wanted
from gpkit.data import Encoder, open_table


def test_rows_with_gaps_or_unseen_levels_cannot_be_predicted():
    train = pd.DataFrame({"x": [1.0, 2.0, 3.0], "k": ["u", "v", "u"]})
    schema = Encoder.fit(train).schema
    new = pd.DataFrame({"k": ["u", "w", None, "v"], "x": [1.0, None, 1.0, 9.0]})
    usable, reasons = predictable(schema, new, "line {}".format)
    np.testing.assert_array_equal(usable, [True, False, False, True])
    assert reasons == [
        "1 have no value in 'x' (first: line 1)",
        "1 have no value in 'k' (first: line 2)",
        "1 have an unseen level in 'k' (first: 'w', line 1)",
    ]


def test_levels_that_are_numbers_are_known_again_beside_gaps():
    schema = Encoder.fit(pd.DataFrame({"k": pd.Categorical([3, 1, 2])})).schema
    usable, _ = predictable(schema, pd.DataFrame({"k": [1.0, None, 4.0, 3.0]}))
    np.testing.assert_array_equal(usable, [True, False, False, True])


def test_a_missing_column_is_named_with_what_may_be_meant():
    schema = Encoder.fit(pd.DataFrame({"width": [1.0, 2.0]})).schema
    with pytest.raises(ValueError, match=r"lacks 'width'.*is it 'widht'"):
        predictable(schema, pd.DataFrame({"widht": [1.0]}))
    with pytest.raises(ValueError, match=r"lacks 'width'.*it has: q"):
        check_columns(("width",), ["q"])


def test_cells_are_read_as_in_training(tmp_path):
    train = pd.DataFrame(
        {
            "zip": ["01", "02", "10"],
            "zone": pd.Categorical([1, 2, 3]),
            "yes": [True, False, True],
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]),
            "x": [1.0, 2.0, 3.5],
        }
    )
    schema = Encoder.fit(train).schema
    # No zip with a leading zero, dates as whole numbers, all x whole, other order.
    (tmp_path / "t.csv").write_text(
        "x,day,zone,yes,zip\n7,20200102,2,true,10\n8,20200103,1,false,10\n"
    )
    source = open_table(tmp_path / "t.csv")
    frame = source.typed(schema.kept, wanted(schema.columns)).frame
    assert schema.code(frame).tolist() == [[2, 1, 1, 18263, 7], [2, 0, 0, 18264, 8]]
    (tmp_path / "t.csv").write_text(
        "x,day,zone,yes,zip\n1,2020-01-02,2,true,10\nmany,2020-01-03,1,false,10\n"
    )
    with pytest.raises(ValueError, match="column 'x', line 3: 'many' is no number"):
        open_table(tmp_path / "t.csv").typed(schema.kept, wanted(schema.columns))


def test_levels_that_look_missing_are_known_again(tmp_path):
    schema = Encoder.fit(pd.DataFrame({"garage": ["None", "one", "two"]})).schema
    (tmp_path / "t.csv").write_text("garage,x\nNone,1\n,2\nNA,3\n")
    source = open_table(tmp_path / "t.csv")
    frame = source.typed(schema.kept, wanted(schema.columns)).frame
    usable, reasons = predictable(schema, frame, source.place)
    np.testing.assert_array_equal(usable, [True, False, False])
    assert reasons == [
        "1 have no value in 'garage' (first: line 3)",
        "1 have an unseen level in 'garage' (first: 'NA', line 4)",
    ]
