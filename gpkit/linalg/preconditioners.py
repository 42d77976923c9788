"""Low rank plus diagonal: the preconditioner that all partial factorisations end in."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer

from gpkit._types import Array, Float, PRNGKeyArray, Scalar
from gpkit.linalg.inverse import triangular_inverse
from gpkit.linalg.triangular import sum_log_diagonal

_ROWS = 1024
# Mean entry of diag(S) * diag(S^{-1}), 1 for orthogonal columns. Partial Cholesky factors of
# kernel matrices stay below about 100 for every noise.
_TOLERABLE_LOSS = 1000.0


class LowRankPlusDiagonal(eqx.Module):
    r"""P = L L^T + D with L n x r and D a positive diagonal.

    With B = D^{-1/2} L and the Cholesky factor C C^T = I + B^T B, an r x r matrix,

        W = (I - B (I + C)^{-T} C^{-1} B^T) D^{-1/2},    W^{-1} = D^{1/2} (I + B (I + C)^{-1} B^T),
        P^{-1} = D^{-1/2} (I - B C^{-T} C^{-1} B^T) D^{-1/2},

    so that W P W^T = I without a spectral decomposition. Every method costs 4 n r + 4 r^2 flops
    per column and takes a vector (n,) or a block n x k. If A = K + D and K - L L^T is positive
    semidefinite (partial Cholesky, Nystroem), then W A W^T has no eigenvalue below 1. Make one
    with `low_rank_plus_diagonal`, or with `partial_cholesky_plus_diagonal`.
    """

    factor: Float[Array, "n r"]  # L
    root: Float[Array, " n"]  # D^{1/2}
    inverse: Float[Array, "r r"]  # C^{-1}
    shifted_inverse: Float[Array, "r r"]  # (I + C)^{-1}

    def apply(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """P v."""
        return self.factor @ (self.factor.T @ v) + _scale(self.root**2, v)

    def solve(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """P^{-1} v."""
        v = _scale(1 / self.root, v)
        small = self.inverse.T @ (self.inverse @ self._gather(v))
        return _scale(1 / self.root, v - self._spread(small))

    def whiten(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """W v."""
        v = _scale(1 / self.root, v)
        return v - self._spread(self.shifted_inverse.T @ (self.inverse @ self._gather(v)))

    def whiten_transpose(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """W^T v."""
        small = self.inverse.T @ (self.shifted_inverse @ self._gather(v))
        return _scale(1 / self.root, v - self._spread(small))

    def colour(self, v: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """W^{-1} v; of covariance P if v is of covariance I."""
        small = self.shifted_inverse @ self._gather(v)
        return _scale(self.root, v + self._spread(small))

    def logdet(self) -> Scalar:
        """log det P."""
        return 2 * jnp.sum(jnp.log(self.root)) - 2 * sum_log_diagonal(self.inverse)

    def inverse_diagonal(self) -> Float[Array, " n"]:
        """The diagonal of P^{-1}; cost 2 n r^2 flops, and the memory of another factor."""
        return (1 - jnp.sum((_scale(1 / self.root, self.factor) @ self.inverse.T) ** 2, 1)) / (
            self.root**2
        )

    def floor(self, diagonal: Float[Array, " n"]) -> Scalar:
        r"""A number below every eigenvalue of W A W^T, if A is at least this diagonal.

        W D W^T has no eigenvalue below 1 / (1 + |B|_F^2).
        """
        ratio = jnp.min(diagonal / self.root**2)
        return ratio / (1 + jnp.sum(_scale(1 / self.root, self.factor) ** 2))

    def sample(self, key: PRNGKeyArray, num_samples: int) -> Float[Array, "n num_samples"]:
        """Independent draws from N(0, P), one per column."""
        shape = (self.root.shape[0], num_samples)
        return self.colour(jax.random.normal(key, shape, self.root.dtype))

    def _gather(self, v: Array) -> Array:
        """B^T v."""
        return self.factor.T @ _scale(1 / self.root, v)

    def _spread(self, small: Array) -> Array:
        """B times a small vector or block."""
        return _scale(1 / self.root, self.factor @ small)


def low_rank_plus_diagonal(
    factor: Float[Array, "n r"], diagonal: float | Float[Array, ""] | Float[Array, " n"]
) -> LowRankPlusDiagonal:
    """The preconditioner `factor @ factor.T + diagonal`; rank 0 is allowed.

    `diagonal` is a positive number or one per row (the noise variance of a Gaussian process).
    Both arguments are taken as data.

    Cost: 2 n r^2 flops, one product, and r^3; memory beside the factor 3 r^2. The columns of a
    partial Cholesky or Nystroem factor are far from dependent once they are scaled to unit
    length, and then the Cholesky factor C is accurate however small the diagonal. Where they
    are not (the spectrum mixed over all columns), a singular value decomposition of the
    factor gives orthogonal ones: about 10 n r^2 flops, ten times the seconds.

    Raises:
        ValueError: shapes do not fit, or a known diagonal is not positive.

    Source: Sherman, Morrison and Woodbury's formula, for kernel matrices Gardner, Pleiss, Bindel,
    Weinberger and Wilson 2018; the triangular root from (C C^T + C)^{-1} in place of the
    symmetric (S + S^{1/2})^{-1}, S = C C^T; accuracy of Cholesky factors under diagonal
    scaling: Demmel 1989.
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
    return _build(factor, jnp.broadcast_to(jnp.sqrt(diagonal), factor.shape[:1]))


