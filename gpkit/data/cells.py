"""Columns of text as what they hold: numbers, true and false, dates, or labels."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import compress, islice
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int

from gpkit.data.dates import AmbiguousDates, parse_dates, whole_dates

Want = Literal["auto", "number", "date", "label", "text", "code"]
"""What a column must be: found out; numbers; dates; text; text of which only empty cells are
missing, so that "None" is a level; numbers or else such text."""

MISSING = frozenset({
    "", "?", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "<NA>", "None", "NULL", "null", "#N/A",
    "#NA", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!",
})  # fmt: skip
# Among labels these may well mean something.
_MISSING_NUMBER = MISSING | {"-", "--", ".", "na", "none"}
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_AFFIX = re.compile(r"(?P<before>[$€£¥]?)\s*(?P<number>[^$€£¥%]*?)\s*(?P<after>[$€£¥%]?)")
_LEADING_ZERO = re.compile(r"0\d+")
_OTHER = {".": ",", ",": "."}
_BOOLEANS = frozenset({"true", "false"})
_SIGNS = frozenset("$€£¥%")
_VOTES = 100


def _patterns(mark: str, thousands: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    digits = rf"(?:\d+(?:\{mark}\d*)?|\{mark}\d+)"
    plain = rf"[+-]?{digits}(?:[eE][+-]?\d+)?"
    groups = rf"[1-9]\d{{0,2}}(?P<mark>[{thousands}])\d{{3}}(?:(?P=mark)\d{{3}})*"
    grouped = rf"[+-]?{groups}(?:\{mark}\d*)?"
    return re.compile(plain), re.compile(grouped)


# Blanks between thousands may be narrow or not breaking; Swiss tables have apostrophes.
_PATTERNS = {".": _patterns(".", ",'’ \u00a0\u202f"), ",": _patterns(",", ".'’ \u00a0\u202f")}


class Typed(NamedTuple):
    """A column of a table, and what was done to its cells (empty where nothing was)."""

    series: pd.Series
    remark: str = ""


class Cells(NamedTuple):
    """A column of text: its name, its cells, the line each stands on, and the file's marks.

    `decimal` is the decimal mark of the file, where something tells it. Tables with `separator`
    semicolon come from places that write decimal commas.
    """

    name: str
    values: Sequence[str]
    lines: Int[np.ndarray, " n"]
    decimal: str | None = None
    separator: str = ","

    def at(self, row: int) -> str:
        """A cell for people: column, line, content."""
        return f"column {self.name!r}, line {self.lines[row]}: {self.values[row]!r}"


def sniff_decimal(columns: Iterable[Sequence[str]]) -> str | None:
    """The decimal mark that most numbers show, or None where no number has a mark.

    A number that may as well have thousands separators (1,200 or 1.200) tells nothing.
    """
    votes = {".": 0, ",": 0}
    for cells in columns:
        for mark in votes:
            telling = (1 for cell in cells if mark in cell and _tells(cell.strip(), mark))
            votes[mark] += sum(islice(telling, _VOTES))
    return max(votes, key=lambda mark: votes[mark]) if any(votes.values()) else None


def _tells(cell: str, mark: str) -> bool:
    plain, grouped = _PATTERNS[mark]
    if cell.count(mark) != 1 or not (plain.fullmatch(cell) or grouped.fullmatch(cell)):
        return False
    return not _PATTERNS[_OTHER[mark]][1].fullmatch(cell)


def type_cells(cells: Cells, want: Want = "auto") -> Typed:
    """The column as numbers, booleans, dates or labels; what means "missing" becomes missing.

    Raises:
        ValueError: if a cell is not what most cells (or `want`) are, if thousands and decimal
            marks or day and month can't be told apart; with column, line and remedy.
    """
    texts = [cell.strip() for cell in cells.values]
    cells = cells._replace(values=texts)
    present = np.array([text not in MISSING for text in texts])
    if want in ("label", "text"):
        return _labels(texts, present if want == "label" else _written(texts))
    if not present.any():
        return Typed(pd.Series(np.full(len(texts), np.nan)), "no values")
    if want == "auto" and all(text.lower() in _BOOLEANS for text in compress(texts, present)):
        return _booleans(texts, present)
    if want == "date":
        return _all_dates(cells, present)
    return _numbers_or_else(cells, present, want)


def _numbers_or_else(cells: Cells, present: np.ndarray, want: Want) -> Typed:
    numbers = _Numbers.read(cells)
    usable = numbers.present & ~numbers.bad
    if want in ("auto", "code") and _leading_zeros(numbers, usable):
        example = next(t for t in numbers.texts if _LEADING_ZERO.fullmatch(t))
        typed = _labels(cells.values, present)
        return typed._replace(remark=f"leading zeros ({example}): labels, not numbers")
    if not numbers.bad.any():
        return _numbers(cells, numbers, want)
    first = int(np.flatnonzero(numbers.bad)[0])
    if want == "number":
        raise ValueError(f"{cells.at(first)} is no number; correct it or leave the cell empty")
    if want == "code":
        return _labels(cells.values, _written(cells.values))
    if 2 * usable.sum() >= numbers.present.sum():
        raise ValueError(
            f"{cells.at(first)} is no number, but {usable.sum()} of {numbers.present.sum()} cells "
            "are; correct it, leave the cell empty, leave the column out (--drop), or name it as "
            "a category (--categorical)"
        )
    found = _dates(cells, present)
    return _labels(cells.values, present) if found is None else found


def _all_dates(cells: Cells, present: np.ndarray) -> Typed:
    numbers = _Numbers.read(cells)
    found = whole_dates(numbers.values) if not numbers.bad.any() else _dates(cells, present)
    if isinstance(found, pd.Series):
        return Typed(found)
    if found is None:
        row = int(np.flatnonzero(present)[0])
        raise ValueError(f"{cells.at(row)} is no date, as in training; write dates as yyyy-mm-dd")
    return found


def _dates(cells: Cells, present: np.ndarray) -> Typed | None:
    present = np.array([text not in _MISSING_NUMBER for text in cells.values])
    rows = np.flatnonzero(present)
    try:
        dates = parse_dates([cells.values[int(i)] for i in rows])
    except AmbiguousDates as error:
        raise ValueError(f"column {cells.name!r}: {error}") from None
    if dates is None:
        return None
    if dates.isna().any():
        first = int(rows[np.flatnonzero(dates.isna())[0]])
        raise ValueError(
            f"{cells.at(first)} is no date written like the others; correct it, leave the cell "
            "empty, or leave the column out (--drop)"
        )
    whole = pd.Series(pd.NaT, index=range(len(present)), dtype=dates.dtype)
    whole[rows] = dates.to_numpy()
    return Typed(whole, _gaps(cells.values, present))


class _Numbers(NamedTuple):
    """Cells read as numbers: values (NaN where there is none), which are present, which bad."""

    values: np.ndarray
    texts: list[str]
    present: np.ndarray
    bad: np.ndarray
    whole: bool
    remarks: tuple[str, ...]

    @classmethod
    def read(cls, cells: Cells) -> "_Numbers":
        """With the file's decimal mark, or the other one where only that fits every cell."""
        mark = cells.decimal or "."
        found = _read(cells, mark)
        if found.bad.any() and not (other := _read(cells, _OTHER[mark])).bad.any():
            return other._replace(remarks=(f"decimal mark {_OTHER[mark]!r}", *other.remarks))
        return found


