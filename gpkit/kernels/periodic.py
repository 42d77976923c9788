r"""Periodic kernels and mixtures of them: functions of the difference $\tau = x - z$."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, final

import jax.numpy as jnp

from gpkit._types import Array, PyTree
from gpkit.kernels.base import AbstractKernel, per_column, read
from gpkit.kernels.distance import cosine_product, near_origin, squared_distance
from gpkit.params import positive, val


@final
class Periodic(AbstractKernel):
    r"""$k = \exp\left(-2 \sum_j \sin^2(\pi \tau_j / p_j) / \ell_j^2\right)$.

    `lengthscale` $\ell$ has no unit: it is relative to the period. `period` $p$ has the unit
    of its column. Each is one number, or one per column.

    MacKay (1998), Introduction to Gaussian processes, eq. 47; Rasmussen and Williams
    (2006), eq. 4.31.
    """

    word: ClassVar[str] = "periodic"
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"period": "length"})

    lengthscale: PyTree
    period: PyTree

    def __init__(self, lengthscale: Any = 1.0, period: Any = 1.0):
        self.lengthscale = positive(lengthscale)
        self.period = positive(period)

    def pair(self, x, z):
        return self.gram(x[None], z[None])[0, 0]

    def gram(self, X, Z):
        # 2 sin(pi tau / p) is the chord between points on a circle of circumference p, and
        # sines of points are fewer than sines of pairs.
        period = per_column(self.period, X, "period")
        weights = per_column(self.lengthscale, X, "lengthscale") ** -2 * jnp.ones_like(X[0])
        X, Z = near_origin(X, Z)
        s = squared_distance(_circle(X, period), _circle(Z, period), jnp.tile(weights, 2))
        return jnp.exp(-0.5 * s)

    def diagonal(self, X):
        return jnp.ones_like(X[:, 0])


@final
class Cosine(AbstractKernel):
    r"""$k = \prod_j \cos(2 \pi \tau_j / p_j)$: one wave of unknown phase in each column.

    `period` $p$ is one number, or one per column, in the unit of its column.
    """

    word: ClassVar[str] = "cosine"
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"period": "length"})

    period: PyTree

    def __init__(self, period: Any = 1.0):
        self.period = positive(period)

    def pair(self, x, z):
        return self.gram(x[None], z[None])[0, 0]

    def gram(self, X, Z):
        rate = 2 * jnp.pi / per_column(self.period, X, "period")
        X, Z = near_origin(X, Z)
        return cosine_product(rate * X, rate * Z)

    def diagonal(self, X):
        return jnp.ones_like(X[:, 0])


@final
class SpectralMixture(AbstractKernel):
    r"""$k = \sum_q w_q \prod_j \exp(-2 \pi^2 \tau_j^2 v_{qj}^2) \cos(2 \pi \tau_j \mu_{qj})$.

    The spectral density is a mixture of Gaussians: `weights` $w$, shape (q,), are the
    variances of its parts; `means` $\mu$ and `scales` $v$, shape (q, d), the centres and
    standard deviations of their frequencies, in cycles per unit of the column.

    Wilson and Adams (2013), Gaussian process kernels for pattern discovery and
    extrapolation, eq. 12 (there $v$ is the variance).

    Raises ValueError where the shapes do not agree.
    """

    word: ClassVar[str] = "spectral"
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"means": "rate", "scales": "rate"})

    weights: PyTree
    means: PyTree
    scales: PyTree

    def __init__(self, weights: Any, means: Any, scales: Any):
        self.weights = positive(weights)
        self.means = positive(means)
        self.scales = positive(scales)
        q, means_shape = val(self.weights).shape, val(self.means).shape
        if len(q) != 1 or len(means_shape) != 2 or means_shape[:1] != q:
            raise ValueError(f"weights need shape (q,) and means (q, d), got {q} and {means_shape}")
        if val(self.scales).shape != means_shape:
            raise ValueError(
                f"scales need the shape of means, {means_shape}, got {val(self.scales).shape}"
            )

    def pair(self, x, z):
        return self.gram(x[None], z[None])[0, 0]

    def gram(self, X, Z):
        weights, means, scales = (read(p, X) for p in (self.weights, self.means, self.scales))
        if means.shape[-1] != X.shape[-1]:
            raise ValueError(
                f"means are for {means.shape[-1]} columns, but the inputs have {X.shape[-1]}"
            )
        X, Z = near_origin(X, Z)
        total = jnp.zeros((X.shape[0], Z.shape[0]), X.dtype)
        for weight, mean, scale in zip(weights, 2 * jnp.pi * means, scales, strict=True):
            damping = jnp.exp(-0.5 * squared_distance(X, Z, (2 * jnp.pi * scale) ** 2))
            total = total + weight * damping * cosine_product(mean * X, mean * Z)
        return total

    def diagonal(self, X):
        return jnp.broadcast_to(jnp.sum(read(self.weights, X)), X.shape[:1])


def _circle(X: Array, period: Array) -> Array:
    """Each column as the cosine and sine of its phase."""
    phase = 2 * jnp.pi * X / period
    return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=-1)
