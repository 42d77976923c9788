"""Files: what is read, and the words for what is not."""

import gzip
import sys

import pandas as pd
import pytest

from gpkit.data import read_table

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


def test_a_separator_at_the_end_of_lines_shifts_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,\n3,4,\n")
    assert read_table(path).to_dict("list") == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", ValueError, "more cells than its header"),
        ("t.csv", b"a,b\n1,2\n4,5,6\n", ValueError, "line 3, saw 3"),
        ("t.csv", b"a;b\n1,5;2\n", ValueError, "pass sep=';'"),
        ("t.csv", b"a\tb\n1\t2\n", ValueError, "single column"),
        ("t.csv", b"", ValueError, "can't be read as CSV"),
        ("t.csv", b"a,b\n", ValueError, "header but no rows"),
        ("t.csv", b"\xff\xfea,b\n1,2\n", ValueError, "not text in UTF-8"),
        ("t.csv.gz", b"a,b\n1,2\n", ValueError, "can't be read as CSV"),
        ("t.csv.gz", CUT_SHORT, ValueError, "can't be read as CSV"),
        ("t.parquet", b"no", ValueError, "can't be read as Parquet"),
        ("t.xls", b"", ValueError, "none of the suffixes .csv"),
        ("absent.csv", None, FileNotFoundError, "there is no file"),
    ],
)
def test_bad_files_are_refused_with_the_reason(tmp_path, name, content, error, message):
    if name.startswith("t.parquet"):
        pytest.importorskip("pyarrow")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read_table(tmp_path / name)
