r"""Criteria by which fitted models are ranked, all in nats, higher is better.

| name       | score                                              | speaks of                   |
|------------|----------------------------------------------------|-----------------------------|
| `evidence` | $\log p(y \mid \hat\theta)$                        | the data, at the optimum    |
| `map`      | $\log p(y \mid \hat\theta) + \log p(\hat\theta)$   | the same, priors counted    |
| `bic`      | $\log p(y \mid \hat\theta) - \tfrac12 k \log n$    | evidence, parameters priced |
| `aic`      | $\log p(y \mid \hat\theta) - k$                    | a new data set              |
| `loo`      | $\sum_i \log p(y_i \mid y_{-i}, \hat\theta)$       | a new row                   |
| `kfold`    | the same over k folds, everything refitted         | a new row                   |

k counts the trainable scalars, n the rows. BIC and AIC are half the negative of their usual
form, so that all criteria share a unit. The derivation of BIC assumes independent rows,
which a Gaussian process denies; it is offered because people ask for it.

Every score is a sum over rows plus a constant. The rows make differences between models
paired, and give them a standard error.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gpkit.data import kfold
from gpkit.fitting import FitResult, fit
from gpkit.fitting.journal import SectionOf
from gpkit.fitting.problem import condition_fitted
from gpkit.model import GP
from gpkit.objectives import leave_one_out_log_density, sequential_log_density
from gpkit.padding import pad_rows
from gpkit.params import num_parameters
from gpkit.results import Status


class Scores(NamedTuple):
    """What the criteria are made of; row scores of shape (n,), NaN where not computed.

    Where only the sum over all `num_rows` rows is known, it is the single entry.
    """

    evidence_rows: np.ndarray
    loo_rows: np.ndarray
    kfold_rows: np.ndarray
    log_prior: float
    num_parameters: int
    error_bound: float
    status: Status
    num_rows: int


class Fold(NamedTuple):
    """One split of k-fold cross-validation, scaled by its own training rows.

    `log_scale` is the log of the target's scale there, one number or one per test row, by
    which densities are brought to the scale of the comparison; `rows` are the positions of
    the test rows.
    """

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    rows: np.ndarray
    log_scale: Any = 0.0
    noise_variance: Any = None
    noise_test: Any = None


class View(NamedTuple):
    """The target as a candidate with a transform of its own sees it.

    `y` takes the place of the target; `log_scale` is, one number or one per row, what its
    log density exceeds that of the original target by; `folds` are its folds, and
    `num_parameters` the parameters of the transform that were read off the data.
    """

    y: Any
    log_scale: Any = 0.0
    folds: Any = None
    num_parameters: int = 0


def score(result: FitResult, X: Any, y: Any, *, noise_variance: Any = None) -> Scores:
    """Row scores of a fitted model."""
    n = X.shape[0]
    rows = pad_rows(X, y, noise_variance)
    posterior = condition_fitted(result.model, rows)
    evidence_rows = np.asarray(sequential_log_density(posterior))[:n]
    loo_rows = np.asarray(leave_one_out_log_density(posterior))[:n].reshape(n, -1).sum(axis=1)
    return Scores(
        evidence_rows=evidence_rows,
        loo_rows=loo_rows,
        kfold_rows=np.full(n, np.nan),
        log_prior=result.log_prior,
        num_parameters=num_parameters(result.model),
        error_bound=result.error_bound,
        status=max(result.status, Status(int(posterior.status))),
        num_rows=n,
    )


def make_folds(X: Any, y: Any, k: int, seed: int, *, noise_variance: Any = None) -> list[Fold]:
    """k folds of arrays used as they are: nothing is scaled here."""
    known = None if noise_variance is None else np.asarray(noise_variance)
    return [
        Fold(
            X[split.train],
            y[split.train],
            X[split.test],
            y[split.test],
            np.asarray(split.test),
            0.0,
            None if known is None else known[split.train],
            None if known is None else known[split.test],
        )
        for split in kfold(len(X), k, seed=seed)
    ]


def kfold_rows(
    model: GP,
    folds: list[Fold],
    n: int,
    *,
    max_steps: int,
    optimizer: Any = "lbfgs",
    checkpoint: SectionOf | None = None,
) -> np.ndarray:
    """Log density of each row under the model refitted without its fold, in nats.

    The refit starts at the parameters of the whole fit; with an `optimizer` of None it keeps
    them.
    """
    out = np.full(n, np.nan)
    for number, fold in enumerate(folds):
        result = fit(
            model,
            fold.X,
            fold.y,
            noise_variance=fold.noise_variance,
            max_steps=max_steps,
            optimizer=optimizer,
            checkpoint=None if checkpoint is None else checkpoint.part(f"fold {number}"),
        )
        if result.status == Status.INTERRUPTED:
            # A fit keeps what it has; a row score of some folds is worth nothing.
            raise KeyboardInterrupt
        rows = pad_rows(fold.X, fold.y, fold.noise_variance)
        posterior = condition_fitted(result.model, rows)
        test = pad_rows(fold.X_test, fold.y_test, fold.noise_test)
        mean, variance = posterior.predict(test.X, noise_variance=test.noise_variance)
        m = len(fold.rows)
        mean, variance = np.asarray(mean)[:m], np.asarray(variance)[:m]
        log_density = -0.5 * (
            (np.asarray(fold.y_test) - mean) ** 2 / variance
            + np.log(variance)
            + math.log(2 * math.pi)
        )
        found = log_density.reshape(m, -1).sum(axis=1) - fold.log_scale
        # NaN is for what was not computed.
        out[fold.rows] = np.where(np.isfinite(found), found, -np.inf)
    return out


def _evidence(s: Scores) -> tuple[np.ndarray, float]:
    return s.evidence_rows, 0.0


def _map(s: Scores) -> tuple[np.ndarray, float]:
    return s.evidence_rows, s.log_prior


def _bic(s: Scores) -> tuple[np.ndarray, float]:
    return s.evidence_rows, -0.5 * s.num_parameters * math.log(s.num_rows)


def _aic(s: Scores) -> tuple[np.ndarray, float]:
    return s.evidence_rows, -float(s.num_parameters)


def _loo(s: Scores) -> tuple[np.ndarray, float]:
    return s.loo_rows, 0.0


def _kfold(s: Scores) -> tuple[np.ndarray, float]:
    return s.kfold_rows, 0.0


CRITERIA: Mapping[str, Callable[[Scores], tuple[np.ndarray, float]]] = {
    "evidence": _evidence,
    "map": _map,
    "bic": _bic,
    "aic": _aic,
    "loo": _loo,
    "kfold": _kfold,
}
"""Row scores and the constant added to their sum, by name of the criterion."""


def check_criterion(name: str) -> str:
    """The name, if it is one; ValueError with the list otherwise."""
    if name not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {name!r}")
    return name
