"""From the settings to training rows and test rows, and what is to be said of both."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gpkit.commands.columns import ColumnRow, column_rows
from gpkit.commands.dividing import divide, needed_column
from gpkit.commands.opening import Opened, open_data
from gpkit.commands.settings import Settings
from gpkit.data import Dataset, Kind, find_leak
from gpkit.data.kinds import column_of, kind_of
from gpkit.data.surveying import as_option


class Part(NamedTuple):
    """Some rows of a table: inputs as a DataFrame, targets as an array."""

    X: pd.DataFrame
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Work:
    """A table divided: `how` tells in words where the test rows come from.

    `columns` is the table of columns as read, `notes` and `warnings` what is to be said.
    """

    name: str
    target: str
    dataset: Dataset
    train: Part
    test: Part | None
    how: str
    columns: tuple[ColumnRow, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def summary(self) -> str:
        """Two lines for people: what is predicted from what, and from how many rows."""
        held = "no" if self.test is None else f"{len(self.test.y)}"
        columns = "1 column" if self.dataset.d == 1 else f"{self.dataset.d} columns"
        return (
            f"{self.name}: {self.target} from {columns}\n"
            f"{len(self.train.y)} training rows, {held} test rows ({self.how})"
        )


def load_work(settings: Settings) -> Work:
    """Read, type and divide the table that the settings name.

    Raises:
        ValueError, OSError, ImportError: with the remedy, for what the user can mend.
    """
    opened = open_data(settings)
    dataset = _dataset(settings, opened)
    frame = _typed_frame(opened.frame, dataset)
    split, how = divide(settings, opened, dataset)
    rows = np.arange(dataset.n) if split is None else split.train
    train = Part(frame.iloc[rows], dataset.y[rows])
    if len(rows) < 2 or np.ptp(train.y) == 0:
        raise ValueError(
            f"target {opened.target!r} is constant ({train.y[0]:g}) in the training rows: there "
            "is nothing to learn; choose another --target"
        )
    left_out = tuple(n for n in dataset.notes if not n.startswith("column "))
    return Work(
        opened.name,
        opened.target,
        dataset,
        train,
        None if split is None else Part(frame.iloc[split.test], dataset.y[split.test]),
        how,
        column_rows(opened, dataset, settings),
        (*opened.notes, *left_out, *_about_target(train.y, opened.target)),
        _warnings(dataset, rows, how),
    )


def _dataset(settings: Settings, opened: Opened) -> Dataset:
    missing: Any = settings.missing or opened.missing
    divides = needed_column(settings, opened)
    if missing == "error":
        used = [*opened.inputs, opened.target, *([divides] if divides else [])]
        _refuse_gaps(opened, list(dict.fromkeys(used)))
    coded = tuple(n for n in settings.categorical or () if n in opened.inputs)
    dataset = Dataset.from_frame(
        opened.frame, opened.target, inputs=opened.inputs, categorical=coded, missing=missing
    )
    if divides is None:
        return dataset
    known = opened.frame[divides].iloc[dataset.rows].notna().to_numpy()
    return dataset if known.all() else dataset.take(known)


def _refuse_gaps(opened: Opened, names: list[str]) -> None:
    gaps = opened.frame[names].isna().to_numpy()
    if not gaps.any():
        return
    row, column = np.argwhere(gaps)[0]
    counts = dict(zip(names, gaps.sum(axis=0), strict=True))
    listed = ", ".join(f"{name!r} {count}" for name, count in counts.items() if count)
    # Among text, what was taken as missing ("None") may have been written as a level.
    labels = [n for n in names if kind_of(column_of(opened.frame, n)) is Kind.CATEGORY]
    level = next((n for n in labels if counts[n] and "(" in opened.remarks.get(n, "")), None)
    remedy = f"; to take what is written there as a level, --categorical {as_option(level or '')}"
    raise ValueError(
        f"{gaps.any(axis=1).sum()} of {len(gaps)} rows have gaps (first: {opened.place(row)}, "
        f"column {names[column]!r}; by column: {listed}); leave these rows out with --missing "
        f"drop, or columns with --drop{remedy if level else ''}"
    )


def _typed_frame(frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The rows and inputs that are kept, codes of categories as a categorical dtype."""
    frame = frame.iloc[dataset.rows].loc[:, list(dataset.names)].reset_index(drop=True)
    codes = [c.name for c in dataset.columns if c.kind is Kind.CATEGORY]
    return frame.astype(dict.fromkeys(codes, "category"))


def _about_target(y: np.ndarray, target: str) -> tuple[str, ...]:
    values = np.unique(y)
    if len(values) > 2:
        return ()
    return (
        f"target {target!r} has the two values {values[0]:g} and {values[1]:g} only: gpkit does "
        "regression; for the probability of a class use a classifier",
    )


def _warnings(dataset: Dataset, rows: np.ndarray, how: str) -> tuple[str, ...]:
    found = []
    dates = [c.name for c in dataset.columns if c.kind is Kind.DATE]
    if dates and how.startswith("random"):
        found.append(
            f"column {dates[0]!r} holds dates: rows held out at random lie between training rows "
            "and flatter what predicts the future; --split time holds out the latest rows"
        )
    single = [j for j, c in enumerate(dataset.columns) if c.kind is not Kind.CATEGORY]
    leak = find_leak(
        dataset.X[rows][:, single], dataset.y[rows], [dataset.names[j] for j in single]
    )
    if leak:
        found.append(
            f"the target can be computed from its inputs: {leak.formula} "
            f"{' and '.join(map(repr, leak.names))}; leave out what is known only together with "
            f"the target (--drop {as_option(*leak.names)})"
        )
    return tuple(found)
