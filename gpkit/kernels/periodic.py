r"""Periodic kernels and mixtures of them: functions of the difference $\tau = x - z$."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, final

import jax.numpy as jnp

from gpkit._types import PyTree
from gpkit.kernels.base import AbstractPairKernel, per_column, read
from gpkit.params import positive, val


@final
class Periodic(AbstractPairKernel):
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
        lengthscale = per_column(self.lengthscale, x, "lengthscale")
        period = per_column(self.period, x, "period")
        wave = jnp.sin(jnp.pi * (x - z) / period) / lengthscale
        return jnp.exp(-2 * jnp.sum(wave * wave))


@final
class Cosine(AbstractPairKernel):
    r"""$k = \prod_j \cos(2 \pi \tau_j / p_j)$: one wave of unknown phase in each column.

    `period` $p$ is one number, or one per column, in the unit of its column.
    """

    word: ClassVar[str] = "cosine"
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"period": "length"})

    period: PyTree

    def __init__(self, period: Any = 1.0):
        self.period = positive(period)

    def pair(self, x, z):
        return jnp.prod(jnp.cos(2 * jnp.pi * (x - z) / per_column(self.period, x, "period")))


@final
class SpectralMixture(AbstractPairKernel):
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
        means, scales = read(self.means, x), read(self.scales, x)
        if means.shape[-1] != x.shape[-1]:
            raise ValueError(
                f"means are for {means.shape[-1]} columns, but the inputs have {x.shape[-1]}"
            )
        tau = x - z
        damping = jnp.exp(-2 * jnp.pi**2 * jnp.sum((tau * scales) ** 2, axis=-1))
        waves = jnp.prod(jnp.cos(2 * jnp.pi * tau * means), axis=-1)
        return jnp.sum(read(self.weights, x) * damping * waves)
