"""The table of columns: name, type, levels, and what was done to each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.table import Table

from gpkit.commands.opening import Opened
from gpkit.commands.settings import Settings
from gpkit.data import Column, Dataset, Kind, Schema
from gpkit.data.kinds import column_of, kind_of

# Longer tables show only the columns that something was done to.
_MAX_SHOWN = 40
_PLAIN = "standardised"


class ColumnRow(NamedTuple):
    """One column of the table: its type (empty if it was never read), levels, action."""

    name: str
    type: str
    levels: int | None
    action: str

    def record(self) -> dict[str, Any]:
        """As a mapping for JSON."""
        return {**self._asdict(), "type": self.type or None}


def column_rows(opened: Opened, dataset: Dataset, settings: Settings) -> tuple[ColumnRow, ...]:
    """The inputs, the target, and what was left out, in this order."""
    rows = [_input(column, settings) for column in dataset.columns]
    rows.append(
        ColumnRow(
            opened.target, str(kind_of(column_of(opened.frame, opened.target))), None, "target"
        )
    )
    told = {row.name for row in rows}
    for name, reason in (*opened.dropped, *dataset.dropped):
        if name not in told:
            read = name in opened.frame.columns
            kind = str(kind_of(column_of(opened.frame, name))) if read else ""
            rows.append(ColumnRow(name, kind, None, f"left out: {reason}"))
            told.add(name)
    by = settings.split_column
    if by is not None and by not in told:
        rows.append(
            ColumnRow(by, str(kind_of(column_of(opened.frame, by))), None, "divides the rows only")
        )
    return tuple(_remarked(row, opened.remarks.get(row.name, "")) for row in rows)


def trained_rows(rows: Sequence[ColumnRow], schema: Schema) -> tuple[ColumnRow, ...]:
    """The rows after a fit, whose `schema` is that of the training rows.

    Levels that occur in test rows only are gone, and so are columns that are constant in them.
    """
    levels = {column.name: len(column.levels) for column in schema.columns if column.levels}
    reasons = {name: f"left out: {reason}" for name, reason in schema.dropped}
    return tuple(
        row._replace(levels=None, action=reasons[row.name])
        if row.name in reasons
        else row._replace(levels=levels.get(row.name, row.levels))
        for row in rows
    )


def column_table(rows: Sequence[ColumnRow]) -> Table:
    """The rows for people; of many, only those that are not plain numbers."""
    shown = rows if len(rows) <= _MAX_SHOWN else [row for row in rows if row.action != _PLAIN]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("column", overflow="fold", min_width=6)
    table.add_column("type", no_wrap=True)
    table.add_column("levels", justify="right", no_wrap=True)
    table.add_column("what is done with it", overflow="fold")
    for row in shown[:_MAX_SHOWN]:
        levels = "" if row.levels is None else str(row.levels)
        table.add_row(row.name, row.type, levels, row.action)
    for rest, what in ((len(shown[_MAX_SHOWN:]), ""), (len(rows) - len(shown), _PLAIN)):
        if rest:
            table.add_row(f"({rest} more)", "", "", what)
    return table


def _input(column: Column, settings: Settings) -> ColumnRow:
    if column.kind is Kind.CATEGORY:
        count = len(column.levels)
        return ColumnRow(column.name, column.kind.value, count, "one 0/1 column for each level")
    scaled = "as it is" if settings.standardize is False else _PLAIN
    unit = "days since 1970-01-01, " if column.kind is Kind.DATE else ""
    return ColumnRow(column.name, column.kind.value, None, f"{unit}{scaled}")


def _remarked(row: ColumnRow, remark: str) -> ColumnRow:
    return row._replace(action=f"{row.action}; {remark}") if remark else row
