"""What every solver offers, so that objectives and posteriors need not know which it is."""

from abc import abstractmethod

import equinox as eqx

from gpkit._types import Array, Float, Int, Scalar
from gpkit.operators.covariance import Covariance
from gpkit.results import Estimate


class AbstractFactor(eqx.Module):
    """A solved form of a covariance H: what a posterior keeps."""

    status: eqx.AbstractVar[Int[Array, ""]]

    @abstractmethod
    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        """$H^{-1} b$."""

    @abstractmethod
    def quadratic(self, b: Float[Array, "n m"]) -> Float[Array, " m"]:
        """$b_j^\\top H^{-1} b_j$ for every column j."""

    def cached(self, *, key: Array, memory: str | int | None = None) -> "AbstractFactor":
        """The form that answers `quadratic` fastest for many columns: itself by default."""
        del key, memory
        return self

    @abstractmethod
    def inner(self, b: Float[Array, "n m"]) -> Float[Array, "m m"]:
        """$b^\\top H^{-1} b$."""

    @abstractmethod
    def inverse_diagonal(self) -> Float[Array, " n"]:
        """The diagonal of $H^{-1}$."""

    @abstractmethod
    def logdet(self) -> Scalar:
        """$\\log \\det H$ in nats."""


class AbstractSolver(eqx.Module):
    """A way of computing with a covariance; an argument, never a global setting."""

    @abstractmethod
    def factorise(self, H: Covariance, *, key: Array | None = None) -> AbstractFactor:
        """The solved form of H, reused by everything that a posterior is asked for."""

    @abstractmethod
    def log_density(
        self, H: Covariance, residual: Float[Array, "n ..."], *, key: Array | None = None
    ) -> Estimate:
        r"""$\log \mathcal N(r \mid 0, H)$ in nats, summed over the columns of r.

        Value and gradient come out of the same factorisation or solves.
        """
