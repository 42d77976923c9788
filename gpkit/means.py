"""Mean functions: what the process returns to far from the data."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs
from gpkit.params import real, val


class AbstractMean(eqx.Module):
    """A function of one input row, evaluated at all rows at once."""

    @abstractmethod
    def __call__(self, X: Inputs) -> Float[Array, "n ..."]:
        """Mean at every row: shape (n,), or (n, t) for parameters with a target axis."""


def prior_mean(mean: AbstractMean, X: Inputs, outputs: tuple[int, ...]) -> Float[Array, "n ..."]:
    """Mean at every row, in a shape that broadcasts against targets (n, *outputs).

    Raises ValueError where the mean speaks of another number of targets: broadcasting would
    take n targets of one row each for one target of n rows.
    """
    value = mean(X)
    if value.shape[1:] not in ((), outputs):
        raise ValueError(
            f"the mean has {value.shape[1:]} values a row, but y has {outputs or 'one'}; give "
            "its parameters one entry per target"
        )
    return value[:, None] if value.ndim <= len(outputs) else value


@final
class Zero(AbstractMean):
    """$m(x) = 0$."""

    def __call__(self, X: Inputs) -> Float[Array, "n ..."]:
        return jnp.zeros(X.shape[0], X.dtype)


@final
class Constant(AbstractMean):
    """$m(x) = c$, trainable; a value of shape (t,) gives each of t targets its own."""

    value: Any

    def __init__(self, value: Any = 0.0):
        self.value = real(value)

    def __call__(self, X: Inputs) -> Float[Array, "n ..."]:
        c = val(self.value).astype(X.dtype)
        return jnp.broadcast_to(c, (X.shape[0], *c.shape))


@final
class Linear(AbstractMean):
    r"""$m(x) = c + \sum_j w_j x_j$ with weights of shape (d,) or (d, t), trainable."""

    weights: Any
    intercept: Any

    def __init__(self, weights: Any, intercept: Any = 0.0):
        self.weights = real(weights)
        self.intercept = real(intercept)

    def __call__(self, X: Inputs) -> Float[Array, "n ..."]:
        w = val(self.weights).astype(X.dtype)
        if w.shape[0] != X.shape[1]:
            raise ValueError(
                f"the linear mean has {w.shape[0]} weights, but X has {X.shape[1]} columns"
            )
        return X @ w + val(self.intercept).astype(X.dtype)
