"""New rows for a model: which of its columns they have, and which rows it can predict."""

import difflib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from gpkit.data import Column, Kind, Schema
from gpkit.data.cells import MISSING, Want
from gpkit.data.kinds import column_of, text_names


def wanted(columns: Sequence[Column]) -> dict[str, Want]:
    """As what the cells of a file have to be read so that they fit the columns of a model."""
    return {column.name: _want(column) for column in columns}


def _want(column: Column) -> Want:
    if column.kind is Kind.CATEGORY:
        if all(isinstance(level, str) for level in column.levels):
            return "label" if MISSING.isdisjoint(column.levels) else "text"
        return "auto" if any(isinstance(level, bool) for level in column.levels) else "number"
    if column.kind is Kind.NUMERIC:
        return "number"
    return "date" if column.kind is Kind.DATE else "auto"


def check_columns(needed: Sequence[str], known: Sequence[str]) -> None:
    """Raise ValueError, with what may be meant, where a column of the model is absent."""
    for name in needed:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"is it {close[0]!r}? Then rename that" if close else f"it has: {', '.join(known)}"
            )
            raise ValueError(f"the table lacks {name!r}, from which the model predicts; {hint}")


def predictable(
    schema: Schema,
    frame: pd.DataFrame,
    place: Callable[[int], str] = "row {}, counted from 0".format,
) -> tuple[np.ndarray, list[str]]:
    """Which rows a model with these columns can predict, and why not the others.

    Rows with a gap or with a level that training never saw can't be; the first of each is named
    by `place`. Raises ValueError where a whole column is absent.
    """
    frame = text_names(frame)
    check_columns(schema.kept, list(frame.columns))
    reasons, usable = [], np.ones(len(frame), bool)
    for column in schema.columns:
        series = column_of(frame, column.name)
        gap = series.isna().to_numpy()
        unseen = np.zeros(len(frame), bool)
        if column.kind is Kind.CATEGORY:
            unseen = ~series.isin(list(column.levels)).to_numpy() & ~gap
        if gap.any():
            first = place(int(np.flatnonzero(gap)[0]))
            reasons.append(f"{int(gap.sum())} have no value in {column.name!r} (first: {first})")
        if unseen.any():
            row = int(np.flatnonzero(unseen)[0])
            reasons.append(
                f"{int(unseen.sum())} have an unseen level in {column.name!r} (first: "
                f"{str(series.iloc[row])!r}, {place(row)})"
            )
        usable &= ~(gap | unseen)
    return usable, reasons
