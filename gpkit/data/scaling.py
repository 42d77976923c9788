"""The target in standardised units, fitted on training rows, and everything predicted back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from gpkit.data.checking import Targets
from gpkit.data.moments import moments, standardised

Array = Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class TargetScaler:
    r"""Affine map $z = (y - c)/s$ of the target, and everything predicted back.

    `center` and `scale` have shape ``()`` for targets ``(n,)`` and ``(t,)`` for ``(n, t)``:
    one scale per target. Standard deviations are multiplied by s, never computed from an
    original-scale variance, which overflows from 1e154 on.
    """

    center: Array
    scale: Array
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls, y: ArrayLike, *, names: tuple[str, ...] = ("y",), standardize: bool = True
    ) -> "TargetScaler":
        """Mean and standard deviation (divisor n) of each target of the training rows.

        A constant target keeps scale 1, and `notes` says so. ``standardize=False`` gives
        center 0 and scale 1.
        """
        y = np.asarray(y, np.float64)
        if not standardize:
            return cls(np.zeros(y.shape[1:]), np.ones(y.shape[1:]))
        found = [moments(column) for column in y.reshape(len(y), -1).T]
        labels = names if len(names) == len(found) else [f"y{j}" for j in range(len(found))]
        notes = tuple(
            f"target {name!r} is constant ({m.offset:.6g}): its scale is 1"
            for name, m in zip(labels, found, strict=True)
            if m.constant
        )
        center = np.array([m.offset for m in found]).reshape(y.shape[1:])
        return cls(center, np.array([m.scale for m in found]).reshape(y.shape[1:]), notes)

    def standardize(self, y: ArrayLike) -> Targets:
        """Targets in standardised units, of the shape of y."""
        return standardised(np.asarray(y, np.float64), self.center, self.scale)

    def mean(self, z: ArrayLike) -> Array:
        """Means in original units: ``center + scale * z``; last axis t for several targets."""
        return self.center + self.scale * np.asarray(z)

    def quantiles(self, z: ArrayLike) -> Array:
        """Quantiles in original units: the map of `mean`, which keeps their order."""
        return self.mean(z)

    def samples(self, z: ArrayLike) -> Array:
        """Draws in original units: the map of `mean`, on any leading axes."""
        return self.mean(z)

    def std(self, std: ArrayLike) -> Array:
        """Standard deviations in original units: ``scale * std``."""
        return self.scale * np.asarray(std)

    def variance(self, variance: ArrayLike) -> Array:
        """Variances in squared original units.

        Raises:
            OverflowError: if one leaves the range of float64; use `std`.
        """
        return _in_range(np.asarray(variance, np.float64), self.scale)

    def covariance(self, covariance: ArrayLike) -> Array:
        """Covariance of rows in squared original units.

        Shape ``(m, m)`` for one target; for several, ``(m, m)`` (shared) or ``(m, m, t)``
        becomes ``(m, m, t)``.

        Raises:
            OverflowError: if an entry leaves the range of float64; scale the target.
        """
        values = np.asarray(covariance, np.float64)
        shared = self.scale.ndim == 1 and values.ndim == 2
        return _in_range(values[..., None] if shared else values, self.scale)

    def noise_variance(self, variance: ArrayLike) -> Array:
        """Known noise variances, in squared original units, in standardised units.

        ``(n,)`` becomes ``(n, t)`` where there are several targets.
        """
        values = np.asarray(variance, np.float64)
        if self.scale.ndim == 1 and values.ndim == 1:
            values = values[:, None]
        return values / self.scale / self.scale

    def log_evidence(self, value: Any, n: int) -> Any:
        r"""Log evidence of the original targets: ``value`` $- n \sum_t \log s_t$.

        `value` is the total over targets in standardised units, in nats, of n rows.
        """
        return value - n * float(np.sum(np.log(self.scale)))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text, from which `from_dict` makes an equal scaler."""
        return {
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "TargetScaler":
        """The scaler that `to_dict` wrote down."""
        center, scale = np.array(record["center"]), np.array(record["scale"])
        return cls(center, scale, tuple(record["notes"]))


def _in_range(values: Array, scale: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        scaled = scale * (scale * values)
    if np.any(np.isinf(scaled)) or np.any((scaled == 0) & (values != 0)):
        raise OverflowError(
            "a variance in original units leaves the range of float64; use standard deviations, "
            "or give the target in other units"
        )
    return scaled