@jax.jit
def partial_cholesky_plus_diagonal(
    factor: Float[Array, "n r"], diagonal: Float[Array, " n"]
) -> LowRankPlusDiagonal:
    """`low_rank_plus_diagonal` of a partial Cholesky factor: the accurate case, not checked.

    One and the same smooth function of both arguments everywhere, which a choice between two roots
    is not. `whitening_gradient` has its derivatives.
    """
    root = jnp.sqrt(diagonal)
    _, lower, inverse = _capacitance(factor, root)
    return LowRankPlusDiagonal(factor, root, inverse, _shifted_inverse(lower))


def whitening_gradient(
    P: LowRankPlusDiagonal, U: Float[Array, "n k"], G: Float[Array, "n k"]
) -> tuple[Float[Array, "n r"], Float[Array, " n"]]:
    r"""Gradient of $\log\det P + 2 \langle W^\top U, G \rangle$ with respect to L and D.

    For P made by `partial_cholesky_plus_diagonal`. With $N = C^{-\top} (I + C)^{-1}$,
    $A = B^\top U$ and $E = B^\top D^{-1/2} G$ the form is $\langle U, D^{-1/2} G \rangle -
    \operatorname{tr} E^\top N A$, and its gradient with respect to C, lower triangle,
    $N A\, (C^{-1} E)^\top + N^\top E\, ((I + C)^{-1} A)^\top$.

    **Cost:** 2 n r^2 + 10 n r k flops, a third of reverse mode through the construction.

    **Source:** derivative of the Cholesky factor: Murray 2016, equation 10.
    """
    inverse, shifted = P.inverse, P.shifted_inverse
    B, scaled = _scale(1 / P.root, P.factor), _scale(1 / P.root, G)
    across = transposed(B)
    A, E = across @ U, across @ scaled
    NA, NE = inverse.T @ (shifted @ A), shifted.T @ (inverse @ E)
    lower = triangular_inverse(inverse)
    dlower = jnp.tril(NA @ (inverse @ E).T + NE @ (shifted @ A).T)
    dcapacitance = cholesky_pull_back(lower, inverse, dlower)
    # Of the form twice, and of log det P the inverse of the capacitance.
    small = 4 * dcapacitance + 2 * inverse.T @ inverse
    dB = B @ small - 2 * (scaled @ NA.T + U @ NE.T)
    direct = jnp.sum((U - B @ NA) * scaled, axis=1)
    dlog_root = 2 - 2 * direct - jnp.sum(dB * B, axis=1)
    return _scale(1 / P.root, dB), 0.5 * dlog_root / P.root**2


