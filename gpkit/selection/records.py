"""Rows of the table of a comparison."""

from typing import Any

import numpy as np

from gpkit.selection.criteria import CRITERIA, Scores
from gpkit.selection.decision import Difference


def table_record(c: Any, d: Difference, weight: float, n: int) -> dict[str, Any]:
    """What the table of a comparison says of a candidate and its difference from the best."""
    totals = {name: sum_up(c.scores) for name, sum_up in _TOTALS.items()}
    return {
        "candidate": c.name,
        "delta": d.delta,
        "stderr": d.stderr,
        "decision": d.decision,
        "log_evidence": totals["evidence"],
        "map": totals["map"],
        "bic": totals["bic"],
        "aic": totals["aic"],
        "loo_nlpd": -totals["loo"] / n,
        "kfold_nlpd": -totals["kfold"] / n,
        "weight": weight,
        "parameters": c.scores.num_parameters,
        "seconds": c.seconds,
        "status": c.status.name.lower(),
    }


def _total(criterion: str) -> Any:
    def total(scores: Scores) -> float:
        rows, extra = CRITERIA[criterion](scores)
        return float(np.sum(rows) + extra)

    return total


_TOTALS = {name: _total(name) for name in CRITERIA}
