"""What `select` and `fit` share around their estimators."""

from typing import Any

from gpkit.commands.loading import Work
from gpkit.commands.settings import Settings
from gpkit.commands.terminal import note

INTERRUPTED = 130
"""Exit code after Ctrl-C, also where something was kept."""


def announce(work: Work, settings: Settings) -> None:
    """Say what will be fitted, and what was left out of the table."""
    if not settings.quiet:
        note(work.summary())
    remark(work.dataset.notes)


def remark(texts: tuple[str, ...]) -> None:
    """Notes on standard error."""
    for text in texts:
        note(f"note: {text}")


def estimator_options(settings: Settings) -> dict[str, Any]:
    """The arguments that both estimators take."""
    return {
        "n_restarts": settings.restarts,
        "max_steps": settings.max_steps,
        "memory": settings.memory,
        "budget": settings.budget,
        "random_state": settings.seed,
        "verbose": int(not settings.quiet),
    }
