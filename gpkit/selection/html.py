"""A comparison as HTML, for notebooks."""

from html import escape
from typing import Any

import pandas as pd

_COLUMNS = {
    "delta": "delta (nats)",
    "stderr": "+- stderr",
    "decision": "decision",
    "log_evidence": "log evidence",
    "loo_nlpd": "LOO NLPD",
    "parameters": "parameters",
    "seconds": "seconds",
    "status": "status",
}


def comparison_html(table: pd.DataFrame, verdict: str, notes: tuple[str, ...]) -> str:
    """The ranked table, the verdict above it and the notes below; all text is escaped."""
    head = "".join(f"<th>{escape(label)}</th>" for label in ("candidate", *_COLUMNS.values()))
    rows = []
    for name, row in zip(table.index, table.to_dict("records"), strict=True):
        # Weight and word, not colour, tell what counts.
        tag = "th" if row["decision"] in ("best", "undecided") else "td"
        cells = "".join(f"<td>{escape(_text(row[column]))}</td>" for column in _COLUMNS)
        rows.append(f"<tr><{tag} style='text-align:left'>{escape(str(name))}</{tag}>{cells}</tr>")
    remarks = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f"<div><p><strong>{escape(verdict)}</strong></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{remarks}</div>"
    )


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
