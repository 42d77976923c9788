r"""Stationary kernels: functions of the scaled squared distance.

Every kernel here is $k(x, z) = f(s)$ with

$$ s = \sum_j \left(\frac{x_j - z_j}{\ell_j}\right)^2, $$

where the lengthscale $\ell$ is one number (isotropic) or one per column (automatic
relevance determination, ARD). The square root in the Matern profiles has no derivative at
$s = 0$, although $f$ has one: the profiles carry their analytic derivative, so that first
and second derivatives at zero distance are the limits and not NaN (or a silent zero).
"""

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, PyTree
from gpkit.kernels.base import AbstractKernel, per_column, read
from gpkit.kernels.derivatives import below_overflow, over, root, with_derivatives
from gpkit.kernels.distance import squared_distance
from gpkit.params import bounded, positive

LENGTH: Mapping[str, str] = MappingProxyType({"lengthscale": "length"})


class AbstractStationary(AbstractKernel):
    """A kernel of the scaled squared distance; a subclass writes `profile`."""

    units: ClassVar[Mapping[str, str]] = LENGTH

    lengthscale: eqx.AbstractVar[PyTree]

    @abstractmethod
    def profile(self, s: Float[Array, "..."]) -> Float[Array, "..."]:
        """Kernel value as a function of the scaled squared distance, elementwise."""

    def pair(self, x, z):
        difference = x - z
        s = jnp.sum(_weights(self.lengthscale, x) * (difference * difference))
        return self.profile(below_overflow(s))

    def gram(self, X, Z):
        s = squared_distance(X, Z, _weights(self.lengthscale, X))
        return self.profile(below_overflow(s))

    def diagonal(self, X):
        dtype = _weights(self.lengthscale, X).dtype
        return self.profile(jnp.zeros(X.shape[:1], dtype))


def inverse_lengthscale(lengthscale: PyTree, X: Array) -> Array:
    """Inverse lengthscales; a lengthscale whose square underflows is held above."""
    value = per_column(lengthscale, X, "lengthscale")
    return 1 / jnp.maximum(value, float(jnp.finfo(value.dtype).tiny) ** 0.5)


def _weights(lengthscale: PyTree, X: Array) -> Array:
    """Inverse squared lengthscales."""
    inverse = inverse_lengthscale(lengthscale, X)
    return inverse * inverse


def _matern12_slope(s: Array) -> Array:
    a = root(s)
    return -0.5 * over(jnp.exp(-a), a)


def _matern12_curvature(s: Array) -> Array:
    a = root(s)
    return 0.25 * over((1 + a) * jnp.exp(-a), a * a * a)


def _matern32(s: Array) -> Array:
    a = root(3 * s)
    return (1 + a) * jnp.exp(-a)


def _matern32_curvature(s: Array) -> Array:
    a = root(3 * s)
    return 2.25 * over(jnp.exp(-a), a)


def _matern52(s: Array) -> Array:
    a = root(5 * s)
    return (1 + a + a * a / 3) * jnp.exp(-a)


def _matern52_slope(s: Array) -> Array:
    a = root(5 * s)
    return (-5 / 6) * (1 + a) * jnp.exp(-a)


matern12_profile = with_derivatives(
    lambda s: jnp.exp(-root(s)), _matern12_slope, _matern12_curvature
)
matern32_profile = with_derivatives(
    _matern32, lambda s: -1.5 * jnp.exp(-root(3 * s)), _matern32_curvature
)
matern52_profile = with_derivatives(
    _matern52, _matern52_slope, lambda s: (25 / 12) * jnp.exp(-root(5 * s))
)


@final
class RBF(AbstractStationary):
    r"""Squared exponential, $k = \exp(-s / 2)$: infinitely smooth functions.

    Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. 4.9.
    """

    word: ClassVar[str] = "rbf"

    lengthscale: PyTree

    def __init__(self, lengthscale: Any = 1.0):
        self.lengthscale = positive(lengthscale)

    def profile(self, s):
        return jnp.exp(-0.5 * s)


