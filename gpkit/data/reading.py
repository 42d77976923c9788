"""Tables from files: delimited text (also gzipped) and Parquet, and nothing silent."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import pandas as pd

from gpkit.data.cells import Cells, Typed, Want, sniff_decimal, type_cells
from gpkit.data.checking import check_names
from gpkit.data.dates import AmbiguousDates, parse_dates, whole_dates
from gpkit.data.delimited import Delimited, near_miss, read_delimited

_TEXT = tuple(f".{kind}{packed}" for kind in ("csv", "tsv", "txt") for packed in ("", ".gz"))
_PARQUET = (".parquet", ".pq")


class TypedTable(NamedTuple):
    """Columns of a file with their types, and what was done to the cells of some."""

    frame: pd.DataFrame
    remarks: dict[str, str]


class AbstractSource(abc.ABC):
    """A file that was opened: the names of its columns, and what is remarkable about it.

    Columns get their types when they are asked for, so that what is left out can't be wrong.
    """

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""

    @property
    @abc.abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What is remarkable about the file."""

    @abc.abstractmethod
    def typed(self, columns: Sequence[str], wanted: Mapping[str, Want] | None = None) -> TypedTable:
        """Some columns, in this order; `wanted` says what a column must be.

        Raises:
            ValueError: if a column is not there or a cell is not what its column is.
        """

    @abc.abstractmethod
    def place(self, row: int) -> str:
        """Where a row stands in the file, in words."""


@final
@dataclass(frozen=True, eq=False)
class TextSource(AbstractSource):
    """Delimited text; `decimal` is the decimal mark, None where nothing tells it."""

    text: Delimited
    decimal: str | None

    @property
    def names(self) -> tuple[str, ...]:
        return self.text.names

    @property
    def notes(self) -> tuple[str, ...]:
        comma = ("numbers have a decimal comma",) if self.decimal == "," else ()
        return self.text.notes + comma

    def typed(self, columns: Sequence[str], wanted: Mapping[str, Want] | None = None) -> TypedTable:
        found: dict[str, Typed] = {}
        for name in check_names(columns, self.names, "columns"):
            values = self.text.columns[self.names.index(name)]
            cells = Cells(name, values, self.text.lines, self.decimal, self.text.separator)
            found[name] = type_cells(cells, (wanted or {}).get(name, "auto"))
        return _together(found)

    def place(self, row: int) -> str:
        return f"line {self.text.lines[row]}"


@final
@dataclass(frozen=True, eq=False)
class ParquetSource(AbstractSource):
    """A Parquet file: types are those of the file; dates may be text or numbers yyyymmdd."""

    frame: pd.DataFrame

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def typed(self, columns: Sequence[str], wanted: Mapping[str, Want] | None = None) -> TypedTable:
        found = {}
        for name in check_names(columns, self.names, "columns"):
            found[name] = _parquet_column(self.frame[name], (wanted or {}).get(name, "auto"))
        return _together(found)

    def place(self, row: int) -> str:
        return f"row {row}, counted from 0"


def open_table(
    path: str | Path, *, sep: str | None = None, decimal: str | None = None
) -> AbstractSource:
    """A ``.csv``, ``.tsv`` or ``.txt`` file (each also ``.gz``), or ``.parquet``, ``.pq``.

    `sep` and `decimal` are the separator and the decimal mark of text, found out where they are
    not given. The first line holds the column names. No column becomes an index.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the suffix is another one, `sep` or `decimal` is no mark, or the file is
            empty, not what its suffix says, or has rows longer than its header.
        ImportError: for Parquet without pyarrow, which the extra `parquet` installs.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; name a file in it")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}{near_miss(path)}")
    if path.name.lower().endswith(_TEXT):
        return _open_text(path, sep, decimal)
    if path.name.lower().endswith(_PARQUET):
        return _open_parquet(path)
    raise ValueError(
        f"{path.name!r} has none of the suffixes {', '.join(_TEXT + _PARQUET)}; save it as one"
    )


def read_table(
    path: str | Path, *, sep: str | None = None, decimal: str | None = None
) -> pd.DataFrame:
    """All columns of a file with their types: numbers, booleans, dates, text.

    As `open_table`, which also tells what was remarkable. Numbers may have thousands separators,
    "?", "NA" and "None" are missing, whole numbers with leading zeros are text, and dates,
    also yyyymmdd, are dates.

    Raises:
        FileNotFoundError, ImportError: as `open_table`.
        ValueError: as `open_table`; also if a column mixes numbers and text.
    """
    source = open_table(path, sep=sep, decimal=decimal)
    return source.typed(source.names).frame


def _together(found: Mapping[str, Typed]) -> TypedTable:
    frame = pd.DataFrame({name: typed.series for name, typed in found.items()})
    return TypedTable(frame, {name: typed.remark for name, typed in found.items() if typed.remark})


def _open_text(path: Path, sep: str | None, decimal: str | None) -> TextSource:
    if decimal not in (None, ".", ","):
        raise ValueError(f"decimal must be '.' or ',', got {decimal!r}")
    text = read_delimited(path, sep=sep)
    return TextSource(text, decimal or sniff_decimal(text.columns))


def _open_parquet(path: Path) -> ParquetSource:
    try:
        import pyarrow
    except ImportError:
        raise ImportError(
            "Parquet files need pyarrow: python -m pip install 'gpkit-select[parquet]'"
        ) from None
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path.name!r} can't be read as Parquet: {error}") from None
    # pandas hides a column that it wrote as an index.
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1).reset_index(drop=True)
    if frame.empty:
        raise ValueError(f"{path.name!r} has no rows or no columns")
    return ParquetSource(frame)


def _parquet_column(series: Any, want: Want) -> Typed:
    types = pd.api.types
    if want in ("auto", "date") and types.is_integer_dtype(series.dtype):
        dates = whole_dates(series.to_numpy(np.float64, na_value=np.nan))
        if dates is not None:
            return Typed(dates, "yyyymmdd read as dates")
    if want in ("auto", "date") and types.is_string_dtype(series.dtype) and series.notna().any():
        return _dates_as_text(series)
    return Typed(series)


def _dates_as_text(series: pd.Series) -> Typed:
    """Text whose every cell is a date as dates; other text as it is."""
    present = series.notna()
    try:
        dates = parse_dates([str(cell) for cell in series[present]])
    except AmbiguousDates as error:
        raise ValueError(f"column {series.name!r}: {error}") from None
    if dates is None or dates.isna().any():
        return Typed(series)
    whole = pd.Series(pd.NaT, index=series.index, dtype=dates.dtype)
    whole[present] = dates.to_numpy()
    return Typed(whole, "text read as dates")
