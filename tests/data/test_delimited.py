"""Text files as people save them: separators, encodings, headers, and rows of other lengths."""

import gzip

import pytest

from gpkit.data.delimited import read_delimited


@pytest.fixture
def cut(tmp_path):
    """A function from the content of a file to its cells."""

    def read(content, *, name="t.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_delimited(path, **options)

    return read


@pytest.mark.parametrize(
    ("content", "separator"),
    [
        ("a,b\n1,2\n3,4\n", ","),
        ("a;b\n1,5;2\n3,4;4\n", ";"),
        # A comma would cut these lines alike too, into other pieces.
        ("price, EUR;size, m\n1,5;2,5\n", ";"),
        ("a\tb\n1,5\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a b  c\n1 2  3\n 4  5 6 \n", " "),
        ("first name,b\nx y,2\n", ","),
        ('a,b\n"x;y",2\n', ","),
        # A semicolon would leave the header one name short.
        ("a,b\nx;y,2\nz;w,3\n", ","),
        ("alone\n1\n2\n", ","),
        ("when,v\n2020-01-01 10:00,1\n", ","),
        # Most rows have two cells: the comma is right, and the odd row can be named.
        ("a,b\n1,2\n1,200,3\n4,5\n6,7\n", None),
    ],
)
def test_the_separator_is_what_divides_all_lines_alike(cut, content, separator):
    if separator is None:
        with pytest.raises(ValueError, match=r"line 3: 3 cells.*contains a comma in quotes"):
            cut(content)
    else:
        found = cut(content)
        assert found.separator == separator
        assert len(found.names) == (3 if separator == " " else 1 if "alone" in content else 2)


@pytest.mark.parametrize("sep", ["\t", "tab", "TAB", "\\t"])
def test_the_separator_can_be_told(cut, sep):
    assert cut("a;x\tb;y\n1\t2\n", sep=sep).names == ("a;x", "b;y")


@pytest.mark.parametrize("sep", [";;", "x", '"', ""])
def test_a_separator_is_one_mark(cut, sep):
    with pytest.raises(ValueError, match="sep must be one mark"):
        cut("a;b\n1;2\n", sep=sep)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings(cut, encoding):
    found = cut("größe,ort\n1,Süd\n".encode(encoding))
    assert found.names == ("größe", "ort")
    assert found.columns == (("1",), ("Süd",))
    assert any("Windows-1252" in note for note in found.notes) == (encoding == "cp1252")


def test_excel_tells_the_separator_in_a_line_of_its_own(cut):
    found = cut("sep=;\r\na;b\r\n1;2\r\n")
    assert (found.names, found.columns) == (("a", "b"), (("1",), ("2",)))
    assert found.lines.tolist() == [3]


def test_lines_are_counted_over_blank_ones_and_cells_of_several_lines(cut):
    found = cut('\na,b\n\n1,"x\ny"\n,\n2,z\n')
    assert found.columns == (("1", "2"), ("x\ny", "z"))
    assert found.lines.tolist() == [4, 7]


def test_gzip(cut):
    assert cut(gzip.compress(b"a\tb\n1\t2\n"), name="t.tsv.gz").names == ("a", "b")


def test_row_numbers_without_a_name_are_the_first_column(cut):
    found = cut('"x" "y"\n"1" 2 3\n"2" 4 5\n')
    assert found.names == ("Unnamed: 0", "x", "y")
    assert found.columns[0] == ("1", "2")
    assert any("names one column less" in note for note in found.notes)
    # pandas writes them under an empty name.
    assert cut(",x\n0,5\n1,6\n").names == ("Unnamed: 0", "x")


def test_columns_without_name_and_content_are_nothing(cut):
    assert cut("a,b,,\n1,2,,\n").names == ("a", "b")
    assert cut("a,b\n1,2,\n3,4,,\n").names == ("a", "b")
    assert cut("a,,b\n1,x,2\n").names == ("a", "Unnamed: 1", "b")


def test_short_rows_are_filled_and_told(cut):
    found = cut("a,b,c\n1,2,3\n4\n5,6\n")
    assert found.columns == (("1", "4", "5"), ("2", "", "6"), ("3", "", ""))
    assert found.notes == (
        "2 rows have fewer cells than the header (first: line 3): the cells missing at their "
        "ends are taken as empty",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\nx,1,2\ny,3,4\n", "it can't be told which name is missing.*begins with 'x'"),
        ("1.5,2\n3,4\n", "first line of 't.csv' holds numbers .1.5, 2"),
        ("a,b,a\n1,2,3\n", "'a' is used more than once.*again as column 3"),
        ('a,b\n1,"2\n3,4\n', "after line 1.*quote that is not closed"),
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("a,b\n", "has a header but no rows"),
        (b"a,b\n1,\x002\n3,\x004\n", "zero bytes"),
    ],
)
def test_what_can_not_be_cut_is_refused(cut, content, message):
    with pytest.raises(ValueError, match=message):
        cut(content)
