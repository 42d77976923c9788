"""`GPSelector`: the right Gaussian process for a table, with error bars on the choice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import jax
import numpy as np

from gpkit.data import Dataset, kfold
from gpkit.estimators.base import (
    AbstractGPEstimator,
    draw_seed,
    make_predictor,
    warn_of,
    written_kernel,
)
from gpkit.estimators.task import Task, make_dataset, make_model
from gpkit.estimators.threads import lapack_threads
from gpkit.fitting.budget import Plan, plan_dense, subset
from gpkit.results import Progress, silent
from gpkit.selection.candidates import default_candidates
from gpkit.selection.comparison import Comparison, compare
from gpkit.selection.mixture import MixturePredictor

_NUM_FOLDS = 5
_LEAST_WEIGHT = 0.01


@final
class GPSelector(AbstractGPEstimator):
    """Fits candidate Gaussian processes, ranks them, and predicts with the best.

    Parameters
    ----------
    candidates : list or dict of kernels, or None
        Expressions or kernels; a dict gives them names. None takes
        `gpkit.selection.default_candidates`: isotropic and ARD forms of the usual kernels.
    criterion : {"evidence", "map", "bic", "aic", "loo", "kfold"}
    predict_with : {"best", "stacking"}
        "stacking" predicts with the mixture of all candidates whose leave-one-out stacking
        weight is above 0.01: its mean and its standard deviation.
    n_restarts : int, default=1
        Of every candidate; see `GPRegressor` for this and all other parameters.

    Attributes
    ----------
    comparison_ : Comparison
        `comparison_.table` is a DataFrame, ranked; `comparison_.verdict()` one line.
    best_ : str
        Name of the candidate with the highest score.
    undecided_ : tuple of str
        Candidates that can't be told apart from it.
    kernel_, model_, log_evidence_, predictor_, plan_ : of the best candidate

    Examples
    --------
    >>> import numpy as np
    >>> from gpkit import GPSelector
    >>> X = np.linspace(0, 6, 30)[:, None]
    >>> y = np.sin(X[:, 0]) + 0.1 * np.cos(20 * X[:, 0])
    >>> sel = GPSelector(["rbf", "linear"], random_state=0).fit(X, y)
    >>> sel.best_, sel.undecided_
    ('rbf', ())
    """

    def __init__(
        self,
        candidates: Any = None,
        criterion: str = "evidence",
        *,
        predict_with: str = "best",
        mean: Any = "constant",
        noise: Any = "gaussian",
        prior: Any = "default",
        optimizer: Any = "lbfgs",
        n_restarts: int = 1,
        max_steps: int = 200,
        standardize: bool = True,
        memory: Any = None,
        budget: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.candidates = candidates
        self.criterion = criterion
        self.predict_with = predict_with
        self.mean = mean
        self.noise = noise
        self.prior = prior
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.max_steps = max_steps
        self.standardize = standardize
        self.memory = memory
        self.budget = budget
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, *, noise_variance: Any = None, progress: Progress = silent
    ) -> "GPSelector":
        """Fit every candidate to rows X and targets y, and rank them.

        Arguments as in `GPRegressor.fit`.

        Raises ValueError where no candidate can be fitted at all.
        """
        if self.predict_with not in ("best", "stacking"):
            raise ValueError(
                f"predict_with must be 'best' or 'stacking', got {self.predict_with!r}"
            )
        dataset = make_dataset(self, X, y, noise_variance)
        seed = draw_seed(self.random_state)
        task = Task.of(dataset, standardize=self.standardize)
        kernels = name_candidates(self.candidates, dataset.d)
        fits = len(kernels) * (1 + self.n_restarts)
        plan = plan_dense(
            dataset.n, task.X.shape[1], num_fits=fits, memory=self.memory, seconds=self.budget
        )
        if self.verbose or plan.reasons:
            print(f"gpkit: {plan.summary()}")
        keep = subset(dataset.n, plan.rows, seed)
        self.comparison_ = self._compare(task, kernels, keep, seed, plan.reasons, progress)
        self._store(dataset, task, plan, seed)
        return self

    def _compare(
        self,
        task: Task,
        kernels: dict[str, Any],
        keep: np.ndarray,
        seed: int,
        notes: tuple[str, ...],
        progress: Progress,
    ) -> Comparison:
        known = task.noise_variance
        folds = None
        if self.criterion == "kfold":
            folds = [
                task.fold(keep[s.train], keep[s.test], standardize=self.standardize)._replace(
                    rows=np.asarray(s.test)
                )
                for s in kfold(len(keep), min(_NUM_FOLDS, len(keep)), seed=seed)
            ]
        with jax.enable_x64(True), lapack_threads(len(keep)):
            models = {
                name: make_model(task, kernel, self.mean, self.noise, self.prior)
                for name, kernel in kernels.items()
            }
            found = compare(
                models,
                task.X[keep],
                task.y[keep],
                criterion=self.criterion,
                optimizer=self.optimizer,
                noise_variance=None if known is None else known[keep],
                n_restarts=self.n_restarts,
                max_steps=self.max_steps,
                folds=folds,
                log_scale=task.log_scale,
                key=jax.random.key(seed),
                progress=progress,
            )
        return found.with_notes(notes)

    def _store(self, dataset: Dataset, task: Task, plan: Plan, seed: int) -> None:
        best = self.comparison_.best_
        if self.comparison_.differences[0].decision == "failed":
            raise ValueError(f"{self.comparison_.verdict()}; {best.name}: {best.status.advice}")
        self.plan_ = plan
        self.best_, self.undecided_ = best.name, self.comparison_.undecided_
        self.model_ = best.model
        self.log_evidence_ = best.log_evidence
        self.kernel_ = written_kernel(best.model.kernel, task.columns)
        self.predictor_ = make_predictor(dataset, task, best.model, plan, seed)
        if self.predict_with == "stacking":
            self.predictor_ = self._stack(dataset, task, plan, seed)
            self.comparison_ = replace(self.comparison_, predictions="the stacked mixture")
        self.n_iter_ = max(1, len(best.fit.history.value) - 1)
        warn_of(best.status, f"GPSelector ({best.name})")

    def _stack(self, dataset: Dataset, task: Task, plan: Plan, seed: int) -> MixturePredictor:
        weights = self.comparison_.weights
        kept = [c for c in self.comparison_.candidates if weights[c.name] > _LEAST_WEIGHT]
        found = np.array([weights[c.name] for c in kept])
        predictors = tuple(make_predictor(dataset, task, c.model, plan, seed) for c in kept)
        return MixturePredictor(found / found.sum(), predictors)


def name_candidates(candidates: Any, num_columns: int) -> dict[str, Any]:
    """Candidates by name: of a list, the names are the expressions.

    Raises ValueError for an empty list or a name used twice.
    """
    if candidates is None:
        candidates = default_candidates(num_columns)
    if isinstance(candidates, str):
        raise ValueError(
            f"candidates must be a list of kernels, got the text {candidates!r}; write "
            f"[{candidates!r}], or use GPRegressor for a single kernel"
        )
    named: dict[str, Any] = {}
    if isinstance(candidates, Mapping):
        named.update(candidates)
    else:
        for kernel in candidates:
            name = kernel if isinstance(kernel, str) else repr(kernel)
            if name in named:
                raise ValueError(f"candidate {name!r} is listed twice")
            named[name] = kernel
    if not named:
        raise ValueError("candidates is empty: list at least one kernel, or pass None")
    return named
