"""Delimited text as people save it: encoding, separator, header, and rows of cells."""

import csv
import difflib
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

# In order of preference: where a rarer mark divides every line alike, it is the separator.
_SEPARATORS = ("\t", ";", "|", ",", " ")
_SPELLED = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}
_SAMPLE = 200
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class Delimited(NamedTuple):
    """A text file cut into cells: one tuple of text per column, the line each row begins on.

    `notes` tell what was found out about the file and is not plain CSV in UTF-8.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    lines: Int[np.ndarray, " n"]
    separator: str
    notes: tuple[str, ...]


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read_delimited(path: Path, *, sep: str | None = None) -> Delimited:
    """The cells of a text file, also gzipped, whose first line names the columns.

    The encoding is UTF-8, UTF-16 or else Windows-1252. Without `sep` the separator is the one of
    tab, ``;``, ``|``, comma and blank that divides all lines alike. Blank lines and Excel's line
    ``sep=;`` are passed over; cells missing at the end of a row are empty.

    Raises:
        ValueError: if the file is no text, has no header or no rows, if a row has more cells
            than the header, or if a column has no name of its own; with line and remedy.
    """
    text, notes = _decode(_bytes(path), path.name)
    lines = text.splitlines(keepends=True)
    skipped = 0
    excel = re.fullmatch(r"sep=(.)\s*", lines[0]) if lines else None
    if excel:
        lines, skipped = lines[1:], 1
    separator = _separator(sep) or (excel[1] if excel else _sniff(lines))
    rows = [_Row(line + skipped, cells) for line, cells in _records(lines, separator, path.name)]
    if not rows:
        raise ValueError(f"{path.name!r} can't be read as CSV: it is empty")
    header, *body = rows
    if not body:
        raise ValueError(f"{path.name!r} has a header but no rows")
    if sep is None and separator != ",":
        notes.append(f"columns are separated by {_shown(separator)}")
    names, cells, more = _rectangle(header, body, separator, path.name)
    names, columns = _named(names, cells, path.name)
    at = np.array([row.line for row in body])
    return Delimited(names, columns, at, separator, (*notes, *more))


def near_miss(path: Path) -> str:
    """A hint at the file that was meant, or nothing."""
    try:
        there = [p.name for p in islice(path.parent.iterdir(), 1000)]
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, there, n=1)
    return f"; did you mean {str(path.with_name(close[0]))!r}?" if close else ""


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path.name!r} can't be read as CSV: {error}") from None


def _decode(raw: bytes, name: str) -> tuple[str, list[str]]:
    if raw.startswith(_SPREADSHEETS):
        raise ValueError(f"{name!r} is a spreadsheet or an archive, not text; save it as CSV")
    encoding, notes = _encoding(raw[:4096]), []
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise ValueError(f"{name!r} is not text in {encoding}; save it in UTF-8") from None
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            line = raw[: error.start].count(b"\n") + 1
            raise ValueError(
                f"{name!r} is not text in UTF-8 or Windows-1252 (line {line}); save it in UTF-8"
            ) from None
        notes.append("text is not in UTF-8 and was read as Windows-1252")
    if "\0" in text:
        raise ValueError(f"{name!r} is not text: it holds zero bytes; save it as CSV in UTF-8")
    return text, notes


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # Text in western letters has a zero in every second byte of UTF-16.
    if len(head) > 3 and head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if len(head) > 3 and head[::2].count(0) > len(head) // 4:
        return "utf-16-be"
    return "utf-8-sig"


def _separator(asked: str | None) -> str | None:
    if asked is None:
        return None
    mark = _SPELLED.get(asked.lower(), asked)
    if len(mark) != 1 or mark in "\"'\r\n" or mark.isalnum():
        raise ValueError(
            f"sep must be one mark such as ',' or ';' (or 'tab', 'space'), got {asked!r}"
        )
    return mark


def _sniff(lines: Sequence[str]) -> str:
    """The separator that cuts the first rows most alike; a comma where there is one column."""
    fits = {mark: _fit(lines, mark) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda mark: fits[mark])
    return best if fits[best][0] else ","


def _fit(lines: Sequence[str], separator: str) -> tuple[int, float]:
    """How well a separator cuts: a grade from 0 (not at all) to 3, and the share of usual rows."""
    try:
        counts = [len(row.cells) for row in islice(_split(lines, separator), _SAMPLE)]
    except csv.Error:
        return (0, 0.0)
    header, *body = counts or [1]
    usual, times = Counter(body or [header]).most_common(1)[0]
    if max(header, usual) < 2:
        return (0, 0.0)
    if body and times < len(body):
        return (1, times / len(body))
    # Row numbers that the header does not name, or separators at the ends of lines.
    return (3 if header == usual else 2 if header == usual - 1 else 1, 1.0)


def _split(lines: Sequence[str], separator: str) -> Iterator[_Row]:
    """Rows that are not blank, each with the line it begins on (from 1)."""
    blank = separator == " "
    reader = csv.reader(
        (line.rstrip() + "\n" if blank else line for line in lines),
        delimiter=separator,
        skipinitialspace=True,
        strict=True,
    )
    begin = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _Row(begin, cells)
        begin = reader.line_num + 1


def _records(lines: Sequence[str], separator: str, name: str) -> list[_Row]:
    rows: list[_Row] = []
    try:
        rows.extend(_split(lines, separator))
    except csv.Error as error:
        after = f"after line {rows[-1].line}" if rows else "in line 1"
        raise ValueError(
            f"{name!r} can't be read as CSV {after}: {error}; look for a quote that is not closed"
        ) from None
    return rows


def _rectangle(
    header: _Row, body: Sequence[_Row], separator: str, name: str
) -> tuple[list[str], list[list[str]], list[str]]:
    """Names and rows of one length, and what to say of those that were not."""
    names, notes = [cell.strip() for cell in header.cells], []
    rows = [_trimmed(row.cells, len(names)) for row in body]
    if all(len(cells) == len(names) + 1 for cells in rows):
        _check_row_names(names, rows, name)
        notes.append("the header names one column less than there are: the first numbers the rows")
        names = ["", *names]
    short = [row.line for row, cells in zip(body, rows, strict=True) if len(cells) < len(names)]
    for row, cells in zip(body, rows, strict=True):
        if len(cells) > len(names):
            raise ValueError(
                f"{name!r}, line {row.line}: {len(cells)} cells, but the header (line "
                f"{header.line}) names {len(names)} columns; name every column, and put a number "
                f"or text that contains {_shown(separator)} in quotes"
            )
    if short:
        notes.append(
            f"{len(short)} rows have fewer cells than the header (first: line {short[0]}): the "
            "cells missing at their ends are taken as empty"
        )
    width = len(names)
    return names, [cells + [""] * (width - len(cells)) for cells in rows], notes


def _trimmed(cells: list[str], width: int) -> list[str]:
    """The row without empty cells beyond the header, which separators at line ends leave."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _check_row_names(names: Sequence[str], rows: Sequence[list[str]], file: str) -> None:
    first = [cells[0].strip() for cells in rows]
    if first not in ([str(i) for i in range(k, k + len(first))] for k in (0, 1)):
        raise ValueError(
            f"{file!r} has rows of {len(names) + 1} cells with more cells than its header names "
            f"columns ({len(names)}), and it can't be told which name is missing; the first row "
            f"begins with {first[0]!r}. Name every column in line 1"
        )


def _named(
    names: Sequence[str], rows: Sequence[list[str]], file: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Columns by name: empty ones without a name go, others are called ``Unnamed: 0`` ..."""
    if all(_is_number(name) for name in names):
        raise ValueError(
            f"the first line of {file!r} holds numbers ({', '.join(names[:3])}, ...) and no names; "
            "add a line with the names of the columns at the top"
        )
    kept: dict[str, tuple[str, ...]] = {}
    for position, (name, cells) in enumerate(zip(names, zip(*rows, strict=True), strict=True)):
        if not name and not any(cell.strip() for cell in cells):
            continue
        label = name or f"Unnamed: {position}"
        if label in kept:
            raise ValueError(
                f"column name {label!r} is used more than once in the header of {file!r} (again "
                f"as column {position + 1}); rename one of them"
            )
        kept[label] = cells
    return tuple(kept), tuple(kept.values())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(separator: str) -> str:
    return {"\t": "tabs", " ": "blanks", ",": "a comma"}.get(separator, repr(separator))