def _read(cells: Cells, mark: str) -> _Numbers:
    texts, affix = _without_affix(cells.values)
    present = np.array([text not in _MISSING_NUMBER for text in texts])
    there = list(compress(texts, present))
    plain = _plain(there) if mark == "." else None
    read = np.array([_number(text, mark) for text in there]) if plain is None else plain
    values, bad = np.full(len(texts), np.nan), np.zeros(len(texts), bool)
    values[present], bad[present] = read, np.isnan(read)
    remarks = [f"{affix!r} cut off"] if affix else []
    grouped = _PATTERNS[mark][1].fullmatch
    example = next(filter(grouped, there), None) if plain is None else None
    if example is not None:
        remarks.append(f"{example} read as {_number(example, mark):.15g}")
    written_whole = not any(sign in "".join(there) for sign in (mark, "e", "E"))
    whole = written_whole and bool(np.all(np.isfinite(read)))
    return _Numbers(values, texts, present, bad, whole, tuple(remarks))


def _plain(texts: Sequence[str]) -> np.ndarray | None:
    """Numbers that need no care, all at once; None where some do."""
    try:
        values = np.array(list(map(float, texts)))
    except ValueError:
        return None
    # Python takes 1_000 for a number, and "-nan".
    return None if np.isnan(values).any() or "_" in "".join(texts) else values


