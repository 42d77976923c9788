"""Low rank plus diagonal: the preconditioner that all partial factorisations end in."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer

from gpkit._types import Array, Float, PRNGKeyArray, Scalar


class LowRankPlusDiagonal(eqx.Module):
    r"""P = L L^T + D with L n x r and D a positive diagonal; data, never differentiated.

    Stored through the eigenvalues \lambda and eigenvectors U of D^{-1/2} L L^T D^{-1/2}:

        P = D^{1/2} (I + U \lambda U^T) D^{1/2},    W = (I + U \lambda U^T)^{-1/2} D^{-1/2},

    so that W P W^T = I and every method costs 4 n r flops per column. All methods take a
    vector (n,) or a block n x k. If A = K + D and K - L L^T is positive semidefinite (partial
    Cholesky, Nystroem), then W A W^T has no eigenvalue below 1. Make one with
    `low_rank_plus_diagonal`.
    """

    basis: Float[Array, "n r"]
    eigenvalues: Float[Array, " r"]
    root: Float[Array, " n"]  # D^{1/2}

    def apply(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """P v."""
        return _scale(self.root, self._spectral(1 + self.eigenvalues, _scale(self.root, v)))

    def solve(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """P^{-1} v."""
        inner = self._spectral(1 / (1 + self.eigenvalues), _scale(1 / self.root, v))
        return _scale(1 / self.root, inner)

    def whiten(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """W v."""
        return self._spectral((1 + self.eigenvalues) ** -0.5, _scale(1 / self.root, v))

    def whiten_transpose(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """W^T v."""
        return _scale(1 / self.root, self._spectral((1 + self.eigenvalues) ** -0.5, v))

    def colour(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """W^{-1} v; of covariance P if v is of covariance I."""
        return _scale(self.root, self._spectral((1 + self.eigenvalues) ** 0.5, v))

    def logdet(self) -> Scalar:
        """log det P."""
        return 2 * jnp.sum(jnp.log(self.root)) + jnp.sum(jnp.log1p(self.eigenvalues))

    def sample(self, key: PRNGKeyArray, num_samples: int) -> Float[Array, "n num_samples"]:
        """Independent draws from N(0, P), one per column."""
        shape = (self.root.shape[0], num_samples)
        return self.colour(jax.random.normal(key, shape, self.root.dtype))

    def _spectral(self, values: Array, v: Array) -> Array:
        """Apply the matrix with `values` on the span of the basis and 1 beside it."""
        return v + self.basis @ _scale(values - 1, self.basis.T @ v)


def low_rank_plus_diagonal(
    factor: Float[Array, "n r"], diagonal: float | Float[Array, ""] | Float[Array, " n"]
) -> LowRankPlusDiagonal:
    """The preconditioner `factor @ factor.T + diagonal`; rank 0 is allowed.

    `diagonal` is a positive number or one per row (the noise variance of a Gaussian process).
    Cost: a singular value decomposition of an n x r matrix, about 6 n r^2 flops. Both
    arguments are taken as data.

    Raises:
        ValueError: shapes do not fit, or a known diagonal is not positive.

    Source: Sherman, Morrison and Woodbury's formula in spectral form; for kernel matrices Gardner,
    Pleiss, Bindel, Weinberger and Wilson 2018.
    """
    factor = jax.lax.stop_gradient(jnp.asarray(factor))
    diagonal = jax.lax.stop_gradient(jnp.asarray(diagonal, factor.dtype))
    if factor.ndim != 2 or diagonal.shape not in ((), factor.shape[:1]):
        raise ValueError(
            f"factor must be n x r and diagonal a number or of length n, got {factor.shape} "
            f"and {diagonal.shape}"
        )
    if not isinstance(diagonal, Tracer) and not bool(jnp.all(diagonal > 0)):
        raise ValueError("diagonal must be positive: the preconditioner is singular without it")
    root = jnp.broadcast_to(jnp.sqrt(diagonal), factor.shape[:1])
    if factor.shape[1] == 0:
        return LowRankPlusDiagonal(factor, jnp.zeros((0,), factor.dtype), root)
    basis, values, _ = jnp.linalg.svd(_scale(1 / root, factor), full_matrices=False)
    return LowRankPlusDiagonal(basis, values**2, root)


def _scale(values: Array, v: Array) -> Array:
    """Multiply rows of a vector or block."""
    return values.reshape(values.shape + (1,) * (v.ndim - 1)) * v
