r"""Kernels of categories: points are compared for equality, column by column.

Codes and one-hot columns both work, scaled or not, as only equality matters. Derivatives
with respect to the inputs are zero.
"""

from functools import reduce
from operator import add
from typing import Any, ClassVar, final

import jax.numpy as jnp

from gpkit._types import Array, PyTree
from gpkit.kernels.base import AbstractKernel, read
from gpkit.params import bounded, positive


@final
class Exchangeable(AbstractKernel):
    r"""$k = 1$ if $x$ and $z$ agree in every column, else $\rho$.

    Any two different categories are equally alike: `rho` in (0, 1) is their correlation.
    """

    word: ClassVar[str] = "categorical"

    rho: PyTree

    def __init__(self, rho: Any = 0.5):
        self.rho = bounded(rho, 0.0, 1.0)

    def _of(self, mismatches: Array, like: Array) -> Array:
        return jnp.where(mismatches == 0, jnp.ones((), like.dtype), read(self.rho, like))

    def pair(self, x, z):
        return self._of(jnp.sum(x != z), x)

    def gram(self, X, Z):
        return self._of(_mismatches(X, Z), X)

    def diagonal(self, X):
        return self._of(jnp.zeros(X.shape[:1]), X)


@final
class Hamming(AbstractKernel):
    r"""$k = \exp(-h / \ell)$ with $h$ the number of columns in which $x$ and $z$ differ.

    `lengthscale` $\ell$ counts columns. Over the one-hot columns of a category one mismatch
    changes two columns, so that it counts 2.
    """

    word: ClassVar[str] = "hamming"

    lengthscale: PyTree

    def __init__(self, lengthscale: Any = 1.0):
        self.lengthscale = positive(lengthscale)

    def _of(self, mismatches: Array, like: Array) -> Array:
        return jnp.exp(-mismatches.astype(like.dtype) / read(self.lengthscale, like))

    def pair(self, x, z):
        return self._of(jnp.sum(x != z), x)

    def gram(self, X, Z):
        return self._of(_mismatches(X, Z), X)

    def diagonal(self, X):
        return self._of(jnp.zeros(X.shape[:1]), X)


def _mismatches(X: Array, Z: Array) -> Array:
    """Number of columns in which rows differ, (n, m), without an (n, m, d) array."""
    columns = range(X.shape[1])
    return reduce(add, ((X[:, None, j] != Z[None, :, j]).astype(jnp.int32) for j in columns))