def _number(text: str, mark: str) -> float:
    """One cell, NaN where it is no number."""
    plain, grouped = _PATTERNS[mark]
    text = text.replace("\u2212", "-")
    if plain.fullmatch(text):
        return float(text.replace(mark, "."))
    if match := grouped.fullmatch(text):
        return float(text.replace(match["mark"], "").replace(mark, "."))
    return float(text) if _INFINITE.fullmatch(text) else math.nan


def _without_affix(texts: Sequence[str]) -> tuple[list[str], str]:
    """The cells without the sign of a currency or percent that all of them have."""
    if not any(_SIGNS & {text[0], text[-1]} for text in islice(filter(None, texts), 10)):
        return list(texts), ""
    matches = {text: _AFFIX.fullmatch(text) for text in set(texts) - _MISSING_NUMBER}
    affixes = {(m["before"], m["after"]) if m else ("", "") for m in matches.values()}
    affix = "".join(next(iter(affixes))) if len(affixes) == 1 else ""
    if not affix:
        return list(texts), ""
    return [m["number"] if (m := matches.get(text)) else text for text in texts], affix


def _leading_zeros(numbers: _Numbers, usable: np.ndarray) -> bool:
    """Whether some cells have leading zeros and all are whole: labels such as 00123."""
    cells = list(compress(numbers.texts, usable))
    return any(c[0] == "0" and len(c) > 1 for c in cells) and all(map(str.isdigit, cells))


def _numbers(cells: Cells, numbers: _Numbers, want: Want) -> Typed:
    _check_thousands(cells, numbers)
    dates = whole_dates(numbers.values) if want == "auto" and numbers.whole else None
    if dates is not None:
        return Typed(dates, "yyyymmdd read as dates")
    gaps = _gaps(cells.values, numbers.present)
    remark = "; ".join(x for x in (*numbers.remarks, gaps) if x)
    if numbers.whole and numbers.present.all() and np.abs(numbers.values).max() < 2**53:
        return Typed(pd.Series(numbers.values.astype(np.int64)), remark)
    return Typed(pd.Series(numbers.values), remark)


def _check_thousands(cells: Cells, numbers: _Numbers) -> None:
    """Refuse 1,200 (or 1.200) where nothing tells whether its mark is a decimal mark."""
    # In files separated by commas, a comma within a number was put in quotes on purpose.
    marks = {",": "", ";": ",."}.get(cells.separator, ",")
    if cells.decimal is not None:
        return
    texts = list(compress(numbers.texts, numbers.present))
    for mark in marks:
        like_thousands = _PATTERNS[_OTHER[mark]][1]
        for text in texts:
            if text.count(mark) == 1 and like_thousands.fullmatch(text):
                raise ValueError(
                    f"{cells.at(numbers.texts.index(text))} may be {text.replace(mark, '')} or "
                    f"{text.replace(mark, '.')}: give the decimal mark (--decimal . or "
                    "--decimal ,)"
                )


def _booleans(texts: Sequence[str], present: np.ndarray) -> Typed:
    values = [text.lower() == "true" if p else None for text, p in zip(texts, present, strict=True)]
    return Typed(pd.Series(values, dtype=bool if present.all() else object), _gaps(texts, present))


def _labels(texts: Sequence[str], present: np.ndarray) -> Typed:
    values = [text if p else None for text, p in zip(texts, present, strict=True)]
    if not present.any():
        return Typed(pd.Series(values, dtype=object), "no values")
    return Typed(pd.Series(values), _gaps(texts, present))


def _written(texts: Sequence[str]) -> np.ndarray:
    """Which cells are not empty."""
    return np.array([bool(text) for text in texts])


def _gaps(texts: Sequence[str], present: np.ndarray) -> str:
    """How many cells are missing, and as what they are written."""
    gone = list(compress(texts, ~present))
    written = [text for text in dict.fromkeys(gone) if text]
    return (
        "" if not gone else f"{len(gone)} missing" + (f" ({', '.join(written)})" if written else "")
    )
