"""Tables for people: a comparison ranked, test scores against a baseline; as text and as CSV.

A comparison enters as `Comparison.table`, or as the same frame read back from a CSV file.
"""

import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

_STATUS_WIDTH = 13
_LOO, _KFOLD = "loo_nlpd", "kfold_nlpd"


def comparison_table(frame: pd.DataFrame) -> Table:
    """Candidates as ranked: difference, decision, predictive loss, cost, status.

    Fits in 80 columns; long names of candidates go over several lines. The k-fold loss takes
    the place of the leave-one-out loss where it was computed.
    """
    loss = _KFOLD if np.isfinite(frame[_KFOLD]).any() else _LOO
    table = _plain_table(gap=1)
    table.add_column("candidate", overflow="fold", min_width=19)
    table.add_column("delta +- stderr", justify="right", no_wrap=True)
    table.add_column("decision", no_wrap=True)
    table.add_column("LOO\nNLPD" if loss == _LOO else "CV\nNLPD", justify="right", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    # Rich grows a column past the width that is left when another one has a least width.
    table.add_column("status", max_width=_STATUS_WIDTH, overflow="fold")
    for name, row in zip(frame.index, frame.to_dict("records"), strict=True):
        table.add_row(
            str(name),
            difference_text(row["delta"], row["stderr"]),
            row["decision"],
            _number(row[loss], ".4g"),
            f"{row['parameters']:.0f}",
            _tenths(row["seconds"]),
            status_text(row["status"]),
            style={"best": "bold", "undecided": ""}.get(row["decision"], "dim"),
        )
    return table


def score_table(scores: Mapping[str, Mapping[str, float]], *, rows: int) -> Table:
    """Test RMSE, NLPD and 90% coverage, one line per model."""
    table = _plain_table()
    table.add_column(f"{rows} test row{'' if rows == 1 else 's'}", overflow="fold")
    for heading in ("RMSE", "NLPD", "90% coverage"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, score in scores.items():
        table.add_row(
            name,
            _number(score["rmse"], ".4g"),
            _number(score["nlpd"], ".4g"),
            _number(100 * score["coverage"], ".0f") + "%",
        )
    return table


def to_text(table: Table, *, width: int = 80) -> str:
    """A table as plain text, trailing spaces cut."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def to_csv(frame: pd.DataFrame) -> str:
    """A comparison as CSV with every digit; an empty cell is a score that was not computed."""
    return frame.to_csv(lineterminator="\n")


def difference_text(delta: float, stderr: float) -> str:
    """A difference and its standard error; the best candidate's is 0."""
    if not np.isfinite(delta):
        return "-"
    if delta == 0 and stderr == 0:
        return "0"
    return f"{_tenths(delta)} +- {_tenths(stderr)}"


def status_text(status: str) -> str:
    """A status in words, "ok" for success."""
    return "ok" if status == "success" else status.replace("_", " ")


def _plain_table(*, gap: int = 2) -> Table:
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))


def _tenths(value: float) -> str:
    """One decimal, and none where the number is large."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _number(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "-"
