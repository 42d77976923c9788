"""Which columns of a stranger's table are no inputs: row numbers, IDs, free text."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from gpkit.data.columns import Dropped
from gpkit.data.kinds import Kind, column_of, kind_of

MAX_LEVELS = 50
"""Categories with more levels are left out unless they are asked for by name."""

_ID_NAME = re.compile(
    r"(unnamed: ?\d+|(row|record|sample|obs)?[ _.-]?(index|idx|ids?|no|nr|num|number|names?|key)"
    r"|(row|rows|uuid|guid|rownames|observation|obs)|.*[ _.-](id|uuid|key)|(?-i:.*[a-z]I[dD]))",
    re.IGNORECASE,
)


class Survey(NamedTuple):
    """Inputs to leave out with the reasons, and remarks about some that stay."""

    dropped: tuple[Dropped, ...]
    remarks: tuple[str, ...]


def survey(frame: pd.DataFrame, inputs: Sequence[str], *, asked: Collection[str] = ()) -> Survey:
    """Judge the columns that a user did not ask for by name.

    Left out are text whose every value is different, text with more than `MAX_LEVELS` levels,
    and whole numbers, all different, under the name of an index or an ID. A running number
    under another name may be a time: it stays, with a remark, where there are other inputs.
    """
    dropped, remarks = [], []
    for name in inputs:
        if name in asked:
            continue
        series = column_of(frame, name)
        reason = _reason(series)
        if reason:
            dropped.append(Dropped(name, reason))
        elif len(inputs) > 1 and _running(series):
            remarks.append(
                f"column {name!r} is a running number; if it only counts the rows, leave it out "
                f"(--drop {as_option(name)})"
            )
    return Survey(tuple(dropped), tuple(remarks))


def as_option(*names: str) -> str:
    """Column names as one value of an option of the command, ready for a shell."""
    text = ",".join(f'"{name}"' if "," in name else name for name in names)
    return f"'{text}'" if re.search(r"[^\w.,:+-]", text) else text


def _reason(series: pd.Series) -> str:
    kind, present = kind_of(series), series.dropna()
    if present.empty:
        return "is empty"
    keep = f"to use it, name it in --categorical {as_option(str(series.name))}"
    if kind is Kind.CATEGORY and len(present) > 1:
        levels = present.nunique()
        if levels == len(present):
            return f"every row has a value of its own, like an ID; {keep}"
        if levels > MAX_LEVELS:
            return f"{levels} levels, more than {MAX_LEVELS}; {keep}"
    if kind is Kind.NUMERIC and _ID_NAME.fullmatch(str(series.name)) and len(present) > 1:
        values = _values(series)
        if np.all(values % 1 == 0) and len(np.unique(values)) == len(values):
            what = "numbers the rows" if _running(series) else "looks like an ID"
            return f"{what}; to use it, name it in --inputs"
    return ""


def _running(series: pd.Series) -> bool:
    """Whether the column counts up or down by one from row to row."""
    if kind_of(series) is not Kind.NUMERIC or series.isna().any() or len(series) < 3:
        return False
    steps = np.diff(_values(series))
    return bool(np.all(steps == 1) or np.all(steps == -1))


def _values(series: pd.Series) -> Float[np.ndarray, " n"]:
    values = series.dropna().to_numpy(np.float64)
    return values[np.isfinite(values)]
