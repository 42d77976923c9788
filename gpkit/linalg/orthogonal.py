r"""LQ factorisation of a wide matrix, with its derivative.

$A = L Q$ with L lower triangular, positive on the diagonal, and $Q Q^\top = I$. With
$C = L^{-1} dA$ and $S = C Q^\top$, the tangents are

$$dL = L W, \qquad dQ = C - W Q, \qquad W = \mathrm{tril}(S) + \mathrm{triu}(S, 1)^\top,$$

since $dQ\, Q^\top$ is antisymmetric and $L^{-1} dL$ lower triangular. Transposed, this is the
rule of Seeger et al.: $\bar A = L^{-\top} (\bar Q + \mathrm{copyltu}(M) Q)$ with
$M = L^\top \bar L - \bar Q Q^\top$.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.inverse import triangular_inverse
from gpkit.linalg.triangular import trsm
from gpkit.results import Status


class LQ(NamedTuple):
    r"""Factors of A = L Q and what is known of the rank.

    `condition` is $\|D L\|_F \|(D L)^{-1}\|_F$ with D scaling the rows of A to unit length
    (which Q does not depend on): at least the condition number of D A, infinite for a zero
    pivot. From $1 / (n \varepsilon)$ on, with n the number of columns, rows of A are linearly
    dependent to rounding and `status` is `Status.RANK_DEFICIENT`: L Q = A still holds, but Q
    is not determined by A, so that derivatives are NaN. `Status.NON_FINITE` where A holds NaN or
    infinity.
    """

    lower: Float[Array, "m m"]
    q: Float[Array, "m n"]
    condition: Scalar
    status: Int[Array, ""]


def lq(a: Float[Array, "m n"]) -> LQ:
    r"""LQ factorisation of a matrix with at least as many columns as rows.

    The diagonal of L is positive, which makes the factors unique at full rank. For a tall
    matrix B the reduced QR factorisation is that of the transpose: with ``l, q, *_ = lq(B.T)``,
    ``B = q.T @ l.T``.

    Differentiable in both modes and to every order where A has full rank.

    **Cost:** 4 m^2 n flops for L and Q, 2/3 m^3 for the condition; 6 m^2 n for a derivative.
    Memory of about three m x n arrays. Batches by ``vmap``.

    **Raises:** `ValueError` if `a` is not a matrix or has more rows than columns.

    **Source:** Seeger et al. (2017), gelqf.
    """
    if a.ndim != 2:
        raise ValueError(f"lq needs a matrix, got shape {a.shape}; use vmap for a batch")
    if a.shape[0] > a.shape[1]:
        raise ValueError(
            f"lq needs at least as many columns as rows, got shape {a.shape}; "
            "factorise the transpose, which gives the QR factorisation of the matrix"
        )
    lower, q, condition = _lq(a)
    condition = jax.lax.stop_gradient(condition)
    full = condition < _limit(a)
    failure = jnp.where(jnp.all(jnp.isfinite(a)), Status.RANK_DEFICIENT, Status.NON_FINITE)
    return LQ(lower, q, condition, jnp.where(full, Status.SUCCESS, failure).astype(jnp.int32))


def _limit(a: Array) -> float:
    return 1.0 / (a.shape[1] * float(jnp.finfo(a.dtype).eps))


@jax.custom_jvp
def _lq(a: Array) -> tuple[Array, Array, Array]:
    q, r = jnp.linalg.qr(a.T)
    signs = jnp.where(jnp.diagonal(r) < 0, -1, 1).astype(a.dtype)
    lower = jnp.tril(r.T * signs)
    return lower, signs[:, None] * q.T, _condition(lower)


@jax.custom_batching.sequential_vmap
def _condition(lower: Array) -> Array:
    # Unit rows: by their largest entries first, since squares could overflow.
    scaled = lower / jnp.max(jnp.abs(lower), axis=1, keepdims=True, initial=0)
    scaled = scaled / jnp.linalg.norm(scaled, axis=1, keepdims=True)
    condition = jnp.linalg.norm(scaled) * jnp.linalg.norm(triangular_inverse(scaled))
    # Zero over zero, or a zero pivot.
    return jnp.where(jnp.isfinite(condition), condition, jnp.inf)


@_lq.defjvp
def _lq_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple, tuple]:
    (a,), (da,) = primals, tangents
    lower, q, condition = _lq(a)
    # Where Q is arbitrary no number is right.
    known = jnp.where(condition < _limit(a), lower, jnp.nan)
    c = trsm(known, da)
    s = c @ q.T
    w = jnp.tril(s) + jnp.triu(s, 1).T
    return (lower, q, condition), (lower @ w, c - w @ q, jnp.zeros_like(condition))
