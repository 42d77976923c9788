"""Cells of text: which are numbers, dates, labels or missing, and which are refused."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data.cells import Cells, sniff_decimal, type_cells


def typed(values, want="auto", **marks):
    return type_cells(Cells("c", values, np.arange(2, 2 + len(values)), **marks), want)


@pytest.mark.parametrize(
    ("values", "marks", "expected"),
    [
        (["1", " 2 ", "-3"], {}, [1, 2, -3]),
        (["1.5", ".5", "2.", "1e3", "+4E-1"], {}, [1.5, 0.5, 2.0, 1000.0, 0.4]),
        (["\u22121.5", "2"], {}, [-1.5, 2.0]),
        (["1,200", "3", "1,234,567"], {}, [1200, 3, 1234567]),
        (["1,200.5", "3.25"], {"decimal": "."}, [1200.5, 3.25]),
        (["1 200", "3"], {}, [1200, 3]),
        (["1\u202f200,5", "3"], {"decimal": ","}, [1200.5, 3.0]),
        (["1'200", "3"], {}, [1200, 3]),
        (["1,5", "2"], {"decimal": ",", "separator": ";"}, [1.5, 2.0]),
        (["1.200", "2"], {"decimal": ",", "separator": ";"}, [1200, 2]),
        (["1.200", "2"], {"decimal": "."}, [1.2, 2.0]),
        (["1,200", "2"], {"decimal": ",", "separator": ";"}, [1.2, 2.0]),
        (["0,123", "0,200"], {"separator": ";"}, [0.123, 0.2]),
        # A column with the other decimal mark than the rest of the file.
        (["1.25", "2.5"], {"decimal": ","}, [1.25, 2.5]),
        (["$1,200", "$ 3"], {}, [1200, 3]),
        (["12%", "5 %"], {}, [12, 5]),
        (["inf", "1"], {}, [np.inf, 1.0]),
        (["2000", "1990"], {}, [2000, 1990]),
        (["0", "10"], {}, [0, 10]),
        (["0.5", "00.25"], {}, [0.5, 0.25]),
    ],
)
def test_numbers(values, marks, expected):
    series = typed(values, **marks).series
    assert series.tolist() == expected
    assert series.dtype == (np.int64 if all(isinstance(x, int) for x in expected) else np.float64)


def test_what_means_missing_in_numbers_is_missing_and_told():
    values = ["1", "", "?", "NA", "None", "-", "n/a", "#DIV/0!", "nan", "2.5"]
    series, remark = typed(values)
    assert series.isna().tolist() == [False] + [True] * 8 + [False]
    assert remark == "8 missing (?, NA, None, -, n/a, #DIV/0!, nan)"


def test_among_labels_a_dash_means_something():
    series, remark = typed(["+", "-", "?", "None", "+"])
    assert series.dropna().tolist() == ["+", "-", "+"]
    assert remark == "2 missing (?, None)"


def test_leading_zeros_make_labels_and_are_told():
    series, remark = typed(["00123", "10115", ""])
    assert series.dropna().tolist() == ["00123", "10115"]
    assert remark == "leading zeros (00123): labels, not numbers"
    assert typed(["00123", "10115"], "code").series.tolist() == ["00123", "10115"]
    # A model that was trained on numbers takes them as numbers.
    assert typed(["007", "8"], "number").series.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("values", "remark"),
    [(["$5", "$6"], "'$' cut off"), (["1,200", "1"], "1,200 read as 1200"),
     (["20200131", "20200201"], "yyyymmdd read as dates"), (["?", ""], "no values"),
     (["1", "2"], "")],
)  # fmt: skip
def test_what_was_done_is_told(values, remark):
    assert typed(values).remark == remark


def test_true_and_false():
    assert typed(["True", "FALSE"]).series.tolist() == [True, False]
    gaps = typed(["true", "NA", "false"]).series
    assert gaps.dropna().tolist() == [True, False]
    assert pd.api.types.infer_dtype(gaps, skipna=True) == "boolean"


def test_numbers_that_are_codes_stay_numbers_and_other_codes_labels():
    assert typed(["1", "2"], "code").series.tolist() == [1, 2]
    assert typed(["1", "2a"], "code").series.tolist() == ["1", "2a"]
    assert typed(["20200131", "20200201"], "code").series.dtype == np.int64
    assert typed(["1", "2"], "label").series.tolist() == ["1", "2"]


def test_more_digits_than_a_float_holds_are_no_integers():
    assert typed(["12345678901234567890", "1"]).series.dtype == np.float64


def test_a_category_on_demand_has_none_as_a_level():
    cells = ["None", "one", "", "NA", "one"]
    for want in ("code", "text"):
        series, remark = typed(cells, want)
        assert series.dropna().tolist() == ["None", "one", "NA", "one"]
        assert remark == "1 missing"
    assert typed(cells, "label").series.dropna().tolist() == ["one", "one"]
    assert typed(["1", "NA", "2"], "code").series.dropna().tolist() == [1, 2]


def test_numbers_with_a_point_are_no_dates():
    assert typed(["20200131.0", "20200201.0"]).series.tolist() == [20200131.0, 20200201.0]


def test_numbers_among_much_text_are_labels():
    assert typed(["A", "B", "3", "C"]).series.tolist() == ["A", "B", "3", "C"]


def test_dates_with_gaps():
    series, remark = typed(["2020-01-31", "-", "?", "2020-02-01"])
    assert series.notna().tolist() == [True, False, False, True]
    assert series.dtype.kind == "M"
    assert remark == "2 missing (-, ?)"


@pytest.mark.parametrize(
    ("values", "want", "marks", "message"),
    [
        (["1", "2", "x", "4"], "auto", {},
         "column 'c', line 4: 'x' is no number, but 3 of 4 cells are; correct it.*--categorical"),
        (["1.5", "1,5", "2.5"], "auto", {"separator": ";", "decimal": "."}, "line 3: '1,5' is no"),
        (["1_000", "2"], "auto", {}, "line 2: '1_000' is no number"),
        (["$1", "2", "3"], "auto", {}, r"line 2: '\$1' is no number"),
        (["a", "2"], "number", {}, "line 2: 'a' is no number; correct it"),
        (["1,200", "3"], "auto", {"separator": ";"},
         r"'1,200' may be 1200 or 1\.200: give the decimal mark \(--decimal"),
        (["1.200", "3"], "auto", {"separator": ";"}, r"'1\.200' may be 1200 or 1\.200"),
        (["2020-01-31", "2020-02-30"], "auto", {},
         "line 3: '2020-02-30' is no date written like the others"),
        (["03/04/2020", "04/03/2020"], "auto", {}, "column 'c': .*day or the month first"),
        (["soon", "later"], "date", {}, "line 2: 'soon' is no date, as in training"),
        (["1", "2"], "date", {}, "line 2: '1' is no date"),
    ],
)  # fmt: skip
def test_cells_that_do_not_fit_are_named(values, want, marks, message):
    with pytest.raises(ValueError, match=message):
        typed(values, want, **marks)


@pytest.mark.parametrize(
    ("columns", "mark"),
    [
        ([["1,5", "2"]], ","),
        ([["1.5"], ["1,200"]], "."),
        ([["1.200", "1,5"]], ","),
        ([["1,200"]], None),
        ([["1.200"]], None),
        ([["1,200.5"]], "."),
        ([["1.200,5"]], ","),
        ([["a,b", "x.y", "1"]], None),
        ([["0,123"]], ","),
        ([["1.5", "1.25", "2,5"]], "."),
    ],
)
def test_the_decimal_mark_is_read_off_the_numbers(columns, mark):
    assert sniff_decimal(columns) == mark
