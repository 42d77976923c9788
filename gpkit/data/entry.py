"""What the registry knows of a data set, and the prepare steps and split rules it names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gpkit.data.kinds import column_of
from gpkit.data.splits import Split, from_mask, random_split, standard_splits, time_split

Prepare = Callable[[pd.DataFrame], pd.DataFrame]
# From the prepared table and the folder of its file to the splits of its rows.
SplitRule = Callable[[pd.DataFrame, Path], tuple[Split, ...]]


def as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """The prepare step of a table that needs none."""
    return frame


@dataclass(frozen=True)
class Entry:
    """One registered data set.

    `n` and `d` count rows and inputs after `prepare`. `header` names the columns of a file
    that has no header line. `missing` is what `Dataset` does with gaps. `sha256` is that of
    the file. Names with a slash do not ship; their `file` is relative to the data folder.
    """

    name: str
    file: str
    target: str
    inputs: tuple[str, ...]
    n: int
    splits: SplitRule
    description: str
    origin: str
    licence: str
    sha256: str
    prepare: Prepare = as_read
    header: tuple[str, ...] = ()
    missing: str = "error"

    @property
    def d(self) -> int:
        """Number of inputs."""
        return len(self.inputs)

    @property
    def ships(self) -> bool:
        """Whether the file comes with gpkit."""
        return "/" not in self.name


def standard(count: int) -> SplitRule:
    """The standard 90/10 splits of Hernandez-Lobato & Adams."""
    return lambda frame, folder: standard_splits(len(frame), count)


def latest(column: str, fraction: float) -> SplitRule:
    """One split, the rows with the latest times as test set."""
    return lambda frame, folder: (time_split(frame[column].to_numpy(), fraction=fraction),)


def shuffled(fraction: float) -> SplitRule:
    """One random split, seed 0."""
    return lambda frame, folder: (random_split(len(frame), fraction=fraction),)


def mask_file(name: str) -> SplitRule:
    """One split per column of a headerless CSV of 0 and 1 beside the data; 1 is test."""

    def splits(frame: pd.DataFrame, folder: Path) -> tuple[Split, ...]:
        masks = pd.read_csv(folder / name, header=None).to_numpy().astype(bool)
        return tuple(from_mask(mask) for mask in masks.T)

    return splits


def held_out(test: Callable[[pd.DataFrame], ArrayLike]) -> SplitRule:
    """One split, whose test rows the table itself tells."""
    return lambda frame, folder: (from_mask(np.asarray(test(frame))),)


def co2_weekly(frame: pd.DataFrame) -> pd.DataFrame:
    """Dates yyyymmdd to decimal years; the weeks without a value are left out."""
    frame = frame.dropna(subset=["co2"])
    dates = pd.to_datetime(frame["date"].astype(str), format="%Y%m%d")
    days = np.where(dates.dt.is_leap_year, 366, 365)
    year = dates.dt.year + (dates.dt.day_of_year - 1) / days
    return pd.DataFrame({"decimal_year": year, "co2_ppm": frame["co2"]})


def co2_monthly(frame: pd.DataFrame) -> pd.DataFrame:
    """Months to decimal years at mid-month; the seasonally adjusted column, a leak, goes."""
    dates = pd.to_datetime(frame["Date"], format="%Y-%m-%d")
    year = dates.dt.year + (dates.dt.month - 0.5) / 12
    return pd.DataFrame({"decimal_year": year, "co2_ppm": frame["CO2"]})


def nile(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns `time` and `value` under their meanings."""
    return frame.rename(columns={"time": "year", "value": "volume_1e8_m3"})


FLIGHT_INPUTS = (
    "month", "day", "weekday", "dep_minute", "arr_minute", "air_time_minute", "distance_mile",
    "plane_age_year", "carrier", "origin", "dest",
)  # fmt: skip


def flights(frame: pd.DataFrame) -> pd.DataFrame:
    """Times hhmm to minutes after midnight, the weekday (Monday 0), the age of the plane.

    Departure delay and scheduled times are no inputs: with them the target is a difference
    of two columns.
    """
    dates = pd.to_datetime(frame[["month", "day"]].assign(year=2013))
    columns = {
        "month": frame["month"],
        "day": frame["day"],
        "weekday": dates.dt.day_of_week,
        "dep_minute": _minutes(column_of(frame, "dep_time")),
        "arr_minute": _minutes(column_of(frame, "arr_time")),
        "air_time_minute": frame["air_time"],
        "distance_mile": frame["distance"],
        "plane_age_year": 2013 - frame["plane_year"],
        **{name: frame[name] for name in ("carrier", "origin", "dest", "arr_delay")},
    }
    return pd.DataFrame(columns)


def _minutes(times: pd.Series) -> pd.Series:
    return times // 100 * 60 + times % 100
