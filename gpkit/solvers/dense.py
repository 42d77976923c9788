r"""The dense solver: one Cholesky factorisation, exact to rounding, O(n^3)."""

import math
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Bool, Float, Int, Scalar
from gpkit.linalg.factorisation import Cholesky, cholesky
from gpkit.linalg.inverse import lower_spd_inverse, triangular_inverse
from gpkit.linalg.serial import solve_lower, solve_lower_transposed
from gpkit.linalg.triangular import trsm
from gpkit.operators.covariance import Covariance
from gpkit.results import Estimate, worst
from gpkit.solvers.base import AbstractFactor, AbstractSolver


@final
class DenseFactor(AbstractFactor):
    """Lower Cholesky factor of H."""

    factor: Float[Array, "n n"]
    jitter: Scalar
    status: Int[Array, ""]

    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        return self._cholesky().solve(b)

    def quadratic(self, b: Float[Array, "n m"]) -> Float[Array, " m"]:
        return jnp.sum(jnp.square(trsm(self.factor, b)), axis=0)

    def inner(self, b: Float[Array, "n m"]) -> Float[Array, "m m"]:
        half = trsm(self.factor, b)
        return half.T @ half

    def inverse_diagonal(self) -> Float[Array, " n"]:
        return jnp.sum(jnp.square(triangular_inverse(self.factor)), axis=0)

    def logdet(self) -> Scalar:
        return self._cholesky().logdet()

    def _cholesky(self) -> Cholesky:
        return Cholesky(self.factor, self.jitter, self.status)


@final
class Dense(AbstractSolver):
    r"""Cholesky of the whole covariance, with a reported jitter ladder.

    The value costs $n^3/3$ flops, value and gradient $5/3\, n^3$, from n = 2048 on about
    $1.2\, n^3$ (floor $n^3$); memory is three to four n x n arrays.
    """

    def factorise(self, H: Covariance, *, key: Array | None = None) -> DenseFactor:
        del key
        # Two programs: the costly one is the same for every kernel and compiles once.
        return _factorise(_dense(H), H.status)

    def log_density(
        self, H: Covariance, residual: Float[Array, "n ..."], *, key: Array | None = None
    ) -> Estimate:
        del key
        columns = residual.reshape(residual.shape[0], -1)
        estimate = dense_log_density(H.lower(), columns, H.noise, H.mask)
        return eqx.tree_at(lambda e: e.status, estimate, worst(estimate.status, H.status))


def dense_log_density(
    dense: Float[Array, "n n"],
    columns: Float[Array, "n t"],
    noise: Float[Array, " n"],
    mask: Bool[Array, " n"] | None,
) -> Estimate:
    r"""$\sum_j \log\mathcal N(r_j \mid 0, H)$ from arrays alone: free of the kernel.

    `dense` is H with neutral rows where `mask` is False, of which the lower triangle is read;
    `noise` is the part of its diagonal that bounds its eigenvalues from below.
    """
    rows = dense.shape[0] if mask is None else jnp.sum(mask)
    if mask is not None:
        columns = jnp.where(mask[:, None], columns, 0.0)
    value, info = gaussian_log_density(dense, columns)
    constant = 0.5 * math.log(2 * math.pi) * rows * columns.shape[1]
    bound = _error_bound(info, jnp.min(noise), columns)
    return Estimate.exact(value - constant, error_bound=bound, status=info.status)


@eqx.filter_jit
def _dense(H: Covariance) -> Array:
    return H.lower()


@jax.jit
def _factorise(dense: Array, status: Array) -> DenseFactor:
    result = cholesky(dense)
    return DenseFactor(result.factor, result.jitter, worst(result.status, status))


class _Info(NamedTuple):
    """What the error bound and the report need; carries no gradient."""

    jitter: Scalar
    logdet: Scalar
    quadratic: Scalar
    weights_norm2: Scalar
    diagonal_max: Scalar
    status: Int[Array, ""]


class _Solved(NamedTuple):
    lower_inverse: Float[Array, "n n"]
    weights: Float[Array, "n t"]
    value: Scalar
    info: _Info


@jax.custom_jvp
def gaussian_log_density(H: Float[Array, "n n"], r: Float[Array, "n t"]) -> tuple[Scalar, _Info]:
    r"""$-\tfrac12 \operatorname{tr} r^\top H^{-1} r - \tfrac t2 \log\det H$ and a report.

    A function of the lower triangle of H and of r. With $\alpha = H^{-1} r$ and
    $S = \alpha\alpha^\top - t H^{-1}$ its gradient is $S_{ij}$ below the diagonal of H,
    $S_{ii}/2$ on it and 0 above, and $-\alpha$ with respect to r (Rasmussen and Williams 2006,
    equation 5.9). Differentiating takes the inverse from the factor of the value; a value
    alone takes no inverse.
    """
    value, _, info = _value(H, r)[:3]
    return value, info


