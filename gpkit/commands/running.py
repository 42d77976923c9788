"""What `select` and `fit` share around their estimators."""

import re
from typing import Any

import optax

from gpkit.commands.columns import column_table
from gpkit.commands.loading import Work
from gpkit.commands.settings import Settings
from gpkit.commands.terminal import messages, note, show

INTERRUPTED = 130
"""Exit code after Ctrl-C, also where something was kept."""

_OPTIMIZERS = {
    "adam": optax.adam,
    "adamw": optax.adamw,
    "nadam": optax.nadam,
    "rmsprop": optax.rmsprop,
    "sgd": optax.sgd,
}
_STEP_SIZE = 0.1


def announce(work: Work, settings: Settings) -> None:
    """Say what will be fitted, and what was done to each column of the table."""
    if settings.quiet:
        gone = [row for row in work.columns if row.action.startswith("left out: ")]
        remark(tuple(f"column {row.name!r} {row.action}" for row in gone))
    else:
        note(work.summary())
        note("")
        show(column_table(work.columns), messages())
        note("")
    remark(work.notes)
    for text in work.warnings:
        note(f"warning: {text}")


def remark(texts: tuple[str, ...]) -> None:
    """Notes on standard error."""
    for text in texts:
        note(f"note: {text}")


def estimator_options(settings: Settings) -> dict[str, Any]:
    """The arguments that both estimators take; what was not asked for keeps their defaults."""
    asked = {
        "mean": settings.mean,
        "noise": settings.noise,
        "solver": settings.solver,
        "n_restarts": settings.restarts,
        "max_steps": settings.max_steps,
        "standardize": settings.standardize,
        "memory": settings.memory,
        "budget": settings.budget,
    }
    options = {name: value for name, value in asked.items() if value is not None}
    if settings.target_transform not in (None, "none"):
        options["target_transform"] = settings.target_transform
    if settings.prior is not None:
        options["prior"] = None if settings.prior == "none" else settings.prior
    if settings.optimizer is not None:
        options["optimizer"] = make_optimizer(settings.optimizer)
    return {**options, "random_state": settings.seed, "verbose": int(not settings.quiet)}


def make_optimizer(text: str) -> Any:
    """``lbfgs``, ``none``, or the name of an optimiser of Optax with its step size in brackets.

    Raises:
        ValueError: for another name or a step size that is no positive number.
    """
    if text == "lbfgs":
        return "lbfgs"
    if text == "none":
        return None
    match = re.fullmatch(r"(\w+)(?:\(\s*([-+.\deE]+)\s*\))?", text.strip())
    if match is None or match[1] not in _OPTIMIZERS:
        raise ValueError(
            f"optimizer must be lbfgs, none, or one of {', '.join(_OPTIMIZERS)} with a step size "
            f"such as adam(0.05); got {text!r}"
        )
    try:
        step = _STEP_SIZE if match[2] is None else float(match[2])
    except ValueError:
        step = 0.0
    if not 0 < step < float("inf"):
        raise ValueError(f"the step size of the optimizer must be above 0, got {text!r}")
    return _OPTIMIZERS[match[1]](step)
