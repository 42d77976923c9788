"""What a matrix of kernel values offers that is never formed, or formed once."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, Int
from gpkit.kernels.base import AbstractKernel


class AbstractKernelOperator(eqx.Module):
    """The matrix $k(X, Z)$, n x m; `Z` None is `X`, and the matrix symmetric."""

    kernel: eqx.AbstractVar[AbstractKernel]
    X: eqx.AbstractVar[Inputs]
    Z: eqx.AbstractVar[Inputs | None]

    @abstractmethod
    def matmul(self, V: Float[Array, "m ..."]) -> Float[Array, "n ..."]:
        """The matrix times one vector or many columns."""

    def __matmul__(self, V: Float[Array, "m ..."]) -> Float[Array, "n ..."]:
        return self.matmul(V)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self.X.shape[0], (self.X if self.Z is None else self.Z).shape[0]

    @property
    def dtype(self) -> Any:
        """Precision of the points, and of a product with columns of the same precision."""
        return self.X.dtype

    def columns(self, indices: Int[Array, " k"]) -> Float[Array, "n k"]:
        """The columns at these positions, by direct differences in the precision of X."""
        return self.kernel.gram(self.X, (self.X if self.Z is None else self.Z)[indices])

    def diagonal(self) -> Float[Array, " n"]:
        """Diagonal of the symmetric matrix; ValueError where Z was given."""
        if self.Z is not None:
            raise ValueError("only k(X, X) has a diagonal here: leave Z out")
        return self.kernel.diagonal(self.X)


def as_columns(V: Any, rows: int, name: str) -> Array:
    """V as an array with that many rows; ValueError otherwise."""
    V = jnp.asarray(V)
    if V.ndim == 0 or V.shape[0] != rows:
        raise ValueError(f"{name} must have {rows} rows, got shape {V.shape}")
    return V
