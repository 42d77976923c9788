r"""Cholesky factorisation that says what it did.

$A + \mathrm{jitter}\, I = L L^\top$, with the smallest jitter of a short ladder for which
the factorisation exists in floating point.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gpkit._types import Array, Float, Int, Scalar
from gpkit.results import Status

_TRIES = 6


class Cholesky(NamedTuple):
    """Lower factor, the jitter that was added to the diagonal, and a `Status` code."""

    factor: Float[Array, "n n"]
    jitter: Scalar
    status: Int[Array, ""]

    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        """$(A + \\mathrm{jitter} I)^{-1} b$ by two triangular solves."""
        half = solve_triangular(self.factor, b, lower=True)
        return solve_triangular(self.factor, half, lower=True, trans="T")

    def logdet(self) -> Scalar:
        """$\\log\\det(A + \\mathrm{jitter} I)$."""
        return 2.0 * jnp.sum(jnp.log(jnp.diagonal(self.factor)))


def cholesky(a: Float[Array, "n n"]) -> Cholesky:
    r"""Cholesky factor of a symmetric matrix, with a reported jitter.

    Tries jitter 0, then $10^{k} \varepsilon\, \overline{\mathrm{diag} A}$ for k = 1..5 with
    $\varepsilon$ the spacing of the dtype. Where none works (an indefinite matrix, or one
    with NaN) the factor is filled with NaN and the status is NOT_POSITIVE_DEFINITE, or
    NON_FINITE where A itself is not finite: never a silent NaN.

    Differentiable in both modes and to second order, with the jitter held constant.

    **Cost:** n^3 / 3 flops a try. **Source:** derivative after Murray,
    "Differentiation of the Cholesky decomposition" (2016), equation 8.
    """
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"cholesky needs a square matrix, got shape {a.shape}")
    factor, jitter = _factor(a)
    return Cholesky(factor, jitter, _status(a, factor, jitter))


@jax.custom_jvp
def _factor(a: Array) -> tuple[Array, Array]:
    step = jnp.finfo(a.dtype).eps * jnp.mean(jnp.abs(jnp.diagonal(a)))
    eye = jnp.eye(a.shape[0], dtype=a.dtype)

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        factor, _, tries = state
        # A NaN anywhere in the lower triangle reaches the last diagonal entry.
        return ~jnp.isfinite(factor[-1, -1]) & (tries < _TRIES)

    def attempt(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        _, _, tries = state
        jitter = jnp.where(tries == 0, 0.0, step * 10.0**tries).astype(a.dtype)
        factor = jax.lax.linalg.cholesky(a + jitter * eye, symmetrize_input=False)
        return factor, jitter, tries + 1

    start = (jnp.full_like(a, jnp.nan), jnp.zeros((), a.dtype), jnp.asarray(0, jnp.int32))
    factor, jitter, _ = jax.lax.while_loop(unfinished, attempt, start)
    return jnp.tril(factor), jitter


@_factor.defjvp
def _factor_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple:
    (a,), (da,) = primals, tangents
    factor, jitter = _factor(a)
    # Two triangular solves: L^-1 dA L^-T, of which the lower half (diagonal halved) counts.
    half = solve_triangular(factor, 0.5 * (da + da.T), lower=True)
    inner = solve_triangular(factor, half.T, lower=True).T
    lower = jnp.tril(inner, -1) + 0.5 * jnp.diag(jnp.diagonal(inner))
    return (factor, jitter), (factor @ lower, jnp.zeros_like(jitter))


def _status(a: Array, factor: Array, jitter: Array) -> Array:
    success = jnp.where(jitter > 0, Status.JITTER_ADDED, Status.SUCCESS)
    failure = jnp.where(
        jnp.all(jnp.isfinite(a)), Status.NOT_POSITIVE_DEFINITE, Status.NON_FINITE
    )
    done = jnp.isfinite(factor[-1, -1])
    return jax.lax.stop_gradient(jnp.where(done, success, failure)).astype(jnp.int32)
