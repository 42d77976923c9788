"""What both estimators share: predicting, and reporting what was fitted."""

import numbers
import warnings
from typing import Any

import equinox as eqx
import jax
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gpkit.data.transforms import Identity
from gpkit.estimators.rows import Kept, NoRows
from gpkit.estimators.scoring import crps_values, log_densities
from gpkit.estimators.task import Task, check_rows
from gpkit.fitting import FitResult
from gpkit.fitting.budget import Plan, plan_fit, subset
from gpkit.fitting.problem import condition_fitted
from gpkit.kernels import AbstractKernel, Columns, to_expression
from gpkit.model import GP
from gpkit.padding import pad_rows
from gpkit.posterior import Posterior, condition
from gpkit.predictor import Predictor, host_estimate, on_host
from gpkit.results import Estimate, Event, Progress, Status
from gpkit.selection.mixture import MixturePredictor
from gpkit.solvers import AbstractSolver, Auto, DeferredFactor, Dense, Iterative, IterativeFactor
from gpkit.solvers.auto import choose, count_kernels
from gpkit.transformed import TransformedPredictor, transformed


class AbstractGPEstimator(RegressorMixin, BaseEstimator):
    """Predictions in original units, for a new observation (noise included).

    With ``missing="drop"`` a row with a missing entry gets NaN, with one warning that counts
    them; every row of X has its row in what comes back.
    """

    # A Predictor, or a TransformedPredictor or MixturePredictor, which offer the same methods.
    predictor_: Any
    missing: str

    def predict(
        self,
        X: Any,
        return_std: bool = False,
        return_cov: bool = False,
        *,
        noise_variance: Any = None,
    ) -> Any:
        """Mean of new observations, shape (m,) or (m, t), in the units of y.

        With `return_std` also their standard deviation, of the same shape; with `return_cov`
        their joint covariance (m, m) or (m, m, t) instead. Noise is included in both;
        `noise_variance` are known variances of these rows, added to it.

        Raises ValueError for rows that do not fit the training columns.
        """
        if return_std and return_cov:
            raise ValueError("ask for return_std or return_cov, not both")
        predictor, rows, kept = self._fitted(X)
        known = kept.only(noise_variance)
        if return_cov:
            joint = predictor.covariance(rows, noise_variance=known)
            return kept.spread(predictor.mean(rows)), kept.spread(joint, axes=2)
        if not return_std:
            return kept.spread(predictor.mean(rows))
        return tuple(kept.spread(part) for part in predictor.predict(rows, noise_variance=known))

    def predict_latent(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the function itself, without noise."""
        predictor, rows, kept = self._fitted(X)
        mean, std = predictor.latent(rows)
        return kept.spread(mean), kept.spread(std)

    def predict_quantiles(self, X: Any, levels: Any = (0.05, 0.5, 0.95)) -> np.ndarray:
        """Quantiles of new observations: shape (m, q), or (m, t, q)."""
        predictor, rows, kept = self._fitted(X)
        return kept.spread(predictor.quantiles(rows, levels))

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> np.ndarray:
        """Joint draws of new observations: shape (m, n_samples), or (m, t, n_samples)."""
        predictor, rows, kept = self._fitted(X)
        draws = predictor.sample(rows, num_samples=n_samples, seed=draw_seed(random_state))
        return kept.spread(np.moveaxis(draws, 0, -1))

    def log_density(self, X: Any, y: Any) -> np.ndarray:
        """Log predictive density of targets y of new rows, in nats, of the shape of y.

        Of y itself, also behind a `target_transform` (the Jacobian is counted). Minus infinity
        for a target that the transform excludes.
        """
        return self._scored(log_densities, X, y)

    def crps(self, X: Any, y: Any) -> np.ndarray:
        """Continuous ranked probability score of targets y, in units of y; lower is better."""
        return self._scored(crps_values, X, y)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination of `predict`, over the rows that are complete."""
        mean = self.predict(X)
        complete = ~np.isnan(mean.reshape(len(mean), -1)).any(axis=1)
        target = np.asarray(y)[complete]
        weight = None if sample_weight is None else np.asarray(sample_weight)[complete]
        return float(r2_score(target, mean[complete], sample_weight=weight))

    def set_params(self, **params: Any) -> "AbstractGPEstimator":
        """Set parameters by name, as scikit-learn does.

        Raises ValueError for a nested name such as ``kernel__lengthscale``: a kernel is one
        value, and grids go over whole kernels.
        """
        nested = next((name for name in params if "__" in name), None)
        if nested is not None:
            raise ValueError(
                f"{nested!r} is no parameter of {type(self).__name__}: a kernel is one value. "
                "Search over whole kernels instead: "
                'GridSearchCV(GPRegressor(), {"kernel": ["matern32(lengthscale=0.5)", '
                '"matern32(lengthscale=2)"], "optimizer": [None]}), where optimizer=None keeps '
                "the values as written"
            )
        BaseEstimator.set_params(self, **params)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self.missing == "drop"
        return tags

    def _fitted(self, X: Any) -> tuple[Any, Any, Kept]:
        """The predictor, the complete rows, and which these are."""
        check_is_fitted(self, "predictor_")
        table = check_rows(self, X)
        if self.missing != "drop":
            return self.predictor_, table, Kept(None)
        first = self.predictor_
        if isinstance(first, MixturePredictor):
            first = first.predictors[0]
        complete = first.encoder.complete(table)
        if complete.all():
            return self.predictor_, table, Kept(None)
        warnings.warn(
            f"{type(self).__name__}: {int((~complete).sum())} of {len(complete)} rows have missing "
            "entries; their predictions are NaN",
            stacklevel=3,
        )
        predictor = self.predictor_ if complete.any() else NoRows(first.scaler.center.shape)
        return predictor, table[complete], Kept(complete)

    def _scored(self, rule: Any, X: Any, y: Any) -> np.ndarray:
        predictor, rows, kept = self._fitted(X)
        target = np.asarray(y, np.float64)
        expected = kept.only(target)
        return kept.spread(rule(predictor, rows, expected))


def draw_seed(random_state: Any) -> int:
    """A seed for JAX keys from scikit-learn's random_state."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def fit_seed(random_state: Any, checkpoint: Any) -> int:
    """The seed of a fit; with a checkpoint it must be known, or no call could repeat it."""
    if checkpoint is not None and not isinstance(random_state, numbers.Integral):
        raise ValueError(
            f"a checkpoint needs an integer random_state, such as random_state=0, so that the "
            f"same call goes on where it ended; got {random_state!r}"
        )
    return draw_seed(random_state)


def plan_rows(
    estimator: Any, task: Task, kernels: int, num_fits: int, checkpoint: Any = None
) -> Plan:
    """Which rows are fitted by which solver; `kernels` as `count_kernels` counts them."""
    solver = estimator.solver
    given = isinstance(solver, AbstractSolver)
    # Only dense fits keep their evaluations.
    kept = checkpoint is not None and solver == "auto"
    n, d = task.X.shape
    plan = plan_fit(
        n,
        d,
        num_fits=num_fits,
        solver="dense" if given or kept else solver,
        memory=estimator.memory,
        seconds=estimator.budget,
        kernels=kernels,
        targets=max(1, task.y.size // n),
    )
    if given:
        kind = "dense" if isinstance(solver, Dense) else "iterative"
        reason = (f"fitted on all {n} rows by the solver that was given",)
        return plan._replace(rows=n, posterior_rows=n, solver=kind, reasons=reason)
    if kept and plan.rows < n:
        return plan._replace(reasons=(*plan.reasons, "a checkpoint keeps dense fits only"))
    return plan


def announce(estimator: Any, plan: Plan, progress: Progress, *, seconds: float) -> None:
    """Print the plan where it was asked for, or is no matter of course; say how long it takes."""
    if estimator.verbose or plan.reasons:
        print(f"gpkit: {plan.summary()}")
    progress(Event("plan", 0, None, seconds, plan.summary()))


def make_solver(estimator: Any, plan: Plan) -> AbstractSolver:
    """The solver of a plan, for evidences."""
    if isinstance(estimator.solver, AbstractSolver):
        return estimator.solver
    memory = Auto(memory=estimator.memory).memory
    return Dense() if plan.solver == "dense" else Iterative(memory=memory, rank=plan.rank)


def make_predictor(
    estimator: Any, full: Task, model: GP, plan: Plan, seed: int
) -> Predictor | TransformedPredictor:
    """The posterior of a fitted model on as many rows as the plan allows."""
    dataset = full.dataset
    keep = subset(dataset.n, plan.posterior_rows, seed)
    known = full.noise_variance
    with jax.enable_x64(True):
        rows = full.X[keep], full.y[keep], None if known is None else known[keep]
        solver = make_solver(estimator, plan)
        asked = isinstance(estimator.solver, Iterative) or estimator.solver == "iterative"
        if isinstance(solver, Auto | Iterative) and not asked:
            size = {"kernels": count_kernels(model.kernel), "memory": solver.memory}
            found = choose(*full.X.shape, task="posterior", **size)
            # Exact where it fits, though single precision would be faster.
            exact = any(o.name == "dense" and o.eligible for o in found.alternatives)
            solver = Dense() if exact else Iterative(memory=solver.memory)
        if isinstance(solver, Iterative) and solver is not estimator.solver:
            # A whole factor is for evidences.
            solver = Iterative(memory=solver.memory)
        if isinstance(solver, Dense):
            posterior = condition_fitted(model, pad_rows(*rows))
        else:
            posterior = _deferred(model, *rows, solver, jax.random.key(seed))
        posterior = on_host(posterior)
    found = Predictor(full.encoder, full.scaler, posterior, len(keep), dataset.targets)
    plain = isinstance(full.transform, Identity)
    return found if plain else transformed(found, full.transform)


def _deferred(model: GP, X: Any, y: Any, known: Any, solver: AbstractSolver, key: Any) -> Posterior:
    """A posterior whose factor is small to keep, where the solver's own would not be."""
    found = condition(model, X, y, solver=solver, noise_variance=known, key=key)
    if not isinstance(found.factor, IterativeFactor) or not isinstance(solver, Iterative):
        return found
    factor = DeferredFactor(
        H=found.factor.H, solver=solver, key_data=jax.random.key_data(key), status=found.status
    )
    return eqx.tree_at(lambda p: p.factor, found, factor)


def original_evidence(result: FitResult, task: Task, keep: np.ndarray) -> Estimate:
    """The log evidence of rows of the targets in original units, as plain numbers."""
    slopes = float(np.sum(task.transform.log_slope(task.dataset.y[keep])))
    if result.evidence is not None:
        estimate = on_host(result.evidence)
        shift = task.scaler.log_evidence(0.0, len(keep)) + slopes
        moved = (estimate.value + shift, estimate.samples + shift)
        return eqx.tree_at(lambda e: (e.value, e.samples), estimate, moved)
    # The objective of the fit holds the prior; the evidence does not. Not by the sum of rows,
    # whose rounding the units of y would then change.
    scaled = task.scaler.log_evidence(result.log_density - result.log_prior, len(keep))
    return host_estimate(scaled + slopes, result.error_bound, result.status)


def written_kernel(kernel: AbstractKernel, columns: Columns) -> str:
    """The kernel as an expression in original units.

    A Python function or a class of the user's own has no expression: it is written as it
    prints, in standardised units.
    """
    try:
        with jax.enable_x64(True):
            return to_expression(kernel, columns, digits=4)
    except ValueError:
        return repr(kernel)


def warn_of(status: Status, name: str) -> None:
    """A ConvergenceWarning with advice, unless the status means exact or met."""
    quiet = (Status.SUCCESS, Status.EARLY_BREAKDOWN)
    if status not in quiet:
        warnings.warn(
            f"{name}: {status.name.lower().replace('_', ' ')}. {status.advice}",
            ConvergenceWarning,
            stacklevel=3,
        )
