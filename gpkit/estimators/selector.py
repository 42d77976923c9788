"""`GPSelector`: the right Gaussian process for a table, with error bars on the choice."""

from dataclasses import replace
from typing import Any, final

import jax
import numpy as np

from gpkit.estimators.base import (
    AbstractGPEstimator,
    announce,
    fit_seed,
    make_solver,
    plan_rows,
    warn_of,
    written_kernel,
)
from gpkit.estimators.choices import Work, make_choices
from gpkit.estimators.summary import parameter_summary
from gpkit.estimators.task import make_dataset, make_model
from gpkit.estimators.threads import lapack_threads
from gpkit.fitting.budget import LARGE_SECONDS, Plan, plan_fit, subset
from gpkit.model import GP
from gpkit.results import Progress, Status, silent
from gpkit.selection.comparison import Comparison, compare
from gpkit.selection.mixture import MixturePredictor
from gpkit.selection.refining import BY_EVIDENCE, refine
from gpkit.solvers.auto import count_kernels

_LEAST_WEIGHT = 0.01
# Candidates that are fitted to all rows of a large table at the most.
_REFINED = 3


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
    target_transform : name, None, or a list of these
        As in `GPRegressor`. Of a list, every candidate is fitted with each; all scores are of
        y itself, with the Jacobian, so that they compare. A candidate may also name its own:
        ``{"skewed": {"kernel": "rbf", "target_transform": "log"}}``.
    solver : {"auto", "dense", "iterative"} or solver, default="auto"
        Where all candidates can't be fitted to all rows within `memory` and `budget`, they are
        fitted to a seeded subset (`screening_`). Unless this is "dense", the best of them are then
        fitted to all rows and compared again, by the iterative solver where dense would take too
        long.
    n_restarts : int, default=1
        Of every candidate; see `GPRegressor` for this and all other parameters.

    Attributes
    ----------
    comparison_ : Comparison
        `comparison_.table` is a DataFrame, ranked; `comparison_.verdict()` one line.
    screening_ : Comparison or None
        The comparison on a subset of rows, where `comparison_` is of the best few on all rows.
    best_ : str
        Name of the candidate with the highest score.
    undecided_ : tuple of str
        Candidates that can't be told apart from it.
    kernel_, model_, log_evidence_, predictor_, plan_, summary_ : of the best candidate
    target_transform_ : str or None
        The transform of the best candidate.
    notes_ : tuple of str
        Columns and rows that were left out, and why.

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
        solver: Any = "auto",
        optimizer: Any = "lbfgs",
        n_restarts: int = 1,
        max_steps: int = 200,
        standardize: bool = True,
        target_transform: Any = None,
        missing: str = "error",
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
        self.solver = solver
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.max_steps = max_steps
        self.standardize = standardize
        self.target_transform = target_transform
        self.missing = missing
        self.memory = memory
        self.budget = budget
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        noise_variance: Any = None,
        checkpoint: Any = None,
        progress: Progress = silent,
    ) -> "GPSelector":
        """Fit every candidate to rows X and targets y, and rank them.

        Arguments as in `GPRegressor.fit`; the checkpoint file goes on with the candidate at
        which a killed selection ended.

        Raises ValueError where no candidate can be fitted at all.
        """
        if self.predict_with not in ("best", "stacking"):
            raise ValueError(
                f"predict_with must be 'best' or 'stacking', got {self.predict_with!r}"
            )
        dataset = make_dataset(self, X, y, noise_variance)
        seed = fit_seed(self.random_state, checkpoint)
        choices = make_choices(self.candidates, self.target_transform, dataset.d)
        work = Work.of(dataset, choices, seed, standardize=self.standardize)
        with jax.enable_x64(True):
            models = {
                name: make_model(work.of_choice(c), c.kernel, self.mean, self.noise, self.prior)
                for name, c in choices.items()
            }
        screen, final = self._plans(work, models)
        keep = subset(dataset.n, screen.rows, seed)
        announce(self, screen, progress, seconds=screen.seconds)
        self.comparison_ = self._compare(work, models, keep, screen.reasons, checkpoint, progress)
        self.screening_, plan = None, screen
        if final is not None and self.comparison_.status != Status.INTERRUPTED:
            self.screening_, plan = self.comparison_, final
            self.comparison_ = self._refine(work, final, progress)
        self._store(work, plan)
        return self

    def _plans(self, work: Work, models: dict[str, GP]) -> tuple[Plan, Plan | None]:
        """Of the dense fits of all candidates, and where they leave rows out, of the best few."""
        first = next(iter(work.tasks.values()))
        n, d = work.X.shape
        fits = len(models) * (1 + self.n_restarts)
        screen = plan_fit(
            n, d, num_fits=fits, solver="dense", memory=self.memory, seconds=self.budget
        )
        final = None
        dense = isinstance(self.solver, str) and self.solver == "dense"
        asked = not isinstance(self.solver, str) or self.solver == "iterative"
        if asked or (screen.rows < n and not dense):
            kernels = max(count_kernels(model.kernel) for model in models.values())
            final = plan_rows(self, first, kernels, _REFINED)
            if final.rows < n:
                screen, final = screen._replace(reasons=final.reasons), None
        return screen, final

    def _compare(
        self,
        work: Work,
        models: dict[str, GP],
        keep: np.ndarray,
        notes: tuple[str, ...],
        file: Any,
        progress: Progress,
    ) -> Comparison:
        first = next(iter(work.tasks.values()))
        known = first.noise_variance
        with jax.enable_x64(True), lapack_threads(len(keep)):
            found = compare(
                models,
                first.X[keep],
                first.y[keep],
                criterion=self.criterion,
                optimizer=self.optimizer,
                noise_variance=None if known is None else known[keep],
                n_restarts=self.n_restarts,
                max_steps=self.max_steps,
                views=work.views(keep, self.criterion, standardize=self.standardize),
                key=jax.random.key(work.seed),
                checkpoint=file,
                progress=progress,
            )
        return found.with_notes(notes)

    def _refine(self, work: Work, plan: Plan, progress: Progress) -> Comparison:
        """The best candidates of the screening on all rows, as many as time allows."""
        limit = LARGE_SECONDS if self.budget is None else float(self.budget)
        iterative = plan.solver == "iterative"
        most = max(1, min(_REFINED, int(limit / plan.seconds))) if iterative else _REFINED
        announce(self, plan, progress, seconds=most * plan.seconds)
        everything = np.arange(work.dataset.n)
        with jax.enable_x64(True):
            found = refine(
                self.comparison_,
                work.X,
                work.views(everything, BY_EVIDENCE[0], standardize=self.standardize),
                most=most,
                solver=make_solver(self, plan),
                noise_variance=next(iter(work.tasks.values())).noise_variance,
                max_steps=self.max_steps,
                key=jax.random.key(work.seed),
                progress=progress,
            )
        return found.with_notes(plan.reasons)

    def _store(self, work: Work, plan: Plan) -> None:
        best = self.comparison_.best_
        if self.comparison_.differences[0].decision == "failed":
            raise ValueError(f"{self.comparison_.verdict()}; {best.name}: {best.status.advice}")
        task = work.of_choice(work.choices[best.name])
        self.plan_ = plan
        self.best_, self.undecided_ = best.name, self.comparison_.undecided_
        self.model_ = best.model
        self.log_evidence_ = best.log_evidence
        self.target_transform_ = work.choices[best.name].target_transform
        self.kernel_ = written_kernel(best.model.kernel, task.columns)
        self.summary_ = parameter_summary(best.model, task)
        self.notes_ = (*work.dataset.notes, *task.encoder.notes, *task.scaler.notes)
        self.predictor_ = work.predictor(self, best, plan)
        if self.predict_with == "stacking":
            self.predictor_ = self._stack(work, plan)
            self.comparison_ = replace(self.comparison_, predictions="the stacked mixture")
        self.n_iter_ = max(1, len(best.fit.history.value) - 1)
        warn_of(best.status, f"GPSelector ({best.name})")

    def _stack(self, work: Work, plan: Plan) -> MixturePredictor:
        # Leave-one-out densities are those of the rows that all candidates were fitted to.
        weights = (self.screening_ or self.comparison_).weights
        kept = [c for c in self.comparison_.candidates if weights[c.name] > _LEAST_WEIGHT]
        kept = kept or [self.comparison_.best_]
        found = np.array([max(weights[c.name], _LEAST_WEIGHT) for c in kept])
        return MixturePredictor(
            found / found.sum(), tuple(work.predictor(self, c, plan) for c in kept)
        )
