"""What both fitting commands report: one record for `summary.json`, `--json` and the model."""

import importlib.metadata
import platform
from typing import Any

from gpkit.commands.columns import trained_rows
from gpkit.commands.loading import Work
from gpkit.commands.scoring import TestScores
from gpkit.commands.settings import Settings
from gpkit.data import Encoder
from gpkit.fitting.budget import Plan
from gpkit.results import Estimate

FORMAT = 1
_PACKAGES = ("gpkit-select", "jax", "jaxlib", "equinox", "optax", "numpy", "pandas", "scikit-learn")


def describe_data(work: Work, encoder: Encoder) -> dict[str, Any]:
    """The table: rows, target, and each column with its type and what was done to it."""
    return {
        "format": FORMAT,
        "data": work.name,
        "rows": {
            "table": len(work.train.y) + (0 if work.test is None else len(work.test.y)),
            "train": len(work.train.y),
            "test": 0 if work.test is None else len(work.test.y),
            "split": work.how,
        },
        "target": work.target,
        "columns": [row.record() for row in trained_rows(work.columns, encoder.schema)],
        "notes": [*work.notes, *work.warnings],
    }


def describe_run(
    settings: Settings, estimator: Any, scores: TestScores | None, seconds: dict[str, float]
) -> dict[str, Any]:
    """Test metrics, and what is needed to do the run again: `settings` are what was asked for."""
    plan: Plan = estimator.plan_
    asked = {key: value for key, value in settings._asdict().items() if value not in (None, False)}
    return {
        "test": {"rows": scores.rows, **scores.model} if scores else None,
        "baseline": scores.baseline if scores else None,
        "plan": {
            "rows_fitted": plan.rows,
            "rows_predicted_from": plan.posterior_rows,
            "bytes": plan.bytes,
            "predicted_seconds": plan.seconds,
            "solver": plan.solver,
            "reasons": plan.reasons,
        },
        "seed": settings.seed,
        "restarts": estimator.n_restarts,
        "max_steps": estimator.max_steps,
        "settings": asked,
        "seconds": seconds,
        "versions": versions(),
    }


def describe_evidence(estimate: Estimate) -> dict[str, float]:
    """A log evidence with what its value may be off by, in nats."""
    return {
        "log_evidence": float(estimate.value),
        "log_evidence_stderr": float(estimate.stderr),
        "log_evidence_error_bound": float(estimate.error_bound),
    }


def evidence_text(estimate: Estimate) -> str:
    """The value, and the error of an estimate that has one."""
    error = float(estimate.stderr) + float(estimate.error_bound)
    return f"{float(estimate.value):.1f}" + (f" +- {error:.1f}" if error >= 0.05 else "")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on, and the platform."""
    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found
