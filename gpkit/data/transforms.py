r"""Transforms of the target: a Gaussian process for T(y), statements about y.

A transform T is increasing and maps each target by itself. With $z = T(y)$ and a Gaussian
prediction $z \sim \mathcal N(\mu, \sigma^2)$, all of this is about y:

- density: $\mathcal N(T(y); \mu, \sigma^2)\; T'(y)$, so that models of different transforms
  are compared on one scale;
- quantiles: $T^{-1}(\mu + \sigma z_p)$, exactly;
- mean and standard deviation: integrals of $T^{-1}$, never $T^{-1}$ of the mean.

`fit_transform` makes one by name: "log", "log1p" or "yeo-johnson".
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from gpkit.data.moments import moments, standardised
from gpkit.data.quadrature import normal_covariance, normal_moments

Array = Float[np.ndarray, "..."]

TRANSFORMS = ("log", "log1p", "yeo-johnson")


class AbstractTransform(ABC):
    """An increasing map of the target, and what a Gaussian beyond it says about the target."""

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """Numbers that were read off the targets and change the shape of T."""

    @property
    @abstractmethod
    def lower(self) -> float:
        """Targets are above this."""

    @abstractmethod
    def forward(self, y: ArrayLike) -> Array:
        """T(y), of the shape of y. Raises ValueError for targets outside its domain."""

    @abstractmethod
    def inverse(self, z: ArrayLike) -> Array:
        """The y of T(y) = z, for every finite z; infinite where it overflows."""

    @abstractmethod
    def log_slope(self, y: ArrayLike) -> Array:
        """log T'(y), of the shape of y: what the log density of T(y) lacks to be that of y."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain text, numbers and lists, from which `transform_from_dict` makes an equal one."""

    @abstractmethod
    def moments(self, mean: ArrayLike, std: ArrayLike) -> tuple[Array, Array]:
        """Mean and standard deviation of y for T(y) normal with these.

        Raises OverflowError where one leaves the range of float64.
        """

    @abstractmethod
    def covariance(self, mean: ArrayLike, covariance: ArrayLike) -> Array:
        """Joint covariance of y, (m, m), for T(y) normal with mean (m,) and covariance (m, m).

        With several targets, (m, t) and (m, m, t). Raises OverflowError as `moments`.
        """


@final
@dataclass(frozen=True)
class Identity(AbstractTransform):
    """$T(y) = y$."""

    @property
    def num_parameters(self) -> int:
        return 0

    @property
    def lower(self) -> float:
        return -np.inf

    def forward(self, y: ArrayLike) -> Array:
        return np.asarray(y, float)

    def inverse(self, z: ArrayLike) -> Array:
        return np.asarray(z, float)

    def log_slope(self, y: ArrayLike) -> Array:
        return np.zeros(np.shape(y))

    def moments(self, mean: ArrayLike, std: ArrayLike) -> tuple[Array, Array]:
        return np.asarray(mean, float), np.asarray(std, float)

    def covariance(self, mean: ArrayLike, covariance: ArrayLike) -> Array:
        del mean
        return np.asarray(covariance, float)

    def to_dict(self) -> dict[str, Any]:
        return {"name": "identity"}


@final
@dataclass(frozen=True)
class Log(AbstractTransform):
    r"""$T(y) = \log(y + c)$ with c = 0 ("log") or 1 ("log1p", for counts).

    Moments are those of a log-normal: mean $e^{\mu + \sigma^2/2} - c$, covariance
    $(\mathrm E y_i + c)(\mathrm E y_j + c)(e^{C_{ij}} - 1)$.
    """

    shift: float = 0.0

    @property
    def num_parameters(self) -> int:
        return 0

    @property
    def lower(self) -> float:
        return 0.0 - self.shift

    def forward(self, y: ArrayLike) -> Array:
        y = np.asarray(y, float)
        if np.any(y <= self.lower):
            place = tuple(int(i) for i in np.argwhere(y <= self.lower)[0])
            name, other = (("log", "log1p"), ("log1p", "yeo-johnson"))[int(self.shift)]
            raise ValueError(
                f"target_transform={name!r} needs targets above {self.lower:g}, but row "
                f"{place[0]} (counted from 0) has {y[place]:g}; use {other!r}, or leave the row out"
            )
        return np.log1p(y) if self.shift else np.log(y)

    def inverse(self, z: ArrayLike) -> Array:
        with np.errstate(over="ignore"):
            return np.expm1(z) if self.shift else np.exp(z)

    def log_slope(self, y: ArrayLike) -> Array:
        return -self.forward(y)

    def moments(self, mean: ArrayLike, std: ArrayLike) -> tuple[Array, Array]:
        mean, std = np.asarray(mean, float), np.asarray(std, float)
        with np.errstate(over="ignore", invalid="ignore"):
            log_mean = mean + 0.5 * std**2
            width = np.exp(log_mean) * np.sqrt(np.expm1(std**2))
        return in_range(self.inverse(log_mean)), in_range(width)

    def covariance(self, mean: ArrayLike, covariance: ArrayLike) -> Array:
        mean, joint = np.asarray(mean, float), np.asarray(covariance, float)
        with np.errstate(over="ignore", invalid="ignore"):
            level = np.exp(mean + 0.5 * np.moveaxis(np.diagonal(joint), -1, 0))
            found = level[:, None] * level[None] * np.expm1(joint)
        return in_range(found)

    def to_dict(self) -> dict[str, Any]:
        return {"name": "log1p" if self.shift else "log"}