@final
class Matern12(AbstractStationary):
    r"""Exponential kernel, $k = e^{-\sqrt{s}}$: continuous functions without derivative.

    The kernel has a kink at zero distance. Derivatives with respect to the inputs are
    given as 0 there by convention (the mean of the two one-sided ones); those with respect
    to the lengthscale are 0 in truth. Rasmussen and Williams (2006), eq. 4.14.
    """

    word: ClassVar[str] = "matern12"

    lengthscale: PyTree

    def __init__(self, lengthscale: Any = 1.0):
        self.lengthscale = positive(lengthscale)

    def profile(self, s):
        return matern12_profile(s)


@final
class Matern32(AbstractStationary):
    r"""Matern kernel of order 3/2, $k = (1 + a) e^{-a}$, $a = \sqrt{3 s}$.

    Functions with one derivative. Rasmussen and Williams (2006), eq. 4.17.
    """

    word: ClassVar[str] = "matern32"

    lengthscale: PyTree

    def __init__(self, lengthscale: Any = 1.0):
        self.lengthscale = positive(lengthscale)

    def profile(self, s):
        return matern32_profile(s)


@final
class Matern52(AbstractStationary):
    r"""Matern kernel of order 5/2, $k = (1 + a + a^2 / 3) e^{-a}$, $a = \sqrt{5 s}$.

    Functions with two derivatives. Rasmussen and Williams (2006), eq. 4.17.
    """

    word: ClassVar[str] = "matern52"

    lengthscale: PyTree

    def __init__(self, lengthscale: Any = 1.0):
        self.lengthscale = positive(lengthscale)

    def profile(self, s):
        return matern52_profile(s)


@final
class RationalQuadratic(AbstractStationary):
    r"""$k = \left(1 + \frac{s}{2 \alpha}\right)^{-\alpha}$: a mixture of RBF lengthscales.

    `alpha` is positive; large values approach the RBF kernel. Rasmussen and Williams
    (2006), eq. 4.19.
    """

    word: ClassVar[str] = "rq"

    lengthscale: PyTree
    alpha: PyTree

    def __init__(self, lengthscale: Any = 1.0, alpha: Any = 1.0):
        self.lengthscale = positive(lengthscale)
        self.alpha = positive(alpha)

    def profile(self, s):
        alpha = read(self.alpha, s)
        return jnp.exp(-alpha * jnp.log1p(s / (2 * alpha)))


@final
class PoweredExponential(AbstractStationary):
    r"""$k = \exp(-s^{p / 2})$ with `power` $p$ in (0, 2]: roughness between kinds.

    $p = 1$ is Matern 1/2; $p = 2$ is an RBF kernel with lengthscale $\ell / \sqrt 2$ and can
    only be had as ``Fixed(2.0)``, being the edge of the range. Below 2 derivatives with
    respect to the inputs are given as 0 at zero distance, as for `Matern12`. Rasmussen and
    Williams (2006), eq. 4.18.
    """

    word: ClassVar[str] = "powexp"

    lengthscale: PyTree
    power: PyTree

    def __init__(self, lengthscale: Any = 1.0, power: Any = 1.5):
        self.lengthscale = positive(lengthscale)
        self.power = bounded(power, 0.0, 2.0)

    def profile(self, s):
        return jnp.exp(-_power(s, jnp.broadcast_to(0.5 * read(self.power, s), s.shape)))


@jax.custom_jvp
def _power(s: Array, q: Array) -> Array:
    r"""$s^q$ for $s \ge 0$ and $0 < q \le 1$; derivatives infinite at $s = 0$ are 0 there."""
    # No branch on ``s > 0``, for the reason told in `derivatives`: 0 comes from the factor.
    above = jnp.maximum(s, jnp.finfo(s.dtype).tiny)
    return above**q * (s / above)


@_power.defjvp
def _power_jvp(primals, tangents):
    (s, q), (ds, dq) = primals, tangents
    value = _power(s, q)
    slope = jnp.where(q == 1, 1.0, q * over(value, s))
    log_s = jnp.log(jnp.maximum(s, jnp.finfo(s.dtype).tiny))
    return value, slope * ds + value * log_s * dq
