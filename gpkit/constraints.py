r"""Parameters that know their support: stored unconstrained, read through `val`."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import paramax

from gpkit._types import Array, PyTree, Tracer


def as_float(value: Any) -> Array:
    """A float array; integers become floats, so that the leaf is trainable."""
    array = jnp.asarray(value)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(f"a parameter must be real, got {array.dtype}")
    floating = jnp.issubdtype(array.dtype, jnp.floating)
    # An explicit dtype also drops JAX's weak type, which would compile every program twice.
    return jnp.asarray(array, array.dtype if floating else jnp.result_type(float))


class AbstractParameter(paramax.AbstractUnwrappable):
    """A constrained array stored unconstrained in its one array leaf `raw`."""

    raw: eqx.AbstractVar[Array]
    prior: eqx.AbstractVar[Any]

    @abstractmethod
    def unwrap(self) -> Array:
        """The constrained value."""

    @abstractmethod
    def at(self, value: Any) -> "AbstractParameter":
        """The same parameter (support, prior) with another value."""

    @abstractmethod
    def with_prior(self, prior: Any) -> "AbstractParameter":
        """The same parameter with another prior, or None for a flat one."""


@final
class Real(AbstractParameter):
    """A parameter without constraint."""

    raw: Array
    prior: Any = eqx.field(static=True)

    def __init__(self, value: Any, prior: Any = None):
        self.raw = as_float(value)
        self.prior = prior

    def unwrap(self) -> Array:
        return self.raw

    def at(self, value: Any) -> "Real":
        return Real(value, self.prior)

    def with_prior(self, prior: Any) -> "Real":
        return Real(self.raw, prior)


@final
class Positive(AbstractParameter):
    """A parameter above zero, stored as its logarithm."""

    raw: Array
    prior: Any = eqx.field(static=True)

    def __init__(self, value: Any, prior: Any = None):
        value = as_float(value)
        _require(value, lambda v: v > 0, "Positive needs values above zero")
        self.raw = _on_host_if_concrete(jnp.log, np.log, value)
        self.prior = prior

    def unwrap(self) -> Array:
        return jnp.exp(self.raw)

    def at(self, value: Any) -> "Positive":
        return Positive(value, self.prior)

    def with_prior(self, prior: Any) -> "Positive":
        return eqx.tree_at(lambda p: p.raw, Positive(jnp.ones_like(self.raw), prior), self.raw)


@final
class Bounded(AbstractParameter):
    """A parameter strictly between two numbers, stored through the logit."""

    raw: Array
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    prior: Any = eqx.field(static=True)

    def __init__(self, value: Any, low: float, high: float, prior: Any = None):
        if not low < high:
            raise ValueError(f"Bounded needs low < high, got {low} and {high}")
        value = as_float(value)
        message = f"Bounded needs values strictly between {low} and {high}"
        _require(value, lambda v: (v > low) & (v < high), message)
        self.raw = _on_host_if_concrete(
            lambda v: jnp.log(v - low) - jnp.log(high - v),
            lambda v: np.log(v - low) - np.log(high - v),
            value,
        )
        self.low, self.high, self.prior = float(low), float(high), prior

    def unwrap(self) -> Array:
        return self.low + (self.high - self.low) * jax.nn.sigmoid(self.raw)

    def at(self, value: Any) -> "Bounded":
        return Bounded(value, self.low, self.high, self.prior)

    def with_prior(self, prior: Any) -> "Bounded":
        middle = jnp.full_like(self.raw, 0.5 * (self.low + self.high))
        empty = Bounded(middle, self.low, self.high, prior)
        return eqx.tree_at(lambda p: p.raw, empty, self.raw)


@final
class Fixed(paramax.AbstractUnwrappable):
    """A parameter, or a number, that `trainable` leaves out: no optimiser sees it."""

    inner: Any

    def __init__(self, inner: Any):
        self.inner = inner if isinstance(inner, paramax.AbstractUnwrappable) else as_float(inner)

    def unwrap(self) -> Array:
        # paramax unwraps inner nodes first, so this is an array by now.
        return jax.lax.stop_gradient(val(self.inner))


@final
class Shared(paramax.AbstractUnwrappable):
    """The vector ``val(inner)[index]``: entries with equal index share one value."""

    inner: Any
    index: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, inner: Any, index: Sequence[int]):
        self.inner = inner
        self.index = tuple(int(i) for i in index)

    def unwrap(self) -> Array:
        return val(self.inner)[np.asarray(self.index, dtype=np.int32)]


def positive(value: Any) -> PyTree:
    """A trainable positive parameter from a number; a parameter passes unchanged."""
    return value if isinstance(value, paramax.AbstractUnwrappable) else Positive(value)


def real(value: Any) -> PyTree:
    """A trainable unconstrained parameter from a number; a parameter passes unchanged."""
    return value if isinstance(value, paramax.AbstractUnwrappable) else Real(value)


def bounded(value: Any, low: float, high: float) -> PyTree:
    """A trainable bounded parameter from a number; a parameter passes unchanged."""
    if isinstance(value, paramax.AbstractUnwrappable):
        return value
    return Bounded(value, low, high)


def val(parameter: PyTree) -> Array:
    """The constrained value of a parameter, whatever it is wrapped in; arrays pass."""
    return paramax.unwrap(parameter)


def _on_host_if_concrete(traced: Callable, host: Callable, value: Array) -> Array:
    """One function, in NumPy where possible: JAX would compile it for every shape."""
    if isinstance(value, Tracer) or value.dtype.itemsize < 4:
        return traced(value)
    return jnp.asarray(host(np.asarray(value)), value.dtype)


def _require(value: Array, holds: Callable[[np.ndarray], np.ndarray], message: str) -> None:
    if not isinstance(value, Tracer):
        host = np.asarray(value)
        bad = ~(holds(host) & np.isfinite(host))
        if bad.any():
            raise ValueError(f"{message}, got {host[bad].ravel()[0]!r}")
