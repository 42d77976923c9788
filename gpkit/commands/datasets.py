"""`gpkit datasets`: what ships, and what a folder of data adds."""

import os
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from gpkit.commands.terminal import output, print_json, show
from gpkit.data import Entry, entries, locate


def run(*, data_dir: str | None, as_json: bool) -> int:
    """Do the work of the command; returns the exit code 0.

    Raises FileNotFoundError for a folder of data that is not there.
    """
    folder = data_dir or os.environ.get("GPKIT_DATA")
    if folder and not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r}; check --data-dir or GPKIT_DATA")
    found = [entry for entry in entries() if _available(entry, folder)]
    absent = [entry for entry in entries() if entry not in found]
    if as_json:
        here = set(map(id, found))
        print_json({"datasets": [_record(e, id(e) in here) for e in entries()]})
    else:
        _show(found, absent)
    return 0


def _available(entry: Entry, folder: str | None) -> bool:
    try:
        locate(entry, data_dir=folder)
    except FileNotFoundError:
        return False
    return True


def _record(entry: Entry, available: bool) -> dict[str, Any]:
    return {
        "name": entry.name,
        "n": entry.n,
        "d": entry.d,
        "target": entry.target,
        "licence": entry.licence,
        "description": entry.description,
        "origin": entry.origin,
        "ships": entry.ships,
        "available": available,
    }


def _show(found: Sequence[Entry], absent: Sequence[Entry]) -> None:
    show(_table(found))
    if absent:
        names = ", ".join(entry.name for entry in absent)
        output().print(f"\nFrom a folder named by --data-dir or GPKIT_DATA: {names}")


def _table(found: Sequence[Entry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("name", "n", "d", "licence", "target, and what it is"):
        number = heading in ("n", "d")
        table.add_column(heading, justify="right" if number else "left", no_wrap=number)
    for e in found:
        words = Text.assemble((e.target, "bold"), f"\n{e.description}")
        table.add_row(e.name, str(e.n), str(e.d), e.licence, words)
    return table
