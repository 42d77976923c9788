"""Dates as people write them, and as numbers: days since 1970-01-01."""

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

DAY = pd.Timedelta(days=1)
_EPOCH = pd.Timestamp("1970-01-01")
_YEARS = (1800, 2100)
_MONTH_NAMES = ("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %Y", "%B %Y",
                "%d-%b-%y")  # fmt: skip
_HEAD = 100
_NAMED = re.compile(r"(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*\d|\d.*[a-z]{3}.*\d")
_NUMERIC = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})(?:\2(\d{1,4}))?"
    r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?[AaPp][Mm])?)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")


class AmbiguousDates(ValueError):
    """Day and month can't be told apart in any of the dates."""


def parse_dates(cells: Sequence[str]) -> pd.Series | None:
    """Dates of a column of text, all written one way; unreadable cells become NaT.

    None where not even half of the cells are dates. Read are ISO 8601, year first, day or
    month first with ``/``, ``-`` or ``.`` between them, and English names of months, each with
    or without a time of day. Times with a zone become UTC.

    Raises:
        AmbiguousDates: if every date such as 03/04/2020 could be read with day or month first.
    """
    head = cells[:_HEAD]
    sample = next((cell for cell in head if _NUMERIC.fullmatch(cell)), None)
    if sample is not None:
        return _parse_numeric(cells, sample)
    return _best(cells, _MONTH_NAMES) if any(map(_NAMED.search, head)) else None


def days(series: pd.Series) -> Float[np.ndarray, " n"]:
    """Days since 1970-01-01 00:00 (UTC where dates have a zone), NaN where there is no date."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dates = pd.to_datetime(series)
    if dates.dt.tz is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return ((dates - _EPOCH) / DAY).to_numpy(np.float64, na_value=np.nan)


def whole_dates(values: Float[np.ndarray, " n"]) -> pd.Series | None:
    """Dates of numbers that are all of the form yyyymmdd, or None; NaN becomes NaT."""
    present = values[~np.isnan(values)]
    low, high = (1e4 * year for year in _YEARS)
    if len(np.unique(present)) < 2 or not np.all((present > low) & (present < high)):
        return None
    if np.any(present % 1):
        return None
    text = pd.Series([None if np.isnan(v) else f"{v:.0f}" for v in values], dtype=object)
    dates = _parsed(text, "%Y%m%d")
    return dates if dates.notna().sum() == len(present) else None


def _parse_numeric(cells: Sequence[str], sample: str) -> pd.Series | None:
    first, mark, _, third = _NUMERIC.fullmatch(sample).groups()  # pyright: ignore
    if len(first) == 4:
        return _best(cells, [f"%Y{mark}%m{mark}%d", f"%Y{mark}%m"], iso=mark == "-")
    if third is None or len(first) > 2:
        return None
    year = "%Y" if len(third) == 4 else "%y"
    by_day, by_month = f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}"
    day_first = _best(cells, [by_day])
    if mark == ".":
        return day_first
    month_first = _best(cells, [by_month])
    if day_first is None or month_first is None:
        return month_first if day_first is None else day_first
    counts = day_first.notna().sum(), month_first.notna().sum()
    if counts[0] == counts[1] and not day_first.equals(month_first):
        raise AmbiguousDates(
            f"{sample!r} may have the day or the month first, and no date of the column tells "
            "which; write dates as yyyy-mm-dd"
        )
    return day_first if counts[0] >= counts[1] else month_first


def _best(cells: Sequence[str], formats: Sequence[str], *, iso: bool = False) -> pd.Series | None:
    text = pd.Series(list(cells), dtype=object)
    tried = [f + time for f in formats for time in _TIMES] + (["ISO8601"] if iso else [])
    found = None
    for form in tried:
        dates = _parsed(text, form)
        if found is None or dates.notna().sum() > found.notna().sum():
            found = dates
        if found.notna().all():
            break
    return None if found is None or found.notna().sum() * 2 < len(found) else found


def _parsed(text: pd.Series, form: str) -> pd.Series:
    dates = pd.Series(pd.to_datetime(text, format=form, errors="coerce", utc=True))
    return dates.dt.tz_localize(None)
