"""Columns of a table: their kinds, and the table as one array of numbers with levels coded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike

from gpkit.data.checking import as_matrix, check_names, check_size, refuse_infinity
from gpkit.data.dates import days
from gpkit.data.kinds import Kind, column_of, kind_of, text_names

Level = str | bool | int | float
Table = pd.DataFrame | ArrayLike


@dataclass(frozen=True)
class Column:
    """One input: its name, its position in the source table, its kind, its sorted levels."""

    name: str
    position: int
    kind: Kind
    levels: tuple[Level, ...] = ()


class Dropped(NamedTuple):
    """An input that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Schema:
    """The inputs of a source table: all names in order, the columns kept, those dropped.

    `code` turns a table with these inputs into a float64 array of shape ``(n, d)``, one
    column per kept input: numbers as they are, booleans as 0 and 1, categories as the
    position of their level, dates as days since 1970-01-01, missing entries as NaN.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the columns kept, in order."""
        return tuple(column.name for column in self.columns)

    def without(self, dropped: Sequence[Dropped]) -> "Schema":
        """The schema that leaves out further inputs."""
        gone = {name for name, _ in dropped}
        kept = tuple(column for column in self.columns if column.name not in gone)
        return replace(self, columns=kept, dropped=(*self.dropped, *dropped))

    def code(self, table: Table) -> Float[np.ndarray, "n d"]:
        """The kept inputs of a table as numbers, missing entries as NaN.

        A DataFrame is read by column name: the order is free, other columns are ignored. An
        array is read by position and needs every input of the source table.

        Raises:
            ValueError: if an input is missing, a level was not seen, a cell does not fit the
                kind of its column, or an entry is infinite.
            TypeError: if the table is neither a DataFrame nor an array of numbers.
        """
        if isinstance(table, pd.DataFrame):
            coded = self._code_frame(text_names(table))
        else:
            coded = self._code_array(as_matrix(table))
        refuse_infinity(coded, self.kept, "X")
        return coded

    def _code_frame(self, frame: pd.DataFrame) -> Float[np.ndarray, "n d"]:
        check_size(frame.shape)
        for name in self.kept:
            if name not in frame.columns:
                have = ", ".join(frame.columns)
                raise ValueError(f"column {name!r} is missing from the table, which has: {have}")
        columns = [_CODERS[c.kind](column_of(frame, c.name), c) for c in self.columns]
        return np.stack(columns, axis=1)

    def _code_array(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        if X.shape[1] != len(self.names):
            raise ValueError(
                f"X has {X.shape[1]} features, but {len(self.names)} were expected as input: "
                f"{', '.join(self.names)}"
            )
        for column in self.columns:
            if column.kind is Kind.CATEGORY:
                raise ValueError(
                    f"column {column.name!r} holds categories, which an array of numbers does "
                    "not name; pass a pandas DataFrame"
                )
        return X[:, [column.position for column in self.columns]]


def infer_array(
    X: ArrayLike, names: Sequence[str] | None = None
) -> tuple[Schema, Float[np.ndarray, "n d"]]:
    """Schema and coded table of an array; names default to x0, x1, ...

    Raises:
        ValueError, TypeError: as `checking.as_matrix`, or if `names` do not fit the columns.
    """
    matrix = as_matrix(X)
    kind = Kind.BOOLEAN if np.asarray(X).dtype == bool else Kind.NUMERIC
    labels = [f"x{j}" for j in range(matrix.shape[1])] if names is None else [*map(str, names)]
    if len(labels) != matrix.shape[1] or len(set(labels)) != len(labels):
        raise ValueError(f"names must be {matrix.shape[1]} different names, got {labels}")
    columns = tuple(Column(name, j, kind) for j, name in enumerate(labels))
    refuse_infinity(matrix, labels, "X")
    return Schema(tuple(labels), columns), matrix


def infer_frame(
    frame: pd.DataFrame, categorical: Sequence[str] = ()
) -> tuple[Schema, Float[np.ndarray, "n d"]]:
    """Schema and coded table of a DataFrame, all columns of which are inputs.

    Text and categorical columns are categories, and so are the columns named in
    `categorical`, whatever they hold.

    Raises:
        ValueError: if a name is unknown or used twice, or levels can't be told or sorted.
        TypeError: if a column holds objects or a mixture of text and numbers.
    """
    frame = text_names(frame)
    check_size(frame.shape)
    names = tuple(frame.columns)
    forced = check_names(categorical, names, "categorical")
    columns = []
    for position, name in enumerate(names):
        series = column_of(frame, name)
        kind = Kind.CATEGORY if name in forced else kind_of(series)
        levels = _levels(series) if kind is Kind.CATEGORY else ()
        columns.append(Column(name, position, kind, levels))
    schema = Schema(names, tuple(columns))
    return schema, schema.code(frame)


def _levels(series: pd.Series) -> tuple[Level, ...]:
    levels = list(dict.fromkeys(series.dropna().tolist()))
    odd = next((x for x in levels if not isinstance(x, str | bool | int | float)), None)
    if odd is not None:
        raise ValueError(
            f"column {series.name!r} has the level {odd!r} of type {type(odd).__name__}; make "
            "its levels text with astype(str)"
        )
    try:
        return tuple(sorted(levels))
    except TypeError:
        raise ValueError(
            f"column {series.name!r} mixes text and numbers as levels; make them all text with "
            "astype(str)"
        ) from None


def _code_numeric(series: pd.Series, column: Column) -> Float[np.ndarray, " n"]:
    if kind_of(series) in (Kind.CATEGORY, Kind.DATE):
        example = series.dropna().iloc[0] if series.notna().any() else None
        raise ValueError(f"column {column.name!r} must hold numbers, but holds {example!r}")
    if pd.api.types.is_object_dtype(series.dtype):
        series = series.map(_number)
    return series.to_numpy(np.float64, na_value=np.nan)


def _code_boolean(series: pd.Series, column: Column) -> Float[np.ndarray, " n"]:
    values = _code_numeric(series, column)
    odd = ~np.isin(values, (0.0, 1.0)) & ~np.isnan(values)
    if odd.any():
        raise ValueError(
            f"column {column.name!r} must hold true and false, but holds {values[odd][0]:g} "
            f"(row {np.flatnonzero(odd)[0]}, counted from 0)"
        )
    return values


def _code_category(series: pd.Series, column: Column) -> Float[np.ndarray, " n"]:
    codes = pd.Index(column.levels, dtype=object).get_indexer(pd.Index(series, dtype=object))
    missing = series.isna().to_numpy()
    unseen = (codes < 0) & ~missing
    if unseen.any():
        row = int(np.flatnonzero(unseen)[0])
        known = ", ".join(repr(level) for level in column.levels)
        raise ValueError(
            f"column {column.name!r} has the unseen level {series.iloc[row]!r} (row {row}, "
            f"counted from 0); known levels: {known}. Correct it or leave the row out"
        )
    return np.where(missing, np.nan, codes).astype(np.float64)


def _code_date(series: pd.Series, column: Column) -> Float[np.ndarray, " n"]:
    if kind_of(series) is not Kind.DATE and series.notna().any():
        raise ValueError(
            f"column {column.name!r} must hold dates, but holds {series.dropna().iloc[0]!r}; "
            "convert it with pandas.to_datetime"
        )
    return days(series)


def _number(cell: Any) -> float:
    return np.nan if pd.isna(cell) else float(cell)


_CODERS = {
    Kind.NUMERIC: _code_numeric,
    Kind.BOOLEAN: _code_boolean,
    Kind.CATEGORY: _code_category,
    Kind.DATE: _code_date,
}
