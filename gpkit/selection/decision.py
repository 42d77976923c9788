r"""From scores of rows to a ranking that may say "undecided".

The difference of two models is $\Delta = \sum_i d_i + c$ over the same rows. Read as a
sample of what the models say about rows of this kind, its standard error is
$\sqrt n\,\mathrm{sd}(d_i)$ (Vuong 1989 for likelihoods; Vehtari, Gelman and Gabry 2017,
equation 24, for leave-one-out). A difference is decided when it is larger than twice that,
larger than the numerical error, and larger than one nat: less is "not worth more than a
bare mention" (Kass and Raftery 1995), however sure it is.
"""

from typing import NamedTuple

import numpy as np

_STANDARD_ERRORS = 2.0
_BARE_MENTION = 1.0


class Difference(NamedTuple):
    """How far a model lies behind the best one, in nats, and how sure that is."""

    delta: float
    stderr: float
    decision: str


def differences(
    rows: list[np.ndarray], constants: list[float], error_bounds: list[float]
) -> list[Difference]:
    """Every model against the best: decision "best", "undecided", "worse" or "failed".

    A model with a score that is not finite has failed and is never the best.
    """
    totals = np.array([np.sum(r) + c for r, c in zip(rows, constants, strict=True)])
    if not np.any(np.isfinite(totals)):
        return [Difference(np.nan, np.nan, "failed") for _ in totals]
    best = int(np.nanargmax(np.where(np.isfinite(totals), totals, -np.inf)))
    found = []
    for j, total in enumerate(totals):
        if not np.isfinite(total):
            found.append(Difference(np.nan, np.nan, "failed"))
            continue
        delta = float(total - totals[best])
        stderr = paired_stderr(rows[j], rows[best])
        numerical = error_bounds[j] + error_bounds[best]
        decision = "best" if j == best else decide(-delta, stderr, numerical)
        found.append(Difference(delta, stderr, decision))
    return found


def paired_stderr(a: np.ndarray, b: np.ndarray) -> float:
    """Standard error of sum(a - b): sqrt(n) times the standard deviation of the pairs."""
    n = len(a)
    return float(np.sqrt(n) * np.std(a - b, ddof=1)) if n > 1 else float("inf")


def decide(gap: float, stderr: float, numerical: float) -> str:
    """Whether a model that lies `gap` nats behind is "worse", or that is "undecided"."""
    threshold = max(_STANDARD_ERRORS * stderr + numerical, _BARE_MENTION)
    return "worse" if gap > threshold else "undecided"


def stacking_weights(log_densities: np.ndarray, *, num_steps: int = 2000) -> np.ndarray:
    r"""Weights of a mixture of models that predict left-out rows best.

    Maximises $\sum_i \log\sum_k w_k\, p_k(y_i \mid y_{-i})$ over the simplex (Yao, Vehtari,
    Simpson and Gelman 2018, equation 5) by expectation maximisation, which never leaves the
    simplex and never lowers the value. `log_densities` has shape (n, k); columns that are
    not finite get weight 0.
    """
    usable = np.all(np.isfinite(log_densities), axis=0)
    weights = np.where(usable, 1.0, 0.0) / max(1, usable.sum())
    if usable.sum() < 2:
        return weights
    scaled = np.where(usable, log_densities, -np.inf)
    density = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    for _ in range(num_steps):
        share = density * weights
        updated = np.mean(share / share.sum(axis=1, keepdims=True), axis=0)
        done = np.max(np.abs(updated - weights)) < 1e-9
        weights = updated
        if done:
            break
    return weights
