"""Rows with missing entries at prediction: left out on the way in, NaN on the way out."""

from typing import Any, NamedTuple

import numpy as np

from gpkit.predictor import Prediction


class Kept(NamedTuple):
    """Which rows of a table are complete; a mask of None means all."""

    mask: np.ndarray | None

    def only(self, values: Any) -> Any:
        """The entries of the complete rows; numbers and None pass."""
        if self.mask is None or np.ndim(values) == 0:
            return values
        values = np.asarray(values)
        if len(values) != len(self.mask):
            raise ValueError(f"{len(values)} values were given for {len(self.mask)} rows of X")
        return values[self.mask]

    def spread(self, values: np.ndarray, *, axes: int = 1) -> np.ndarray:
        """The same with NaN for the rows that were left out, along the first `axes` axes."""
        if self.mask is None:
            return values
        m = len(self.mask)
        full = np.full((m,) * axes + values.shape[axes:], np.nan)
        full[np.ix_(*(np.flatnonzero(self.mask),) * axes)] = values
        return full


class NoRows(NamedTuple):
    """What a predictor of targets (*outputs) says of no rows at all."""

    outputs: tuple[int, ...]

    def predict(self, table: Any, *, noise_variance: Any = None) -> Prediction:
        """Two arrays without rows."""
        del table, noise_variance
        return Prediction(np.zeros((0, *self.outputs)), np.zeros((0, *self.outputs)))

    def latent(self, table: Any) -> Prediction:
        """Two arrays without rows."""
        return self.predict(table)

    def mean(self, table: Any) -> np.ndarray:
        """An array without rows."""
        return self.predict(table).mean

    def quantiles(self, table: Any, levels: Any) -> np.ndarray:
        """An array without rows, the levels last."""
        del table
        return np.zeros((0, *self.outputs, np.size(levels)))

    def covariance(self, table: Any, *, noise_variance: Any = None) -> np.ndarray:
        """An array without rows and columns."""
        del table, noise_variance
        return np.zeros((0, 0, *self.outputs))

    def sample(self, table: Any, *, num_samples: int, seed: int) -> np.ndarray:
        """Draws of no rows."""
        del table, seed
        return np.zeros((num_samples, 0, *self.outputs))