@final
@dataclass(frozen=True, eq=False)
class YeoJohnson(AbstractTransform):
    r"""The power transform of Yeo and Johnson (2000, equation 2.1) of the standardised target.

    With $u = (y - c)/s$ and power $\lambda$,

    $$ T = \frac{(1 + u)^\lambda - 1}{\lambda}\ (u \ge 0), \qquad
       T = -\frac{(1 - u)^{2 - \lambda} - 1}{2 - \lambda}\ (u < 0), $$

    logarithms where an exponent is 0. Standardised first, it does not depend on units.
    $\lambda$ maximises the likelihood of independent normal targets within [0, 2]: outside,
    the range of T is bounded, and a Gaussian beyond it would promise infinite targets.
    `center`, `scale` and `power` have shape () or, for several targets, (t,).
    """

    center: Array
    scale: Array
    power: Array

    @property
    def num_parameters(self) -> int:
        # One power per target; centre and scale only name the units.
        return int(self.power.size)

    @property
    def lower(self) -> float:
        return -np.inf

    @classmethod
    def fit(cls, y: ArrayLike) -> "YeoJohnson":
        """Powers from the training targets, one by one; a constant target has power 1."""
        y = np.asarray(y, float)
        found = []
        for column in y.reshape(len(y), -1).T:
            m = moments(column)
            u = standardised(column, m.offset, m.scale)
            found.append((m.offset, m.scale, 1.0 if m.constant else _best_power(u)))
        center, scale, power = (np.array(c).reshape(y.shape[1:]) for c in zip(*found, strict=True))
        return cls(center, scale, power)

    def forward(self, y: ArrayLike) -> Array:
        return _power(standardised(np.asarray(y, float), self.center, self.scale), self.power)

    def inverse(self, z: ArrayLike) -> Array:
        z, power = np.asarray(z, float), self.power
        with np.errstate(over="ignore", invalid="ignore"):
            up = _inverse_half(np.maximum(z, 0.0), power)
            down = _inverse_half(np.maximum(-z, 0.0), 2.0 - power)
            return self.center + self.scale * (up - down)

    def log_slope(self, y: ArrayLike) -> Array:
        u = standardised(np.asarray(y, float), self.center, self.scale)
        return _log_slope(u, self.power) - np.log(self.scale)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": "yeo-johnson",
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "power": self.power.tolist(),
        }

    def moments(self, mean: ArrayLike, std: ArrayLike) -> tuple[Array, Array]:
        first, width = normal_moments(self.inverse, np.asarray(mean, float), np.asarray(std, float))
        return in_range(first), in_range(width)

    def covariance(self, mean: ArrayLike, covariance: ArrayLike) -> Array:
        mean, joint = np.asarray(mean, float), np.asarray(covariance, float)
        if mean.ndim == 1:
            return in_range(normal_covariance(self.inverse, mean, joint))
        each = [
            YeoJohnson(self.center[j], self.scale[j], self.power[j]).covariance(
                mean[:, j], joint[..., j]
            )
            for j in range(mean.shape[1])
        ]
        return np.stack(each, axis=-1)


def fit_transform(name: str | None, y: ArrayLike) -> AbstractTransform:
    """The transform of a name, with its parameters read off the targets; None is `Identity`.

    Raises ValueError for an unknown name, or targets outside the domain.
    """
    if name is None:
        return Identity()
    if name not in TRANSFORMS:
        raise ValueError(
            f"target_transform must be one of {', '.join(map(repr, TRANSFORMS))} or None, "
            f"got {name!r}"
        )
    if name == "yeo-johnson":
        return YeoJohnson.fit(y)
    transform = Log(1.0 if name == "log1p" else 0.0)
    transform.forward(y)
    return transform


def transform_from_dict(record: dict[str, Any]) -> AbstractTransform:
    """The transform that `to_dict` wrote down."""
    if record["name"] == "yeo-johnson":
        parts = (np.array(record[key], float) for key in ("center", "scale", "power"))
        return YeoJohnson(*parts)
    known = {"identity": Identity(), "log": Log(0.0), "log1p": Log(1.0)}
    return known[record["name"]]


def in_range(values: Array) -> Array:
    """The values; OverflowError where one is not a finite float64."""
    if not np.all(np.isfinite(values)):
        raise OverflowError(
            "a prediction beyond the target transform leaves the range of float64; predict "
            "quantiles, stay nearer to the training rows, or use another target_transform"
        )
    return values


def _best_power(u: Array) -> float:
    def loss(power: float) -> float:
        z = _power(u, np.asarray(power))
        return 0.5 * len(u) * np.log(np.var(z)) - float(np.sum(_log_slope(u, power)))

    found = minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-6})
    # The bounded search never tries the ends.
    ends = [0.0, 2.0, float(found.x)]
    return min(ends, key=loss)


def _power(u: Array, power: Array) -> Array:
    with np.errstate(over="ignore"):
        up = _half(np.maximum(u, 0.0), power)
        return up - _half(np.maximum(-u, 0.0), 2.0 - power)


def _half(u: Array, power: Any) -> Array:
    """((1 + u)^p - 1)/p for u >= 0, accurate where p is small."""
    flat = np.abs(power) < 1e-12
    safe = np.where(flat, 1.0, power)
    return np.where(flat, np.log1p(u), np.expm1(safe * np.log1p(u)) / safe)


def _inverse_half(z: Array, power: Any) -> Array:
    flat = np.abs(power) < 1e-12
    safe = np.where(flat, 1.0, power)
    return np.where(flat, np.expm1(z), np.expm1(np.log1p(safe * z) / safe))


def _log_slope(u: Array, power: Any) -> Array:
    return (power - 1.0) * np.sign(u) * np.log1p(np.abs(u))
