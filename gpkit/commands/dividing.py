"""Which rows are held out: registered splits, random, the latest, whole groups."""

import numpy as np
import pandas as pd

from gpkit.commands.opening import Opened
from gpkit.commands.settings import Settings
from gpkit.data import Dataset, Kind, Split, group_split, random_split, time_split
from gpkit.data.dates import days
from gpkit.data.kinds import column_of, kind_of

_DEFAULT_FRACTION = 0.1


def divide(settings: Settings, opened: Opened, dataset: Dataset) -> tuple[Split | None, str]:
    """Training and test rows of the data set, and in words where the test rows come from.

    Raises:
        ValueError: for a split that is not there, a column that can't divide, or options that
            contradict each other.
    """
    wanted, fraction = settings.split, settings.test_fraction
    registered = tuple(split.among(dataset.rows) for split in opened.splits)
    if wanted == "none" or isinstance(wanted, int):
        if fraction is not None:
            raise ValueError(
                f"--split {wanted} and --test-fraction exclude each other; give one of them"
            )
        return (None, "all rows train") if wanted == "none" else _registered(registered, wanted)
    if wanted is None and fraction is None and registered:
        return _registered(registered, 0)
    fraction = _DEFAULT_FRACTION if fraction is None else fraction
    if wanted in (None, "random"):
        split = random_split(dataset.n, fraction=fraction, seed=settings.seed)
        return split, f"random, seed {settings.seed}"
    kind, _, column = str(wanted).partition(":")
    column = column.strip() or _date_column(opened)
    values = opened.frame[column].iloc[dataset.rows].reset_index(drop=True)
    try:
        if kind == "time":
            return _by_time(values, fraction), f"the latest by {column!r}"
        split = group_split(_codes(values), fraction=fraction, seed=settings.seed)
        return split, f"whole groups of {column!r}, seed {settings.seed}"
    except ValueError as error:
        raise ValueError(f"--split {wanted}: column {column!r}: {error}") from None


def needed_column(settings: Settings, opened: Opened) -> str | None:
    """The column that divides the rows, so that its gaps matter too."""
    if settings.split == "time":
        return _date_column(opened)
    return settings.split_column


def _registered(splits: tuple[Split, ...], number: int) -> tuple[Split, str]:
    if number < len(splits):
        return splits[number], f"split {number} of {len(splits)}"
    count = (
        f"this data set has the splits 0 to {len(splits) - 1}"
        if splits
        else "this table has no registered splits"
    )
    raise ValueError(
        f"--split {number}: {count}; choose another, 'random', 'time', 'group:COLUMN' or 'none'"
    )


def _date_column(opened: Opened) -> str:
    dates = [n for n in opened.frame.columns if kind_of(column_of(opened.frame, n)) is Kind.DATE]
    if len(dates) == 1:
        return dates[0]
    found = f"several columns of dates ({', '.join(dates)})" if dates else "no column of dates"
    raise ValueError(
        f"--split time: this table has {found}; name the column whose largest values are held "
        "out: --split time:COLUMN"
    )


def _by_time(values: pd.Series, fraction: float) -> Split:
    kind = kind_of(values)
    if kind is Kind.CATEGORY:
        raise ValueError(
            f"text such as {values.iloc[0]!r} has no order in time; take dates or numbers"
        )
    numbers = days(values) if kind is Kind.DATE else values.to_numpy(np.float64, na_value=np.nan)
    return time_split(numbers, fraction=fraction)


def _codes(values: pd.Series) -> np.ndarray:
    return pd.factorize(values, use_na_sentinel=True)[0]
