"""From the name or file on the command line to typed columns: the target and its inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gpkit.commands.settings import Settings
from gpkit.data import (
    Dropped,
    Kind,
    LoadedTable,
    Split,
    is_file_name,
    load,
    open_table,
    survey,
)
from gpkit.data.cells import Want
from gpkit.data.checking import check_names
from gpkit.data.kinds import column_of, kind_of, text_names
from gpkit.data.surveying import as_option

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Opened:
    """The columns of a table that take part, typed, before rows are left out or divided.

    `remarks` say by column what was done to its cells, `notes` what is to be known of the table.
    `place` tells where a row stands in its file. `dropped` are left out by the user or by the
    survey of a stranger's table.
    """

    name: str
    frame: pd.DataFrame
    target: str
    inputs: tuple[str, ...]
    splits: tuple[Split, ...] = ()
    missing: str = "error"
    dropped: tuple[Dropped, ...] = ()
    remarks: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    place: Callable[[int], str] = "row {}, counted from 0".format


def open_data(settings: Settings) -> Opened:
    """Read the table that the settings name, and choose and check its columns.

    Raises:
        ValueError, OSError, ImportError: with the remedy, for what the user can mend.
    """
    opened = _open_file(settings) if is_file_name(settings.data) else _open_set(settings)
    _check_target(opened, settings)
    if settings.inputs is None and is_file_name(settings.data):
        found = survey(opened.frame, opened.inputs, asked=settings.categorical or ())
        opened = _without(opened, found.dropped, found.remarks)
    return _without_group(opened, settings)


def _open_file(settings: Settings) -> Opened:
    source = open_table(Path(settings.data), sep=settings.sep, decimal=settings.decimal)
    names = source.names
    if len(names) == 1:
        raise ValueError(
            f"{settings.data!r} has the single column {names[0]!r}; inputs and a target are needed "
            "(if it has more, tell what is between them: --sep)"
        )
    target, inputs, dropped = _columns(settings, names, names[-1], names)
    by = settings.split_column
    needed = [n for n in names if n in (target, by) or n in inputs]
    wanted: dict[str, Want] = {name: "code" for name in settings.categorical or ()}
    typed = source.typed(needed, wanted)
    return Opened(
        name=settings.data,
        frame=typed.frame,
        target=target,
        inputs=inputs,
        dropped=dropped,
        remarks=typed.remarks,
        notes=source.notes,
        place=source.place,
    )


def _open_set(settings: Settings) -> Opened:
    for option in ("sep", "decimal"):
        if getattr(settings, option) is not None:
            raise ValueError(f"--{option} is for files; {settings.data!r} names a data set")
    table: LoadedTable = load(settings.data, data_dir=settings.data_dir)
    frame = text_names(table.frame)
    target, inputs, dropped = _columns(settings, tuple(frame.columns), table.target, table.inputs)
    return Opened(table.name, frame, target, inputs, table.splits, table.missing, dropped=dropped)


def _columns(
    settings: Settings, names: Sequence[str], target: str, inputs: Sequence[str]
) -> tuple[str, tuple[str, ...], tuple[Dropped, ...]]:
    """Target and inputs, and what --drop leaves out; every name is checked."""
    (target,) = check_names([settings.target or target], names, "target")
    gone = check_names(settings.drop or (), names, "drop")
    coded = check_names(settings.categorical or (), names, "categorical")
    if settings.split_column is not None:
        check_names([settings.split_column], names, "split")
    if settings.inputs is not None:
        inputs = check_names(settings.inputs, names, "inputs")
        if target in inputs:
            raise ValueError(f"inputs names {target!r}, which is the target")
    for option, listed in (("drop", gone), ("categorical", coded)):
        if target in listed:
            told = "" if settings.target else " (the last column, since no --target is given)"
            raise ValueError(f"{option} names {target!r}, which is the target{told}")
    kept = tuple(dict.fromkeys(n for n in inputs if n != target and n not in gone))
    if not kept:
        raise ValueError(
            "no input column is left: give fewer names to --drop, or others to --inputs"
        )
    return target, kept, tuple(Dropped(name, "--drop") for name in gone)


def _check_target(opened: Opened, settings: Settings) -> None:
    series = column_of(opened.frame, opened.target)
    kind = kind_of(series)
    if kind not in (Kind.CATEGORY, Kind.DATE):
        return
    row = int(np.flatnonzero(series.notna())[0])
    holds = "text" if kind is Kind.CATEGORY else "dates"
    told = "" if settings.target else " (it is the last column; no --target was given)"
    numeric = [n for n in opened.inputs if kind_of(column_of(opened.frame, n)) is Kind.NUMERIC]
    listed = ", ".join(map(repr, numeric[:_SHOWN])) + (", ..." if len(numeric) > _SHOWN else "")
    raise ValueError(
        f"column {opened.target!r} is a target but holds {holds}, such as "
        f"{str(series.iloc[row])!r} ({opened.place(row)}){told}; gpkit does regression: choose a "
        f"column of numbers with --target ({listed or 'this table has no other'}), or use a "
        "classifier for classes"
    )


def _without(opened: Opened, dropped: Sequence[Dropped], remarks: Sequence[str] = ()) -> Opened:
    gone = {name for name, _ in dropped}
    kept = tuple(name for name in opened.inputs if name not in gone)
    if not kept:
        raise ValueError(
            "no input column is left: " + "; ".join(f"{name!r}: {why}" for name, why in dropped)
        )
    return replace(
        opened,
        inputs=kept,
        dropped=(*opened.dropped, *dropped),
        notes=(*opened.notes, *remarks),
    )


def _without_group(opened: Opened, settings: Settings) -> Opened:
    """A group is held out as a whole: as an input it would have no value seen in training."""
    group = settings.split_column
    if group is None or not str(settings.split).startswith("group:"):
        return opened
    if group == opened.target:
        raise ValueError(f"--split group:{as_option(group)} names the target; name another column")
    if group in (settings.inputs or ()):
        raise ValueError(
            f"--inputs and --split both name {group!r}: groups that are held out were never seen "
            "in training; leave it out of --inputs"
        )
    if group not in opened.inputs:
        return opened
    return _without(opened, [Dropped(group, "the groups of the split are no input")])
