"""Priors: densities of one scalar, whose numbers are static.

A prior is no pytree leaf: nothing of it is trained, and what is written of it to a file does
not depend on the order in which a library flattens it.
"""

import math
from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from gpkit._types import Array


class AbstractPrior(eqx.Module):
    """Density of one scalar; its numbers are static, so that no leaf of it is trained."""

    @abstractmethod
    def log_prob(self, value: Array) -> Array:
        """Log density at each entry of `value`, in nats."""

    @abstractmethod
    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        """Independent draws of the given shape."""


@final
class Normal(AbstractPrior):
    r"""$\mathcal N(x \mid \mathrm{loc}, \mathrm{scale}^2)$."""

    loc: float = eqx.field(static=True, converter=float)
    scale: float = eqx.field(static=True, converter=float)

    def log_prob(self, value: Array) -> Array:
        z = (value - self.loc) / self.scale
        return -0.5 * z * z - math.log(self.scale) - 0.5 * math.log(2 * math.pi)

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        return self.loc + self.scale * jax.random.normal(key, shape)


@final
class LogNormal(AbstractPrior):
    r"""$\log x \sim \mathcal N(\mathrm{loc}, \mathrm{scale}^2)$; median $e^{\mathrm{loc}}$."""

    loc: float = eqx.field(static=True, converter=float)
    scale: float = eqx.field(static=True, converter=float)

    def log_prob(self, value: Array) -> Array:
        return Normal(self.loc, self.scale).log_prob(jnp.log(value)) - jnp.log(value)

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        return jnp.exp(Normal(self.loc, self.scale).sample(key, shape))


@final
class HalfNormal(AbstractPrior):
    r"""$2\,\mathcal N(x \mid 0, \mathrm{scale}^2)$ for $x \ge 0$."""

    scale: float = eqx.field(static=True, converter=float)

    def log_prob(self, value: Array) -> Array:
        density = Normal(0.0, self.scale).log_prob(value) + math.log(2.0)
        return jnp.where(value >= 0, density, -jnp.inf)

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        return jnp.abs(Normal(0.0, self.scale).sample(key, shape))


@final
class Gamma(AbstractPrior):
    r"""$\frac{\mathrm{rate}^a}{\Gamma(a)} x^{a-1} e^{-\mathrm{rate}\,x}$, $a$ = concentration."""

    concentration: float = eqx.field(static=True, converter=float)
    rate: float = eqx.field(static=True, converter=float)

    def log_prob(self, value: Array) -> Array:
        a, b = self.concentration, self.rate
        return a * math.log(b) - gammaln(a) + (a - 1) * jnp.log(value) - b * value

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        return jax.random.gamma(key, self.concentration, shape) / self.rate
