"""From the name or file on the command line to training rows and test rows."""

import difflib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gpkit.commands.settings import Settings
from gpkit.data import Dataset, Kind, LoadedTable, Schema, Split, load, random_split
from gpkit.data.checking import check_names

_DEFAULT_FRACTION = 0.1


class Part(NamedTuple):
    """Some rows of a table: inputs as a DataFrame, targets as an array."""

    X: pd.DataFrame
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Work:
    """A table divided: `how` tells in words where the test rows come from."""

    name: str
    target: str
    dataset: Dataset
    train: Part
    test: Part | None
    how: str

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

    Raises ValueError or OSError, with the remedy, for what the user can mend.
    """
    table = load(settings.data, data_dir=settings.data_dir)
    target = table.target if settings.target is None else settings.target
    categorical = settings.categorical or ()
    dataset = table.dataset(
        target=target,
        inputs=settings.inputs or _default_inputs(table, target),
        drop=settings.drop or (),
        categorical=categorical,
        missing=settings.missing,
    )
    frame = _typed_frame(table.frame, dataset)
    split, how = _split(settings, table.splits_of(dataset), dataset.n)
    rows = np.arange(dataset.n) if split is None else split.train
    train = Part(frame.iloc[rows], dataset.y[rows])
    if np.ptp(train.y) == 0:
        raise ValueError(
            f"target {target!r} is constant ({train.y[0]:g}) in the training rows: there is "
            "nothing to learn; choose another --target"
        )
    test = None if split is None else Part(frame.iloc[split.test], dataset.y[split.test])
    return Work(table.name, target, dataset, train, test, how)


def _default_inputs(table: LoadedTable, target: str) -> tuple[str, ...] | None:
    """For a plain file, all columns but the target, wherever in the table it stands."""
    if table.entry is not None:
        return None
    known = [str(name) for name in table.frame.columns]
    check_names([target], known, "target")
    return tuple(name for name in known if name != target)


def _typed_frame(frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The rows and inputs that are kept, codes of categories as a categorical dtype."""
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    frame = frame.iloc[dataset.rows].loc[:, list(dataset.names)].reset_index(drop=True)
    codes = [c.name for c in dataset.columns if c.kind is Kind.CATEGORY]
    return frame.astype(dict.fromkeys(codes, "category"))


def _split(settings: Settings, registered: tuple[Split, ...], n: int) -> tuple[Split | None, str]:
    wanted, fraction = settings.split, settings.test_fraction
    if wanted is not None and fraction is not None:
        raise ValueError("--split and --test-fraction exclude each other; give one of them")
    if wanted == "none":
        return None, "all rows train"
    if isinstance(wanted, int) and wanted >= len(registered):
        raise ValueError(
            f"--split {wanted}: {_count(len(registered))}; choose another, 'none', or "
            "--test-fraction"
        )
    if fraction is None and registered:
        number = wanted or 0
        return registered[number], f"split {number} of {len(registered)}"
    fraction = _DEFAULT_FRACTION if fraction is None else fraction
    split = random_split(n, fraction=fraction, seed=settings.seed)
    return split, f"random, seed {settings.seed}"


def _count(number: int) -> str:
    if number == 0:
        return "this table has no registered splits"
    return f"this data set has the splits 0 to {number - 1}"


def predictable(schema: Schema, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Which rows a model with these columns can predict, and why not the others.

    Rows with a gap or with a level that training never saw can't be. Raises ValueError
    where a whole column is absent or of another kind.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    _check_columns(schema.kept, list(frame.columns))
    reasons, usable = [], np.ones(len(frame), bool)
    for column in schema.columns:
        series: Any = frame[column.name]
        gap = series.isna().to_numpy()
        unseen = np.zeros(len(frame), bool)
        if column.kind is Kind.CATEGORY:
            unseen = ~series.isin(list(column.levels)).to_numpy() & ~gap
        for bad, why in ((gap, "have no value in"), (unseen, "have an unseen level in")):
            if bad.any():
                reasons.append(f"{int(bad.sum())} {why} {column.name!r}")
        usable &= ~(gap | unseen)
    return usable, reasons


def _check_columns(needed: tuple[str, ...], known: list[str]) -> None:
    for name in needed:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"is it {close[0]!r}? Then rename that" if close else f"it has: {', '.join(known)}"
            )
            raise ValueError(f"the table lacks {name!r}, from which the model predicts; {hint}")
