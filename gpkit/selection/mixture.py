"""Predictions of several models at once, weighted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from gpkit.predictor import Prediction, Predictor
from gpkit.transformed import TransformedPredictor, gaussian_view, normal_scores

_HALVINGS = 60


@dataclass(frozen=True, eq=False)
class MixturePredictor:
    r"""The mixture $\sum_k w_k\, p_k(y \mid x)$ of predictors; offers what `Predictor` does.

    Means and variances are those of the mixture (law of total variance); quantiles are
    exact, by bisection of its distribution function.
    """

    weights: np.ndarray
    predictors: tuple[Predictor | TransformedPredictor, ...]

    def predict(self, table: Any, *, noise_variance: Any = None) -> Prediction:
        """Mean and standard deviation of new observations."""
        parts = [p.predict(table, noise_variance=noise_variance) for p in self.predictors]
        return self._mix(parts)

    def latent(self, table: Any) -> Prediction:
        """Mean and standard deviation of the function, without noise."""
        return self._mix([p.latent(table) for p in self.predictors])

    def mean(self, table: Any) -> np.ndarray:
        """Mean alone."""
        return np.tensordot(self.weights, [p.mean(table) for p in self.predictors], 1)

    def covariance(self, table: Any, *, noise_variance: Any = None) -> np.ndarray:
        """Joint covariance of new observations, (m, m) or (m, m, t)."""
        means = np.stack([p.mean(table) for p in self.predictors])
        parts = [p.covariance(table, noise_variance=noise_variance) for p in self.predictors]
        within = np.tensordot(self.weights, parts, 1)
        apart = means - np.tensordot(self.weights, means, 1)
        between = np.einsum("k,ki...,kj...->ij...", self.weights, apart, apart)
        return within + between

    def quantiles(self, table: Any, levels: Any) -> np.ndarray:
        """Quantiles of new observations: shape (m, ..., q)."""
        levels = np.atleast_1d(np.asarray(levels, float))
        views = [gaussian_view(p, table) for p in self.predictors]
        ends = np.stack([p.quantiles(table, levels) for p in self.predictors])
        # Levels first: the last axis of a transform belongs to the targets.
        low, high = np.moveaxis(ends.min(axis=0), -1, 0), np.moveaxis(ends.max(axis=0), -1, 0)
        wanted = levels.reshape(-1, *(1,) * (low.ndim - 1))
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = sum(
                w * ndtr(normal_scores(view, middle))
                for w, view in zip(self.weights, views, strict=True)
            )
            low, high = (
                np.where(below < wanted, middle, low),
                np.where(below < wanted, high, middle),
            )
        return np.moveaxis(0.5 * (low + high), 0, -1)

    def sample(self, table: Any, *, num_samples: int, seed: int) -> np.ndarray:
        """Joint draws, each from one model drawn by its weight."""
        chosen = np.random.default_rng(seed).choice(
            len(self.predictors), size=num_samples, p=self.weights
        )
        draws = [
            p.sample(table, num_samples=num_samples, seed=seed + 1 + k)
            for k, p in enumerate(self.predictors)
        ]
        return np.stack([draws[k][i] for i, k in enumerate(chosen)])

    def _mix(self, parts: list[Prediction]) -> Prediction:
        means = np.stack([p.mean for p in parts])
        stds = np.stack([p.std for p in parts])
        mean = np.tensordot(self.weights, means, 1)
        # Scaled by the largest term first: squares of original units can overflow.
        apart = np.abs(means - mean)
        top = np.maximum(stds.max(axis=0), apart.max(axis=0))
        safe = np.where(top > 0, top, 1.0)
        square = np.tensordot(self.weights, (stds / safe) ** 2 + (apart / safe) ** 2, 1)
        return Prediction(mean, safe * np.sqrt(square))
