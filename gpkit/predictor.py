"""A posterior on the scale of the table: what estimators, the command and model files hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri

from gpkit._types import PyTree
from gpkit.checks import check_variances
from gpkit.data import Encoder, TargetScaler
from gpkit.padding import bucket
from gpkit.posterior import Posterior
from gpkit.results import Estimate, Status
from gpkit.solvers.deferred import DeferredFactor

Table = Any


class Prediction(NamedTuple):
    """Mean and standard deviation of every row, in original units: (m,) or (m, t)."""

    mean: np.ndarray
    std: np.ndarray


def on_host(tree: PyTree) -> PyTree:
    """The tree with NumPy leaves: what outlives a float64 context unharmed, and pickles."""
    return jax.tree.map(np.asarray, tree)


def on_device(tree: PyTree) -> PyTree:
    """The tree with JAX leaves, in the precision of the surrounding context."""
    return jax.tree.map(jnp.asarray, tree)


def host_estimate(value: float, error_bound: float, status: Status) -> Estimate:
    """A deterministic estimate of plain numbers: nothing is compiled for it."""
    numbers: Any = (
        np.asarray(value, np.float64),
        np.zeros(0),
        np.asarray(error_bound, np.float64),
        np.asarray(status, np.int32),
        np.zeros(0, np.uint32),
    )
    return Estimate(*numbers)


@dataclass(frozen=True, eq=False)
class Predictor:
    """Encoder, target scaler and posterior: a table in original units in, predictions out.

    All arrays are NumPy; every method computes in float64 and returns NumPy in original
    units. A prediction speaks of a new observation, noise included, except in `latent`.

    - `encoder`, `scaler`: fitted on the training rows.
    - `posterior`: on the encoded, standardised (and padded) training rows.
    - `num_rows`: training rows that the posterior holds.
    - `targets`: names of the targets.
    """

    encoder: Encoder
    scaler: TargetScaler
    posterior: Posterior
    num_rows: int
    targets: tuple[str, ...] = ("y",)

    @property
    def solves(self) -> bool:
        """Whether standard deviations take iterative solves, seconds for every thousand rows."""
        return isinstance(self.posterior.factor, DeferredFactor)

    def predict(self, table: Table, *, noise_variance: Any = None) -> Prediction:
        """Mean and standard deviation of new observations.

        `noise_variance` are known variances of these rows, in squared original units.
        """
        mean, variance = self._moments(table)
        if noise_variance is not None:
            known = _known_noise(noise_variance, mean.shape)
            variance = variance + self.scaler.noise_variance(known)
        return self._original(mean, variance)

    def latent(self, table: Table) -> Prediction:
        """Mean and standard deviation of the function itself, without noise."""
        with self._rows(table) as (posterior, X, m):
            mean, variance = posterior.latent(X)
            return self._original(np.asarray(mean)[:m], np.asarray(variance)[:m])

    def mean(self, table: Table) -> np.ndarray:
        """Mean alone: cheaper than `predict`."""
        with self._rows(table, solve=False) as (posterior, X, m):
            return self.scaler.mean(np.asarray(posterior.mean(X))[:m])

    def quantiles(self, table: Table, levels: Any) -> np.ndarray:
        """Quantiles of new observations at levels between 0 and 1: shape (m, ..., q)."""
        levels = np.atleast_1d(np.asarray(levels, float))
        if not np.all((levels > 0) & (levels < 1)):
            raise ValueError(f"levels must lie strictly between 0 and 1, got {levels}")
        mean, std = self.predict(table)
        with jax.enable_x64(True):
            z = np.asarray(ndtri(jnp.asarray(levels)))
        return mean[..., None] + std[..., None] * z

    def covariance(self, table: Table, *, noise_variance: Any = None) -> np.ndarray:
        """Joint covariance of new observations, in squared original units: (m, m) or (m, m, t).

        `noise_variance` as in `predict`.
        """
        with self._rows(table) as (posterior, X, m):
            noise = np.diag(np.asarray(posterior.model.noise.diagonal(X)))
            joint = np.asarray(posterior.covariance(X)) + noise
        joint = self.scaler.covariance(joint[:m, :m])
        if noise_variance is not None:
            known = _known_noise(noise_variance, joint.shape[1:])
            joint[np.arange(m), np.arange(m)] += known
        return joint

    def sample(self, table: Table, *, num_samples: int, seed: int) -> np.ndarray:
        """Joint draws of new observations, in original units: (num_samples, m) or (.., m, t)."""
        with self._rows(table) as (posterior, X, m):
            first, second = jax.random.split(jax.random.key(seed))
            draws = posterior.sample(X, num_samples=num_samples, key=first)
            std = jnp.sqrt(posterior.model.noise.diagonal(X))
            std = std if draws.ndim == 2 else std[:, None]
            draws = draws + std * jax.random.normal(second, draws.shape, draws.dtype)
            return self.scaler.samples(np.asarray(draws)[:, :m])

    def average_std(self, table: Table, weights: np.ndarray) -> np.ndarray:
        """Standard deviation of weighted sums of the function, without noise, in original units.

        `weights` of shape (g, s) belong to the g s rows of the table, s after s; the result has
        shape (g,). One solve for each sum. For a single target.
        """
        X = self.encoder.encode(table)
        with jax.enable_x64(True):
            posterior = self._ready()
            groups = jnp.asarray(X).reshape(*weights.shape, X.shape[1])
            variance = np.asarray(posterior.average_variance(groups, jnp.asarray(weights)))
        return self.scaler.std(np.sqrt(variance))

    def _moments(self, table: Table) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of new observations, standardised.

        Where each takes solves, those of the last table are kept: its quantiles often follow.
        """
        with self._rows(table) as (posterior, X, m):
            kept = self._last
            if kept and np.array_equal(kept["X"], X):
                return kept["mean"][:m], kept["variance"][:m]
            mean, variance = (np.asarray(part) for part in posterior.predict(X))
            if self.solves:
                kept.update(X=np.asarray(X), mean=mean, variance=variance)
        return mean[:m], variance[:m]

    @contextmanager
    def _rows(self, table: Table, *, solve: bool = True) -> Iterator[tuple[Posterior, Any, int]]:
        """Posterior and encoded rows as JAX arrays in float64, and the number of rows.

        Rows are padded to a common size, so that tables of like size share a program. Without
        `solve` the factor of the posterior is left as it is kept.
        """
        X = self.encoder.encode(table)
        m = X.shape[0]
        padded = np.concatenate([X, np.repeat(X[-1:], bucket(m) - m, axis=0)])
        with jax.enable_x64(True):
            posterior = self._ready() if solve else on_device(self.posterior)
            yield posterior, jnp.asarray(padded), m

    def _ready(self) -> Posterior:
        """The posterior with a factor that can be asked."""
        return self._made if self.solves else on_device(self.posterior)

    @cached_property
    def _last(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _made(self) -> Posterior:
        """The posterior with the factor that its deferred one stands for; made once."""
        posterior = on_device(self.posterior)
        return eqx.tree_at(lambda p: p.factor, posterior, posterior.factor.made())

    def __getstate__(self) -> dict[str, Any]:
        # What is made on demand is not pickled: tiles take gigabytes.
        return {k: v for k, v in self.__dict__.items() if k not in ("_made", "_last")}

    def _original(self, mean: np.ndarray, variance: np.ndarray) -> Prediction:
        return Prediction(self.scaler.mean(mean), self.scaler.std(np.sqrt(variance)))


def _known_noise(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Variances of rows, checked, in the shape of the mean, (m,) or (m, t)."""
    check_variances(values)
    known = np.asarray(values, np.float64)
    if known.shape not in ((), shape[:1], shape):
        raise ValueError(
            f"noise_variance must be a number or have shape {shape[:1]} (one variance a row), "
            f"got {known.shape}"
        )
    rows = known[:, None] if known.ndim == 1 and len(shape) == 2 else known
    return np.broadcast_to(rows, shape)
