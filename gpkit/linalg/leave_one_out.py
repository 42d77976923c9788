r"""Leave-one-out estimators of trace and diagonal: XTrace, XNysTrace, XDiag.

Every probe serves twice: all the others build a low-rank approximation that is exact on its
range, and the probe estimates what that leaves. The leave-one-out bases are all computed
from one QR factorisation A Omega = Q R: with s_i the normalised i-th column of R^{-T}, the
range of the other products is that of Q (I - s_i s_i^T). Products, parameters and `basis` are
as in `gpkit.linalg.trace`. The samples are not independent, and their spread is a slightly
optimistic error estimate.

Source: Epperly, Tropp and Webber 2024 (arXiv 2301.07825), sections 2 and 3; the formulas for
XNysTrace below are rederived from the inverse of Omega^T A Omega.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, MatVec, PRNGKeyArray, PyTree
from gpkit.linalg.probes import rademacher, sphere
from gpkit.linalg.trace import Template, check_budget, chosen, estimate
from gpkit.results import Estimate, Status


class DiagonalEstimate(NamedTuple):
    """An estimate of the diagonal, with a standard error for each entry."""

    value: Float[Array, " n"]
    stderr: Float[Array, " n"]
    status: Int[Array, ""]


def xtrace(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_matvecs: int,
    basis: str = "frozen",
) -> Estimate:
    """tr A, unbiased for any square A; half of the products build the basis, half apply it.

    For decaying spectra more accurate than Hutch++ at the same number of products.

    Args: as in `gpkit.linalg.trace.hutchinson`; `num_matvecs` is rounded down to an even number,
        from 2 to 2n; `basis` is "frozen" or "differentiated", see `gpkit.linalg.trace`.

    Raises:
        ValueError: `num_matvecs` out of range, or an unknown `basis`.
    """
    n = template.shape[0]
    check_budget(num_matvecs, 2, 2 * n)
    size = num_matvecs // 2
    probes = sphere(key, size, n, template.dtype).T
    products = matvec(probes, *params)
    q, s = _leave_one_out(chosen(basis)(products))
    image = matvec(q, *params)
    small = q.T @ image
    inside = jnp.trace(small) - jnp.sum(s * (small @ s), axis=0)
    coordinates = q.T @ probes
    p = coordinates - s * jnp.sum(s * coordinates, axis=0)
    # u = probe - Q p is what the others leave of the probe: u^T A u in terms of known products.
    outside = (
        jnp.sum(probes * products, axis=0)
        - jnp.sum((image.T @ probes) * p, axis=0)
        - jnp.sum(p * (q.T @ products), axis=0)
        + jnp.sum(p * (small @ p), axis=0)
    )
    # u is uniform in n - size + 1 dimensions given its length, which is known exactly.
    scale = (n - size + 1) / jnp.maximum(n - jnp.sum(p**2, axis=0), n * _eps(p))
    return estimate(inside + scale * outside, key)


def xnystrace(
    matvec: MatVec, template: Template, *params: PyTree, key: PRNGKeyArray, num_matvecs: int
) -> Estimate:
    r"""tr A for symmetric positive semidefinite A, by leave-one-out Nystroem approximation.

    All products build the basis: for decaying spectra the most accurate estimator here. With
    Y = A \Omega, H = \Omega^T Y and h_i the i-th column of H^{-1}, the Nystroem approximation
    without probe i has trace tr(Y H^{-1} Y^T) - |Y h_i|^2 / h_ii and leaves 1 / h_ii of the
    probe's quadratic form. A shift of the size of rounding errors keeps H definite.

    Args: as in `xtrace`, `num_matvecs` from 2 to n. The derivative is that of the computed
        number; at matrices of rank below `num_matvecs` it loses its digits, use `xtrace`
        there.

    Raises:
        ValueError: `num_matvecs` out of range.
    """
    n = template.shape[0]
    check_budget(num_matvecs, 2, n)
    probes = sphere(key, num_matvecs, n, template.dtype).T
    products = matvec(probes, *params)
    tiny = jnp.finfo(products.dtype).tiny ** 0.5  # for A = 0
    shift = jax.lax.stop_gradient(_eps(products) * jnp.linalg.norm(products)) + tiny
    products = products + shift * probes
    h = probes.T @ products
    lower = jnp.linalg.cholesky(0.5 * (h + h.T))
    identity = jnp.eye(num_matvecs, dtype=lower.dtype)
    inverse = jax.scipy.linalg.solve_triangular(lower, identity, lower=True)
    root = products @ inverse.T  # the approximation is root root^T
    diagonal = jnp.sum(inverse**2, axis=0)
    inside = jnp.sum(root**2) - jnp.sum((root @ inverse) ** 2, axis=0) / diagonal
    # Length of what the other probes leave of each one, by the same identity for A = I.
    length = 1 / jnp.diag(jnp.linalg.inv(probes.T @ probes))
    scale = (n - num_matvecs + 1) / length
    return estimate(inside + scale / diagonal - shift * n, key)


def xdiag(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_matvecs: int,
    basis: str = "frozen",
) -> DiagonalEstimate:
    """diag A for symmetric A, unbiased, entry by entry.

    Args: as in `xtrace`.

    Raises:
        ValueError: `num_matvecs` out of range, or an unknown `basis`.
    """
    n = template.shape[0]
    check_budget(num_matvecs, 2, 2 * n)
    size = num_matvecs // 2
    probes = rademacher(key, size, n, template.dtype).T
    products = matvec(probes, *params)
    q, s = _leave_one_out(chosen(basis)(products))
    image = matvec(q, *params)
    left, right = q @ s, image @ s
    inside = jnp.sum(q * image, axis=1)[:, None] - left * right
    rest = products - q @ (q.T @ products) + left * jnp.sum(left * products, axis=0)
    samples = inside + probes * rest
    value = jnp.mean(samples, axis=1)
    spread = jnp.std(samples, axis=1, ddof=1) if size > 1 else jnp.full_like(value, jnp.inf)
    status = jnp.where(jnp.all(jnp.isfinite(value)), Status.SUCCESS, Status.NON_FINITE)
    return DiagonalEstimate(
        value, jax.lax.stop_gradient(spread / size**0.5), status.astype(jnp.int32)
    )


def _leave_one_out(products: Array) -> tuple[Array, Array]:
    """Q, and the directions s_i (columns) that the range loses without product i."""
    q, r = jnp.linalg.qr(products)
    diagonal = jnp.diag(r)
    # Dependent products: any direction orthogonal to the others will do, to rounding.
    least = _eps(r) * jnp.max(jnp.abs(diagonal)) + jnp.finfo(r.dtype).tiny
    lift = jnp.where(jnp.abs(diagonal) < least, jnp.where(diagonal < 0, -least, least), diagonal)
    r = r + jnp.diag(lift - diagonal)
    identity = jnp.eye(r.shape[0], dtype=r.dtype)
    s = jax.scipy.linalg.solve_triangular(r, identity, trans="T")
    s = s / jnp.max(jnp.abs(s), axis=0)
    return q, s / jnp.linalg.norm(s, axis=0)


def _eps(x: Array) -> float:
    return float(jnp.finfo(x.dtype).eps)
