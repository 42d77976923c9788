r"""`refine`: the best of a comparison on some rows, fitted to all rows and compared again.

The evidence of a model on many rows is an estimate. All of them are made with the same key, so
that their probes are common and a difference is paired, probe by probe. To the half width of its
interval comes what the difference says about rows of this kind: per row it is as uncertain as on
the rows of the screening, whose standard error grows with the root of the number of rows.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gpkit._types import Array
from gpkit.fitting import FitResult, fit
from gpkit.params import num_parameters
from gpkit.predictor import on_host
from gpkit.results import Estimate, Event, Progress, Status
from gpkit.selection.comparison import Candidate, Comparison
from gpkit.selection.criteria import CRITERIA, Scores, View
from gpkit.selection.decision import Difference, decide, paired_stderr
from gpkit.solvers.base import AbstractSolver

# Criteria that the evidence decides, up to constants.
BY_EVIDENCE = ("evidence", "map", "bic", "aic")
_LEAST = 2


def refine(
    screened: Comparison,
    X: Any,
    views: Mapping[str, View],
    *,
    most: int,
    solver: AbstractSolver,
    noise_variance: Any = None,
    max_steps: int = 200,
    key: Array,
    progress: Progress,
) -> Comparison:
    """The best candidate and those that can't be told from it, fitted to all rows of X.

    At most `most` of them, at least two where `most` allows and there are two; each starts at the
    parameters of the screening. Under the criteria "loo" and "kfold", which are not computed
    here, the best one alone is fitted again, and the comparison keeps its ranking. Ctrl-C keeps
    the candidates that are finished, if there is one.
    """
    ranked = screened.criterion in BY_EVIDENCE
    names = _worth_refining(screened, most if ranked else 1)
    by_name = {c.name: c for c in screened.candidates}
    done: list[Candidate] = []
    status = Status.SUCCESS
    for number, name in enumerate(names):
        progress(Event("candidate", number, len(names), np.nan, f"{name}, all rows"))
        clock = time.perf_counter()
        try:
            result = fit(
                by_name[name].model, X, views[name].y, solver=solver, max_steps=max_steps,
                noise_variance=noise_variance, key=key, progress=progress,
            )  # fmt: skip
        except KeyboardInterrupt:
            if not done:
                raise
            status = Status.INTERRUPTED
            break
        seconds = time.perf_counter() - clock
        done.append(_candidate(by_name[name], result, views[name], len(X), seconds))
        if result.status == Status.INTERRUPTED:
            status = Status.INTERRUPTED
            break
    progress(Event("candidate", len(names), len(names), np.nan, ""))
    note = (
        f"{len(screened.candidates)} candidates were screened on {screened.num_rows} rows; "
        f"on all {len(X)} rows: {', '.join(c.name for c in done)}"
    )
    if ranked:
        found = _compared(done, screened, len(X))
        return replace(found, notes=(*screened.notes, note), status=status)
    best = replace(done[0], scores=screened.best_.scores)
    others = screened.candidates[1:]
    return replace(
        screened, candidates=(best, *others), notes=(*screened.notes, note), status=status
    )


def _worth_refining(screened: Comparison, most: int) -> list[str]:
    pairs = list(zip(screened.candidates, screened.differences, strict=True))
    usable = [c.name for c, d in pairs if d.decision != "failed"]
    close = [c.name for c, d in pairs if d.decision in ("best", "undecided")]
    return (close if len(close) >= _LEAST else usable[:_LEAST])[:most]


def _candidate(
    screened: Candidate, result: FitResult, view: View, n: int, seconds: float
) -> Candidate:
    shift = -float(np.sum(np.broadcast_to(view.log_scale, (n,))))
    evidence = _evidence(result, shift)
    scores = Scores(
        evidence_rows=np.array([float(evidence.value)]),
        loo_rows=np.array([np.nan]),
        kfold_rows=np.array([np.nan]),
        log_prior=result.log_prior,
        num_parameters=num_parameters(result.model) + view.num_parameters,
        error_bound=float(evidence.error_bound),
        status=result.status,
        num_rows=n,
    )
    kept = on_host((result.model, result.evidence))
    result = result._replace(model=kept[0], evidence=kept[1])
    seconds += screened.seconds
    return Candidate(screened.name, kept[0], result, scores, evidence, seconds, result.status)


def _evidence(result: FitResult, shift: float) -> Estimate:
    found = result.evidence
    if found is None:
        value = result.log_density - result.log_prior
        found = Estimate.exact(value, error_bound=result.error_bound, status=int(result.status))
    return on_host(found + Estimate.exact(np.asarray(shift, found.value.dtype)))


def _compared(done: list[Candidate], screened: Comparison, n: int) -> Comparison:
    """The candidates ranked by their estimates, each against the best."""
    constants = [CRITERIA[screened.criterion](c.scores)[1] for c in done]
    totals = [float(c.log_evidence.value) + k for c, k in zip(done, constants, strict=True)]
    order = sorted(range(len(done)), key=lambda j: -np.nan_to_num(totals[j], nan=-np.inf))
    best = order[0]
    rows = {c.name: c.scores.evidence_rows for c in screened.candidates}
    found = []
    for j in order:
        if not np.isfinite(totals[j]):
            found.append(Difference(np.nan, np.nan, "failed"))
            continue
        if j == best:
            found.append(Difference(0.0, 0.0, "best"))
            continue
        gap = done[best].log_evidence - done[j].log_evidence
        low, high = (float(end) for end in gap.interval(0.95))
        kind = paired_stderr(rows[done[j].name], rows[done[best].name])
        kind *= np.sqrt(n / screened.num_rows)
        delta = totals[j] - totals[best]
        stderr = float(np.hypot(kind, float(gap.stderr)))
        found.append(Difference(delta, stderr, decide(-delta, kind, 0.5 * (high - low))))
    return Comparison(tuple(done[j] for j in order), tuple(found), screened.criterion, n)
