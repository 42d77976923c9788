"""`compare`: fit named candidates and rank them, with differences and a decision."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pandas as pd
from jax.typing import ArrayLike

from gpkit._types import Array
from gpkit.checks import check_data
from gpkit.fitting import FitResult, fit
from gpkit.fitting.journal import Journal, SectionOf, data_fingerprint
from gpkit.model import GP
from gpkit.predictor import host_estimate, on_host
from gpkit.results import Estimate, Event, Progress, Status, silent
from gpkit.selection.criteria import (
    CRITERIA,
    Fold,
    Scores,
    View,
    check_criterion,
    kfold_rows,
    make_folds,
    score,
)
from gpkit.selection.decision import Difference, differences, stacking_weights
from gpkit.selection.html import comparison_html
from gpkit.selection.records import table_record

_NUM_FOLDS = 5
_REFIT_STEPS = 30


@dataclass(frozen=True, eq=False)
class Candidate:
    """One fitted model of a comparison; arrays are NumPy.

    `log_evidence` is an `Estimate` on the scale of the comparison; `seconds` count fit,
    compilation and scores; `status` is the worst that was met.
    """

    name: str
    model: GP
    fit: FitResult
    scores: Scores
    log_evidence: Estimate
    seconds: float
    status: Status


@dataclass(frozen=True, eq=False)
class Comparison:
    """Candidates ranked by a criterion, best first; in nats, on the scale of the targets.

    `differences` stand in the order of `candidates`. `predictions` names what predicts where
    that is not the best candidate. `status` is INTERRUPTED where Ctrl-C ended the comparison
    before all candidates were fitted, else SUCCESS; each candidate has a status of its own.
    """

    candidates: tuple[Candidate, ...]
    differences: tuple[Difference, ...]
    criterion: str
    num_rows: int
    notes: tuple[str, ...] = ()
    predictions: str = ""
    status: Status = Status.SUCCESS

    @property
    def best_(self) -> Candidate:
        """The candidate with the highest score."""
        return self.candidates[0]

    @property
    def undecided_(self) -> tuple[str, ...]:
        """Names of the candidates that can't be told apart from the best one."""
        pairs = zip(self.candidates, self.differences, strict=True)
        return tuple(c.name for c, d in pairs if d.decision == "undecided")

    @property
    def weights(self) -> dict[str, float]:
        """Stacking weights of the candidates, from their leave-one-out densities."""
        densities = np.stack([c.scores.loo_rows for c in self.candidates], axis=1)
        weights = stacking_weights(densities)
        return {c.name: float(w) for c, w in zip(self.candidates, weights, strict=True)}

    @property
    def table(self) -> pd.DataFrame:
        """One row per candidate, ranked: differences, decision, criteria, cost, status.

        `loo_nlpd` and `kfold_nlpd` are negative log predictive densities per row (lower is
        better); all other scores are totals in nats (higher is better).
        """
        weights = self.weights
        records = [
            table_record(c, d, weights[c.name], self.num_rows)
            for c, d in zip(self.candidates, self.differences, strict=True)
        ]
        return pd.DataFrame(records).set_index("candidate")

    def with_notes(self, notes: tuple[str, ...]) -> "Comparison":
        """The same comparison with further remarks."""
        return replace(self, notes=(*self.notes, *notes))

    def verdict(self) -> str:
        """One line: the winner, or what can't be told apart and by how much."""
        best = self.best_.name
        if self.differences[0].decision == "failed":
            return f"no candidate has a score by {self.criterion}: see the status of each"
        close = [
            (c.name, d)
            for c, d in zip(self.candidates, self.differences, strict=True)
            if d.decision == "undecided"
        ]
        if not close:
            return f"{best} is best by {self.criterion}"
        name, nearest = close[0]
        more = f" (and {len(close) - 1} more)" if len(close) > 1 else ""
        gap = f"{-nearest.delta:.1f} +- {nearest.stderr:.1f} nats"
        return f"{best} or {name}{more} ({gap}); predictions use {self.predictions or best}"

    def _repr_html_(self) -> str:
        return comparison_html(self.table, self.verdict(), self.notes)

    def __repr__(self) -> str:
        columns = ["delta", "stderr", "decision", "log_evidence", "loo_nlpd", "parameters"]
        return f"{self.table[columns].map(_short).to_string()}\n{self.verdict()}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def compare(
    models: Mapping[str, GP],
    X: ArrayLike,
    y: ArrayLike,
    *,
    criterion: str = "evidence",
    optimizer: Any = "lbfgs",
    noise_variance: ArrayLike | None = None,
    n_restarts: int = 1,
    max_steps: int = 200,
    tol: float = 1e-3,
    folds: Sequence[Fold] | None = None,
    log_scale: ArrayLike = 0.0,
    views: Mapping[str, View] | None = None,
    key: Array | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Fit every model and rank them by a criterion, with differences and a decision.

    A host loop: candidates run one after another, each with the same key.

    **Arguments:**

    - `models`: name to `gpkit.GP`.
    - `criterion`: "evidence", "map", "bic", "aic", "loo" or "kfold"; see
      `gpkit.selection.criteria`. The k-fold scores are computed only when asked for.
    - `optimizer`, `n_restarts`, `max_steps`, `tol`, `noise_variance`: as in `gpkit.fit`.
    - `folds`: splits for "kfold", each scaled by its own training rows; by default five
      seeded folds of X and y as they are.
    - `log_scale`: log of the scale that y was divided by (summed over targets), one number
      or one per row: scores are reported for the targets before that division.
    - `views`: by name, the target as a candidate with a transform of its own sees it; these
      take the place of `y`, `log_scale` and `folds`, so that all scores are of one target.
    - `checkpoint`: a file that keeps every evaluation of every candidate; the same call with
      the same file goes on where a killed one ended. See `gpkit.fitting.journal`.

    Ctrl-C keeps the candidates finished so far, if there is one.

    **Raises:** ValueError for an unknown criterion, no models, or shapes that do not fit;
    with a checkpoint as `gpkit.fit` does.
    """
    check_criterion(criterion)
    if not models:
        raise ValueError("models is empty: pass at least one named model")
    X, y = check_data(X, y, noise_variance=noise_variance)
    if criterion == "kfold" and folds is None:
        folds = make_folds(
            np.asarray(X), np.asarray(y), min(_NUM_FOLDS, len(X)), 0, noise_variance=noise_variance
        )
    given = {name: (views or {}).get(name, View(y, log_scale, folds)) for name in models}
    settings = {
        "optimizer": optimizer,
        "noise_variance": noise_variance,
        "n_restarts": n_restarts,
        "max_steps": max_steps,
        "tol": tol,
        "key": jax.random.key(0) if key is None else key,
        "progress": progress,
    }
    with ExitStack() as stack:
        journal = None
        if checkpoint is not None:
            data = data_fingerprint(X, y, noise_variance)
            journal = stack.enter_context(Journal(checkpoint, "comparison", data))
        done = _fit_all(models, X, given, criterion, settings, journal)
    progress(Event("candidate", len(models), len(models), np.nan, ""))
    if len(done) == len(models):
        return rank(done, criterion)
    found = rank(done, criterion, ("interrupted: not all candidates were fitted",))
    return replace(found, status=Status.INTERRUPTED)


def _fit_all(
    models: Mapping[str, GP],
    X: Array,
    views: Mapping[str, View],
    criterion: str,
    settings: dict[str, Any],
    journal: Journal | None,
) -> list[Candidate]:
    """Every candidate in order, as far as Ctrl-C lets; at least one."""
    done: list[Candidate] = []
    try:
        for number, (name, model) in enumerate(models.items()):
            settings["progress"](Event("candidate", number, len(models), np.nan, name))
            section = None if journal is None else SectionOf(journal, name)
            clock = time.perf_counter()
            view = views[name]
            result = fit(model, X, view.y, checkpoint=section, **settings)
            interrupted = result.status == Status.INTERRUPTED
            if interrupted and done:
                break
            scores = score(result, X, view.y, noise_variance=settings["noise_variance"])
            if criterion == "kfold":
                rows = kfold_rows(
                    result.model,
                    list(view.folds or ()),
                    len(X),
                    max_steps=_REFIT_STEPS,
                    # Refits start at the optimum: few steps of a quasi-Newton method do.
                    optimizer=None if settings["optimizer"] is None else "lbfgs",
                    checkpoint=section,
                )
                scores = scores._replace(kfold_rows=rows)
            done.append(_candidate(name, result, scores, view, time.perf_counter() - clock))
            if interrupted:
                break
    except KeyboardInterrupt:
        if not done:
            raise
    return done


def rank(
    candidates: Sequence[Candidate], criterion: str, notes: tuple[str, ...] = ()
) -> Comparison:
    """The same candidates ranked by a criterion; nothing is fitted again.

    Raises ValueError for an unknown criterion, and for "kfold" where no folds were scored.
    """
    if criterion == "kfold" and all(np.all(np.isnan(c.scores.kfold_rows)) for c in candidates):
        raise ValueError("no k-fold scores here: ask for them by compare(criterion='kfold')")
    parts = [CRITERIA[check_criterion(criterion)](c.scores) for c in candidates]
    bounds = [c.scores.error_bound for c in candidates]
    found = differences([rows for rows, _ in parts], [extra for _, extra in parts], bounds)
    totals = [np.sum(rows) + extra for rows, extra in parts]
    order = sorted(
        range(len(found)), key=lambda j: -totals[j] if np.isfinite(totals[j]) else np.inf
    )
    return Comparison(
        tuple(candidates[j] for j in order),
        tuple(found[j] for j in order),
        criterion,
        candidates[0].scores.num_rows,
        notes,
    )


def _candidate(
    name: str, result: FitResult, scores: Scores, view: View, seconds: float
) -> Candidate:
    # Per row, a density of y is that of y / s divided by s. Folds bring their own scale.
    log_scale = np.asarray(view.log_scale)
    scores = scores._replace(
        evidence_rows=scores.evidence_rows - log_scale,
        loo_rows=scores.loo_rows - log_scale,
        num_parameters=scores.num_parameters + view.num_parameters,
    )
    status = scores.status
    evidence = host_estimate(np.sum(scores.evidence_rows), scores.error_bound, status)
    result = result._replace(model=on_host(result.model))
    return Candidate(name, result.model, result, scores, evidence, seconds, status)
