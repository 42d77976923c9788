"""Files: what is read, and the words for what is not."""

import gzip
import sys

import pandas as pd
import pytest

from gpkit.data import open_table, read_table

FRAME = pd.DataFrame({"a": [1.5, 2.5], "town": ["x", "y"], "new": [True, False]})


CUT_SHORT = gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-20]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".CSV"])
def test_csv_comes_back_as_written(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    FRAME.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path), FRAME)
    pd.testing.assert_frame_equal(read_table(str(path)), FRAME)


def test_parquet_comes_back_as_written(tmp_path):
    pytest.importorskip("pyarrow")
    FRAME.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), FRAME)


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"gpkit-select\[parquet\]"):
        read_table(tmp_path / "t.parquet")


def test_separator_and_decimal_mark_are_options(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;2\n")
    frame = read_table(path, sep=";", decimal=",")
    assert frame.to_dict("list") == {"a": [1.5], "b": [2]}


def test_what_the_file_tells_needs_no_option(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;2\n")
    assert read_table(path).to_dict("list") == {"a": [1.5], "b": [2]}
    assert open_table(path).notes == (
        "columns are separated by ';'",
        "numbers have a decimal comma",
    )


def test_columns_get_types_only_when_asked_for(tmp_path):
    (tmp_path / "t.csv").write_text("a,remark\n1,2\n3,4\n5,but see below\n")
    source = open_table(tmp_path / "t.csv")
    assert source.names == ("a", "remark")
    assert source.typed(["a"]).frame.to_dict("list") == {"a": [1, 3, 5]}
    with pytest.raises(ValueError, match="column 'remark', line 4: 'but see below'"):
        source.typed(source.names)
    assert source.place(2) == "line 4"


def test_parquet_knows_its_types_and_dates_may_be_text_or_numbers(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "code": ["01", "02", None],
            "day": ["2020-01-31", None, "2020-02-01"],
            "whole": [20200131, 20200201, 20200202],
            "odd": [20200131, 20201301, 20200202],
            "text": ["2020-01-31", "2020-02-01", "soon"],
        },
        index=pd.Index([7, 8, 9], name="key"),
    )
    frame.to_parquet(tmp_path / "t.parquet")
    source = open_table(tmp_path / "t.parquet")
    found = source.typed(source.names)
    # An index with a name is a column.
    assert list(found.frame.columns) == ["key", "code", "day", "whole", "odd", "text"]
    assert [str(found.frame[name].dtype)[:8] for name in ("day", "whole", "odd")] == [
        "datetime", "datetime", "int64",
    ]  # fmt: skip
    assert found.frame["code"].tolist()[:2] == ["01", "02"]
    assert found.frame["text"].tolist()[2] == "soon"
    assert set(found.remarks) == {"day", "whole"}
    assert source.place(2) == "row 2, counted from 0"


def test_a_file_that_is_nearly_there_is_suggested(tmp_path):
    (tmp_path / "houses.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FileNotFoundError, match=r"did you mean '.*houses\.csv'\?"):
        read_table(tmp_path / "house.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match="decimal must be"):
        read_table(tmp_path / "houses.csv", decimal=";")


def test_a_separator_at_the_end_of_lines_shifts_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,\n3,4,\n")
    assert read_table(path).to_dict("list") == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", ValueError, "more cells than its header"),
        ("t.csv", b"a,b\n1,2\n4,5,6\n", ValueError,
         "line 3: 3 cells, but the header .line 1. names 2"),
        ("t.csv", b"a,b\n1,2\nx,5\n3,4\n", ValueError,
         "column 'a', line 3: 'x' is no number, but 2 of 3 cells are"),
        ("t.csv", b"", ValueError, "can't be read as CSV"),
        ("t.csv", b"a,b\n", ValueError, "header but no rows"),
        ("t.csv", b"a,b\n\x81,2\n", ValueError, r"not text in UTF-8 or Windows-1252 .line 2."),
        ("t.csv", b"\xff\xfea,b\n1,2\n\n", ValueError, "not text in utf-16"),
        ("t.csv", b"PK\x03\x04 an xlsx", ValueError, "is a spreadsheet or an archive"),
        ("t.csv.gz", b"a,b\n1,2\n", ValueError, "can't be read as CSV"),
        ("t.csv.gz", CUT_SHORT, ValueError, "can't be read as CSV"),
        ("t.parquet", b"no", ValueError, "can't be read as Parquet"),
        ("t.xls", b"", ValueError, "none of the suffixes .csv"),
        ("absent.csv", None, FileNotFoundError, "there is no file"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_the_reason(tmp_path, name, content, error, message):
    if name.startswith("t.parquet"):
        pytest.importorskip("pyarrow")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read_table(tmp_path / name)
