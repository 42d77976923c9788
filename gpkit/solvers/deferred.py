"""A factor that is kept as what it is made from."""

from typing import final

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.operators.covariance import Covariance
from gpkit.solvers.base import AbstractFactor
from gpkit.solvers.costs import whole_bytes
from gpkit.solvers.iterative import Iterative
from gpkit.solvers.iterative_factor import IterativeFactor

# Of the root of the variances, relative to the variance of an observation.
_TOLERABLE = 0.01


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

    def made(self) -> IterativeFactor:
        """The factor that does the work: not under tracing.

        It answers `quadratic` from a Cholesky factor in single precision where that fits the
        memory of the solver and is in error by at most a hundredth of the variance of an
        observation at the points where it is tried; by solves where not.
        """
        # What is kept stands on the host, where nothing can be indexed by what is traced.
        H, data = jax.tree.map(jnp.asarray, (self.H, self.key_data))
        key = jax.random.wrap_key_data(data)
        factor = self.solver.factorise(H, key=key)
        if whole_bytes(H.X.shape[0]) > self.solver.memory:
            return factor
        cached = factor.cached(key=key)
        good = cached.root is not None and float(cached.root.error) <= _TOLERABLE
        return cached if good else factor

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