@gaussian_log_density.defjvp
def _gaussian_log_density_jvp(primals: tuple, tangents: tuple) -> tuple:
    solved = _solve_all(*primals)
    return (solved.value, solved.info), (_tangent(solved, *tangents), _no_tangent(solved.info))


@jax.custom_jvp
def _solve_all(H: Array, r: Array) -> _Solved:
    value, weights, info, factor = _value(H, r)
    return _Solved(lower_spd_inverse(factor), weights, value, info)


@_solve_all.defjvp
def _solve_all_jvp(primals: tuple, tangents: tuple) -> tuple:
    # Second derivatives: dH^-1 = -H^-1 dH H^-1, never a derivative of the factorisation.
    dH, dr = tangents
    solved = _solve_all(*primals)
    A, dH_full = _mirrored(solved.lower_inverse), _mirrored(dH)
    tangents_out = _Solved(
        lower_inverse=-jnp.tril(A @ (dH_full @ A)),
        weights=A @ (dr - dH_full @ solved.weights),
        value=_tangent(solved, dH, dr),
        info=_no_tangent(solved.info),
    )
    return solved, tangents_out


def _tangent(solved: _Solved, dH: Array, dr: Array) -> Array:
    """Directional derivative of the value; reads the lower triangle of dH."""
    w = solved.weights
    below = jnp.tril(w @ w.T, -1) - w.shape[1] * jnp.tril(solved.lower_inverse, -1)
    on = jnp.sum(w * w, axis=1) - w.shape[1] * jnp.diagonal(solved.lower_inverse)
    return jnp.sum(below * dH) + 0.5 * on @ jnp.diagonal(dH) - jnp.sum(w * dr)


def _mirrored(lower: Array) -> Array:
    """The symmetric matrix with this lower triangle."""
    return jnp.tril(lower) + jnp.tril(lower, -1).T


def _value(H: Array, r: Array) -> tuple[Array, Array, _Info, Array]:
    result = cholesky(H)
    half = solve_lower(result.factor, r)
    weights = solve_lower_transposed(result.factor, half)
    quadratic, logdet = jnp.sum(half * half), result.logdet()
    info = _Info(
        jitter=result.jitter,
        logdet=logdet,
        quadratic=quadratic,
        weights_norm2=jnp.sum(weights * weights),
        diagonal_max=jnp.max(jnp.diagonal(H)),
        status=result.status,
    )
    return -0.5 * quadratic - 0.5 * r.shape[1] * logdet, weights, info, result.factor


def _no_tangent(info: _Info) -> _Info:
    zeros = jax.tree.map(jnp.zeros_like, info)
    return zeros._replace(status=jnp.zeros(info.status.shape, jax.dtypes.float0))


def _error_bound(info: _Info, noise: Array, r: Array) -> Array:
    r"""Bound on the effect of jitter and rounding, in nats.

    Let A = H + E be what was factorised, $\lVert E\rVert \le \delta$ and $\alpha = A^{-1} r$.
    Then $H^{-1} = A^{-1} + A^{-1} E A^{-1} + A^{-1} E H^{-1} E A^{-1}$, so that the quadratic
    form moves by at most $\delta (1 + \delta/\sigma) \lVert\alpha\rVert^2$, where no eigenvalue
    of H lies below the smallest noise variance $\sigma$; log det H moves by at most
    $n\,\delta/\sigma$ to first order. The first-order form of both would be far too small
    where jitter exceeds the noise. The backward error of a Cholesky factorisation is about
    $\varepsilon\,n \max_i H_{ii}$ in the worst case (Higham 2002, theorem 10.3), of which
    $\sqrt n$ is what is seen.
    """
    n, t = r.shape
    eps = jnp.finfo(r.dtype).eps
    delta = info.jitter + eps * math.sqrt(n) * info.diagonal_max
    # Without noise nothing is known of the smallest eigenvalue: rounding is a guess for it.
    smallest = jnp.where(noise > 0, noise, eps * info.diagonal_max)
    spread = (1 + delta / smallest) * (info.weights_norm2 + t * n / smallest)
    summing = eps * math.sqrt(n) * (info.quadratic + t * jnp.abs(info.logdet) + n)
    return jax.lax.stop_gradient(0.5 * delta * spread + summing)
