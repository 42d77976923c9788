r"""Observation noise: the diagonal that is added to the covariance of the function.

Every variance is kept at or above `noise_floor`, which depends on the dtype: below it the
covariance of standardised data is singular in floating point. Where the floor is active,
the status NOISE_AT_FLOOR is reported.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Bool, Float, Inputs
from gpkit.params import positive, val


def noise_floor(dtype: Any) -> float:
    """Smallest noise variance for targets of unit scale: 1e-8 in float64, 1e-5 in float32."""
    return 1e-8 if jnp.finfo(dtype).bits >= 64 else 1e-5


class AbstractNoise(eqx.Module):
    """Independent Gaussian noise whose variance may depend on the row."""

    @abstractmethod
    def diagonal(self, X: Inputs) -> Float[Array, " n"]:
        """Noise variance of every row, at or above the floor (zero only for `NoNoise`)."""

    @abstractmethod
    def at_floor(self, X: Inputs) -> Bool[Array, ""]:
        """Whether the floor is active for any row."""


@final
class Gaussian(AbstractNoise):
    r"""$\varepsilon_i \sim \mathcal N(0, \sigma^2)$ with one trainable variance."""

    variance: Any

    def __init__(self, variance: Any = 0.1):
        self.variance = positive(variance)

    def diagonal(self, X: Inputs) -> Float[Array, " n"]:
        v = jnp.maximum(val(self.variance).astype(X.dtype), noise_floor(X.dtype))
        return jnp.broadcast_to(v, X.shape[:1])

    def at_floor(self, X: Inputs) -> Bool[Array, ""]:
        return val(self.variance) <= noise_floor(X.dtype)


@final
class PerGroup(AbstractNoise):
    r"""$\varepsilon_i \sim \mathcal N(0, \sigma^2_{g(i)})$ with a trainable variance per group.

    The group of a row is read from the inputs: from the integer code 0..g-1 in one column,
    or from the position of the largest of several (one-hot) columns. A code without a
    variance gives NaN, never the variance of another group.
    """

    variance: Any
    columns: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, variance: Any, columns: Sequence[int]):
        self.variance = positive(variance)
        self.columns = tuple(int(c) for c in columns)
        if not self.columns:
            raise ValueError("PerGroup needs at least one column that tells the group")
        groups = np.shape(val(self.variance))
        if len(groups) != 1 or (len(self.columns) > 1 and groups[0] != len(self.columns)):
            raise ValueError(
                f"variance must have one entry per group, got shape {groups} for columns "
                f"{self.columns}"
            )

    def diagonal(self, X: Inputs) -> Float[Array, " n"]:
        v = jnp.maximum(val(self.variance).astype(X.dtype), noise_floor(X.dtype))
        return self._look_up(v, X)

    def at_floor(self, X: Inputs) -> Bool[Array, ""]:
        return jnp.any(self._look_up(val(self.variance), X) <= noise_floor(X.dtype))

    def _look_up(self, variance: Array, X: Inputs) -> Array:
        chosen = X[:, np.asarray(self.columns)]
        if len(self.columns) > 1:
            return variance[jnp.argmax(chosen, axis=1)]
        code = jnp.round(chosen[:, 0]).astype(jnp.int32)
        # JAX would clamp a code out of range, or count a negative one from the end.
        known = (code >= 0) & (code < variance.shape[0])
        return jnp.where(known, variance[code], jnp.nan)


@final
class NoNoise(AbstractNoise):
    r"""$\varepsilon_i = 0$: only the known variances given with the data count."""

    def diagonal(self, X: Inputs) -> Float[Array, " n"]:
        return jnp.zeros(X.shape[0], X.dtype)

    def at_floor(self, X: Inputs) -> Bool[Array, ""]:
        return jnp.asarray(False)
