"""A factor that is kept as what it is made from."""

from typing import final

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.operators.covariance import Covariance
from gpkit.solvers.base import AbstractFactor
from gpkit.solvers.iterative import Iterative


@final
class DeferredFactor(AbstractFactor):
    """The covariance, the settings of an iterative solver, and the key of its pivots.

    Some numbers a row, where tiles and preconditioner take gigabytes: what a model file and a
    pickle hold. `made` is the factor itself, the same whenever it is made; every method makes
    it anew, so that whoever asks often keeps `made()`.
    """

    H: Covariance
    solver: Iterative
    key_data: Int[Array, " k"]
    status: Int[Array, ""]

    def made(self) -> AbstractFactor:
        """The factor that does the work."""
        # It is kept on the host, where nothing can be indexed by what is traced.
        H, data = jax.tree.map(jnp.asarray, (self.H, self.key_data))
        return self.solver.factorise(H, key=jax.random.wrap_key_data(data))

    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        return self.made().solve(b)

    def quadratic(self, b: Float[Array, "n m"]) -> Float[Array, " m"]:
        return self.made().quadratic(b)

    def inner(self, b: Float[Array, "n m"]) -> Float[Array, "m m"]:
        return self.made().inner(b)

    def inverse_diagonal(self) -> Float[Array, " n"]:
        return self.made().inverse_diagonal()

    def logdet(self) -> Scalar:
        return self.made().logdet()
