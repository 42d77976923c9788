"""What people see while a command runs: consoles, notes, the progress bar."""

import math
import os
import sys
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from gpkit.commands.remaining import Remaining
from gpkit.commands.writing import to_json
from gpkit.report.tables import to_text
from gpkit.results import Event, Progress, silent

_PIPE_WIDTH = 80
_NAME_WIDTH = 24
_WRAP: Any = {
    "subsequent_indent": "  ", "break_long_words": False, "break_on_hyphens": False
}  # fmt: skip


def output() -> Console:
    """Standard output: plain text in a pipe or with NO_COLOR."""
    return _console(stderr=False)


def show(table: Table, console: Console | None = None) -> None:
    """A table on standard output, or another console; without trailing spaces in a pipe."""
    console = output() if console is None else console
    if console.is_terminal:
        console.print(table)
    else:
        print(to_text(table, width=console.width), end="", file=console.file)


def print_json(record: Mapping[str, Any]) -> None:
    """One JSON object on standard output; ASCII where the encoding of the stream is not UTF-8."""
    utf = (sys.stdout.encoding or "").lower().startswith("utf")
    print(to_json(record, ascii_only=not utf), end="")


def messages() -> Console:
    """Standard error, likewise."""
    return _console(stderr=True)


def note(text: str) -> None:
    """One remark on standard error, never cut; on a terminal, lines end between words."""
    if sys.stderr.isatty():
        width = messages().width
        lines = (textwrap.wrap(line, width, **_WRAP) or [""] for line in text.splitlines() or [""])
        text = "\n".join(line for wrapped in lines for line in wrapped)
    print(text, file=sys.stderr)


@contextmanager
def watched(*, quiet: bool) -> Iterator[Progress]:
    """A progress callback for a fit, around which the library's words go to standard error.

    What it prints (the plan) keeps standard output clean; its warnings become notes. The bar
    is shown on a terminal only, and not when `quiet`.
    """
    console = messages()
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(sys.stderr):
        warnings.simplefilter("always")
        if quiet or not console.is_terminal:
            yield silent
        else:
            with _bar(console) as bar:
                yield _shown(bar)
    for text in dict.fromkeys(str(w.message) for w in caught if _for_people(w)):
        note(f"note: {text}")


def _bar(console: Console) -> Bar:
    return Bar(
        BarColumn(bar_width=16),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _shown(bar: Bar) -> Progress:
    task = bar.add_task("compiling", total=None)
    where, remaining = [""], Remaining()

    def show(event: Event) -> None:
        remaining.seen(event)
        if event.stage == "plan":
            return
        if event.stage == "candidate":
            where[0] = (
                f"{min(event.step + 1, event.total or 1)}/{event.total} {_short(event.message)} "
            )
            bar.update(task, completed=event.step, total=event.total, description=where[0])
            return
        if event.stage == "rows":
            text = f"{event.step} of {event.total} rows{remaining.text()}"
            bar.update(task, completed=event.step, total=event.total, description=text)
            return
        step = f" step {event.step}" if event.step else ""
        value = "" if math.isnan(event.value) else f": {event.value:.1f}"
        text = f"{where[0]}{event.stage}{step}{value}"
        bar.update(task, description=f"{text}{remaining.text()}")

    return show


def _short(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 3]}..."


def _for_people(warning: warnings.WarningMessage) -> bool:
    return issubclass(warning.category, UserWarning | RuntimeWarning)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # Rich keeps bold and dim under NO_COLOR; without a colour system nothing is left.
    system = None if os.environ.get("NO_COLOR") else "auto"
    width = None if stream.isatty() else int(os.environ.get("COLUMNS") or _PIPE_WIDTH)
    return Console(
        stderr=stderr, color_system=system, width=width, highlight=False, markup=False, emoji=False
    )
