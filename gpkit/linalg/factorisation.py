r"""Cholesky factorisation that says what it did.

$A + \mathrm{jitter}\, I = L L^\top$, with the smallest jitter of a short ladder for which
the factorisation exists in floating point.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.panels import LARGE, cholesky_by_panels
from gpkit.linalg.triangular import trsm
from gpkit.results import Status

_TRIES = 6


class Cholesky(NamedTuple):
    """Lower factor, the jitter that was added to the diagonal, and a `Status` code."""

    factor: Float[Array, "n n"]
    jitter: Scalar
    status: Int[Array, ""]

    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        """$(A + \\mathrm{jitter} I)^{-1} b$ by two triangular solves."""
        return trsm(self.factor, trsm(self.factor, b), trans="T")

    def logdet(self) -> Scalar:
        """$\\log\\det(A + \\mathrm{jitter} I)$."""
        return 2.0 * jnp.sum(jnp.log(jnp.diagonal(self.factor)))


def cholesky(a: Float[Array, "n n"], *, scale: Scalar | None = None) -> Cholesky:
    r"""Cholesky factor of a symmetric matrix, with a reported jitter.

    Tries jitter 0, then $10^{k} \varepsilon\, s$ for k = 1..5 with $\varepsilon$ the spacing
    of the dtype and s the `scale` of the rounding errors in A: its mean diagonal, unless A is
    a small difference of larger matrices and the caller knows how large they were. Where none
    works (an indefinite matrix, or one with NaN) the factor is filled with NaN and the status
    is NOT_POSITIVE_DEFINITE, or NON_FINITE where A itself is not finite: never a silent NaN.

    Differentiable in both modes and to second order, with the jitter held constant.

    **Cost:** n^3 / 3 flops a try. **Source:** derivative after Murray,
    "Differentiation of the Cholesky decomposition" (2016), equation 8.
    """
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"cholesky needs a square matrix, got shape {a.shape}")
    if scale is None:
        scale = jnp.mean(jnp.abs(jnp.diagonal(a)))
    factor, jitter = _factor(a, jnp.asarray(scale, a.dtype))
    return Cholesky(factor, jitter, _status(a, factor, jitter))


@jax.custom_jvp
def _factor(a: Array, scale: Array) -> tuple[Array, Array]:
    factor = cholesky_by_panels(a) if a.shape[0] >= LARGE else _lapack(a)
    # A failure fills everything below and to the right of it with NaN. A branch, since a
    # loop around the first try would copy the matrix.
    done = jnp.isfinite(factor[-1, -1])
    return jax.lax.cond(
        done, lambda a, f, s: (f, jnp.zeros((), f.dtype)), _with_jitter, a, factor, scale
    )


def _with_jitter(a: Array, failed: Array, scale: Array) -> tuple[Array, Array]:
    step = jnp.finfo(a.dtype).eps * scale

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        return ~jnp.isfinite(state[0][-1, -1]) & (state[2] < _TRIES)

    def attempt(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        jitter = (step * 10.0 ** state[2]).astype(a.dtype)
        return _lapack(a + jitter * jnp.eye(a.shape[0], dtype=a.dtype)), jitter, state[2] + 1

    start = (failed, jnp.zeros((), a.dtype), jnp.asarray(1, jnp.int32))
    return jax.lax.while_loop(unfinished, attempt, start)[:2]


def _lapack(a: Array) -> Array:
    return jax.lax.linalg.cholesky(a, symmetrize_input=False)


@_factor.defjvp
def _factor_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple:
    (a, scale), (da, _) = primals, tangents
    factor, jitter = _factor(a, scale)
    # Two triangular solves: L^-1 dA L^-T, of which the lower half (diagonal halved) counts.
    half = trsm(factor, 0.5 * (da + da.T))
    inner = trsm(factor, half.T).T
    lower = jnp.tril(inner, -1) + 0.5 * jnp.diag(jnp.diagonal(inner))
    return (factor, jitter), (factor @ lower, jnp.zeros_like(jitter))


def _status(a: Array, factor: Array, jitter: Array) -> Array:
    success = jnp.where(jitter > 0, Status.JITTER_ADDED, Status.SUCCESS)
    failure = jnp.where(jnp.all(jnp.isfinite(a)), Status.NOT_POSITIVE_DEFINITE, Status.NON_FINITE)
    done = jnp.isfinite(factor[-1, -1])
    return jax.lax.stop_gradient(jnp.where(done, success, failure)).astype(jnp.int32)
