"""Predictions of a target that was transformed before the fit, in its own units."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from gpkit.data import Encoder, TargetScaler
from gpkit.data.transforms import AbstractTransform, Identity, in_range
from gpkit.posterior import Posterior
from gpkit.predictor import Prediction, Predictor


@final
@dataclass(frozen=True, eq=False)
class TransformedPredictor:
    """A `Predictor` of T(y) seen as one of y; offers what `Predictor` does.

    Means and standard deviations are those of y (integrals of the inverse transform),
    quantiles and draws are mapped back exactly.
    """

    encoder: Encoder
    scaler: TargetScaler
    posterior: Posterior
    num_rows: int
    targets: tuple[str, ...]
    transform: AbstractTransform

    @cached_property
    def base(self) -> Predictor:
        """The predictor of the transformed target; one, which keeps what it has made."""
        return Predictor(self.encoder, self.scaler, self.posterior, self.num_rows, self.targets)

    def predict(self, table: Any, *, noise_variance: Any = None) -> Prediction:
        """Mean and standard deviation of new observations.

        Raises ValueError for known noise variances, which no transform carries over, and
        OverflowError where a moment leaves the range of float64.
        """
        _refuse_noise(noise_variance)
        return Prediction(*self.transform.moments(*self.base.predict(table)))

    def latent(self, table: Any) -> Prediction:
        """Mean and standard deviation of the inverse transform of the function, without noise."""
        return Prediction(*self.transform.moments(*self.base.latent(table)))

    def mean(self, table: Any) -> np.ndarray:
        """Mean alone; the standard deviation enters it."""
        return self.predict(table).mean

    def quantiles(self, table: Any, levels: Any) -> np.ndarray:
        """Quantiles of new observations at levels between 0 and 1: shape (m, ..., q)."""
        found = self.base.quantiles(table, levels)
        # The last axis of a transform belongs to the targets.
        back = self.transform.inverse(np.moveaxis(found, -1, 0))
        return in_range(np.moveaxis(back, 0, -1))

    def covariance(self, table: Any, *, noise_variance: Any = None) -> np.ndarray:
        """Joint covariance of new observations: (m, m) or (m, m, t)."""
        _refuse_noise(noise_variance)
        base = self.base
        return self.transform.covariance(base.mean(table), base.covariance(table))

    def sample(self, table: Any, *, num_samples: int, seed: int) -> np.ndarray:
        """Joint draws of new observations: (num_samples, m) or (num_samples, m, t)."""
        draws = self.base.sample(table, num_samples=num_samples, seed=seed)
        return in_range(self.transform.inverse(draws))


def transformed(predictor: Predictor, transform: AbstractTransform) -> TransformedPredictor:
    """The same predictor, of a target that this transform was applied to."""
    p = predictor
    return TransformedPredictor(p.encoder, p.scaler, p.posterior, p.num_rows, p.targets, transform)


def gaussian_view(
    predictor: Predictor | TransformedPredictor, table: Any, *, noise_variance: Any = None
) -> tuple[Prediction, AbstractTransform]:
    """The normal prediction of T(y), and T."""
    if isinstance(predictor, TransformedPredictor):
        _refuse_noise(noise_variance)
        return predictor.base.predict(table), predictor.transform
    return predictor.predict(table, noise_variance=noise_variance), Identity()


def normal_scores(view: tuple[Prediction, AbstractTransform], y: np.ndarray) -> np.ndarray:
    """Standard normal scores (T(y) - mean)/std; minus infinity for y below the domain of T.

    Targets y of shape (m,) or (m, t), or with further leading axes.
    """
    (mean, std), transform = view
    inside = y > transform.lower
    # A stand-in where there is no T(y): any target that the transform takes.
    safe = np.where(inside, y, transform.inverse(np.zeros(mean.shape)))
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(inside, (transform.forward(safe) - mean) / std, -np.inf)


def log_density(view: tuple[Prediction, AbstractTransform], y: np.ndarray) -> np.ndarray:
    """Log density of targets, entry by entry; minus infinity below the domain of T."""
    (_, std), transform = view
    z = normal_scores(view, y)
    safe = np.where(np.isfinite(z), y, transform.inverse(np.zeros(std.shape)))
    slope = transform.log_slope(safe)
    with np.errstate(over="ignore"):
        return -0.5 * (z * z + np.log(2 * np.pi)) - np.log(std) + slope


def _refuse_noise(noise_variance: Any) -> None:
    if noise_variance is not None:
        raise ValueError(
            "noise_variance is in squared units of y, which a target_transform does not carry "
            "over; transform the target yourself and pass variances in its units"
        )