def cholesky_pull_back(
    lower: Float[Array, "r r"], inverse: Float[Array, "r r"], dlower: Float[Array, "r r"]
) -> Float[Array, "r r"]:
    """Gradient with respect to a symmetric matrix from that of its Cholesky factor."""
    phi = jnp.tril(lower.T @ dlower)
    phi = phi - 0.5 * jnp.diag(jnp.diagonal(phi))
    return 0.5 * inverse.T @ (phi + phi.T) @ inverse


@jax.jit
def _build(factor: Array, root: Array) -> LowRankPlusDiagonal:
    if factor.shape[1] == 0:
        nothing = jnp.zeros((0, 0), factor.dtype)
        return LowRankPlusDiagonal(factor, root, nothing, nothing)
    capacitance, lower, inverse = _capacitance(factor, root)
    # Diagonal of the inverse of the capacitance scaled to unit diagonal: how much of the
    # accuracy is lost. NaN if there was no Cholesky factor.
    lost = jnp.diagonal(capacitance) * jnp.sum(inverse**2, axis=0)

    def as_it_is(factor: Array) -> LowRankPlusDiagonal:
        return LowRankPlusDiagonal(factor, root, inverse, _shifted_inverse(lower))

    accurate = jnp.mean(lost) <= _TOLERABLE_LOSS
    return jax.lax.cond(accurate, as_it_is, partial(_orthogonalised, root), factor)


def _capacitance(factor: Array, root: Array) -> tuple[Array, Array, Array]:
    """I + B^T B, its Cholesky factor C, and the inverse of C."""
    capacitance = jnp.eye(factor.shape[1], dtype=factor.dtype) + _scaled_gram(factor, root)
    lower = jax.lax.linalg.cholesky(capacitance, symmetrize_input=False)
    return capacitance, lower, triangular_inverse(lower)


def _shifted_inverse(lower: Array) -> Array:
    return triangular_inverse(lower + jnp.eye(lower.shape[0], dtype=lower.dtype))


def _orthogonalised(root: Array, factor: Array) -> LowRankPlusDiagonal:
    """The same matrix from a factor D^{1/2} U Sigma, whose capacitance is diagonal."""
    rank = factor.shape[1]
    left, values, _ = jnp.linalg.svd(_scale(1 / root, factor), full_matrices=False)
    missing = rank - values.shape[0]  # of a factor wider than high
    values = jnp.pad(values, (0, missing))
    rotated = _scale(root, jnp.pad(left, ((0, 0), (0, missing))) * values)
    diagonal = jnp.sqrt(1 + values**2)
    return LowRankPlusDiagonal(rotated, root, jnp.diag(1 / diagonal), jnp.diag(1 / (1 + diagonal)))


def _scaled_gram(factor: Array, root: Array) -> Array:
    """B^T B for B = D^{-1/2} L, by blocks of rows that stay in the cache; B is never formed."""
    n = factor.shape[0]
    whole = n // _ROWS * _ROWS

    def add(i: Array, total: Array) -> Array:
        rows, scale = (jax.lax.dynamic_slice_in_dim(x, i * _ROWS, _ROWS) for x in (factor, root))
        return total + _gram(_scale(1 / scale, rows))

    rest = _gram(_scale(1 / root[whole:], factor[whole:]))
    return jax.lax.fori_loop(0, n // _ROWS, add, rest) if whole else rest


def _gram(rows: Array) -> Array:
    return transposed(rows) @ rows


def transposed(a: Array) -> Array:
    """Written out: a product with a transposed left side runs at half speed."""
    return jax.lax.optimization_barrier(a.T)


def _scale(values: Array, v: Array) -> Array:
    """Multiply rows of a vector or block."""
    return values.reshape(values.shape + (1,) * (v.ndim - 1)) * v
