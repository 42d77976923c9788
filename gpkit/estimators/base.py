"""What both estimators share: predicting, and reporting what was fitted."""

import numbers
import warnings
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gpkit.data import Dataset
from gpkit.estimators.task import Task, check_rows
from gpkit.fitting.budget import Plan, subset
from gpkit.fitting.problem import condition_fitted
from gpkit.kernels import AbstractKernel, Columns, to_expression
from gpkit.model import GP
from gpkit.padding import pad_rows
from gpkit.predictor import Predictor, host_estimate, on_host
from gpkit.results import Estimate, Status


class AbstractGPEstimator(RegressorMixin, BaseEstimator):
    """Predictions in original units, for a new observation (noise included)."""

    # A Predictor, or a MixturePredictor, which offers the same methods.
    predictor_: Any

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
        predictor, rows = self._fitted(X)
        if return_cov:
            joint = predictor.covariance(rows, noise_variance=noise_variance)
            return predictor.mean(rows), joint
        if not return_std:
            return predictor.mean(rows)
        return tuple(predictor.predict(rows, noise_variance=noise_variance))

    def predict_latent(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the function itself, without noise."""
        predictor, rows = self._fitted(X)
        mean, std = predictor.latent(rows)
        return mean, std

    def predict_quantiles(self, X: Any, levels: Any = (0.05, 0.5, 0.95)) -> np.ndarray:
        """Quantiles of new observations: shape (m, q), or (m, t, q)."""
        predictor, rows = self._fitted(X)
        return predictor.quantiles(rows, levels)

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> np.ndarray:
        """Joint draws of new observations: shape (m, n_samples), or (m, t, n_samples)."""
        predictor, rows = self._fitted(X)
        draws = predictor.sample(rows, num_samples=n_samples, seed=draw_seed(random_state))
        return np.moveaxis(draws, 0, -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _fitted(self, X: Any) -> tuple[Any, Any]:
        check_is_fitted(self, "predictor_")
        return self.predictor_, check_rows(self, X)


def draw_seed(random_state: Any) -> int:
    """A seed for JAX keys from scikit-learn's random_state."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def make_predictor(dataset: Dataset, full: Task, model: GP, plan: Plan, seed: int) -> Predictor:
    """The posterior of a fitted model on as many rows as the plan allows."""
    keep = subset(dataset.n, plan.posterior_rows, seed)
    known = full.noise_variance
    with jax.enable_x64(True):
        rows = pad_rows(full.X[keep], full.y[keep], None if known is None else known[keep])
        posterior = on_host(condition_fitted(model, rows))
    return Predictor(full.encoder, full.scaler, posterior, len(keep), dataset.targets)


def original_evidence(
    value: float, error_bound: float, status: Status, task: Task, num_rows: int
) -> Estimate:
    """The log evidence of rows of the targets in original units, as plain numbers."""
    return host_estimate(task.scaler.log_evidence(value, num_rows), error_bound, status)


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
    """A ConvergenceWarning with advice for every status that needs attention."""
    quiet = (Status.SUCCESS, Status.LINE_SEARCH_FAILED, Status.EARLY_BREAKDOWN)
    if status not in quiet:
        warnings.warn(
            f"{name}: {status.name.lower().replace('_', ' ')}. {status.advice}",
            ConvergenceWarning,
            stacklevel=3,
        )
