"""Kinds of columns by their dtype, and of object columns by what they hold."""

import datetime
import decimal

import pandas as pd
import pytest

from gpkit.data.kinds import Kind, kind_of, text_names


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([1, 2]), Kind.NUMERIC),
        (pd.Series([1.0, None]), Kind.NUMERIC),
        (pd.Series([1, None], dtype="Int64"), Kind.NUMERIC),
        (pd.Series([1.0, 2.0], dtype="float32"), Kind.NUMERIC),
        (pd.Series([1, 2.5, None], dtype=object), Kind.NUMERIC),
        (pd.Series([decimal.Decimal("1.5"), None]), Kind.NUMERIC),
        (pd.Series([None, None], dtype=object), Kind.NUMERIC),
        (pd.Series([True, False]), Kind.BOOLEAN),
        (pd.Series([True, None], dtype="boolean"), Kind.BOOLEAN),
        (pd.Series([True, None], dtype=object), Kind.BOOLEAN),
        (pd.Series(["a", "b"]), Kind.CATEGORY),
        (pd.Series(["a", None], dtype="string"), Kind.CATEGORY),
        (pd.Series(["a", None], dtype=object), Kind.CATEGORY),
        (pd.Series(["a", "b"], dtype="category"), Kind.CATEGORY),
        (pd.Series([1, 2], dtype="category"), Kind.CATEGORY),
        (pd.Series([True, False], dtype="category"), Kind.CATEGORY),
        (pd.Series(pd.to_datetime(["2020-01-01"])), Kind.DATE),
        (pd.Series([datetime.datetime(2020, 1, 1), None], dtype=object), Kind.DATE),
        (pd.Series([datetime.date(2020, 1, 1), None], dtype=object), Kind.DATE),
    ],
)
def test_kind_of(values, kind):
    assert kind_of(values) is kind


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1, None, "x", 2], "'a' mixes numbers and text: row 2 .*holds 'x'; correct it"),
        (["x", 2.5], "row 0 .*holds 'x'"),
        ([1, "x", {}], "'a' holds objects"),
        (["x", {}], "'a' holds objects"),
        ([{}, {}], "'a' holds objects"),
    ],
)
def test_mixtures_are_refused_with_the_cell(cells, message):
    with pytest.raises(TypeError, match=message):
        kind_of(pd.Series(cells, dtype=object, name="a"))


def test_names_are_text_and_different():
    assert list(text_names(pd.DataFrame([[1, 2]], columns=[3, "b"])).columns) == ["3", "b"]
    with pytest.raises(ValueError, match="'3' is used more than once"):
        text_names(pd.DataFrame([[1, 2]], columns=[3, "3"]))
