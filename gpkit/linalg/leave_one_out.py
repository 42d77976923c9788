r"""Leave-one-out estimators of trace and diagonal: XTrace, XNysTrace, XDiag.

Every probe serves twice: all the others build a low-rank approximation that is exact on its
range, and the probe estimates what that leaves. The leave-one-out bases are all computed
from one QR factorisation A Omega = Q R: with s_i the normalised i-th column of R^{-T}, the
range of the other products is that of Q (I - s_i s_i^T). Products, parameters and `basis` are
as in `gpkit.linalg.trace`. The samples are not independent; their plain spread is an optimistic
error estimate, which is corrected by the jackknife (see `_honest`), except in `xdiag`.

Source: Epperly, Tropp and Webber 2024 (arXiv 2301.07825), sections 2 and 3; the formulas for
XNysTrace below are rederived from the inverse of Omega^T A Omega.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, MatVec, PRNGKeyArray, PyTree
from gpkit.linalg.inverse import triangular_inverse
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

    Arguments as in `gpkit.linalg.trace.hutchinson`; `num_matvecs` is rounded down to an even
        number, from 2 to 2n; `basis` is "frozen" or "differentiated", see `gpkit.linalg.trace`.

    Cost beside the products: O(n k^2 + k^4) flops for k probes; memory 3 blocks n x k.

    Raises:
        ValueError: `num_matvecs` out of range, or an unknown `basis`.

    Source: see the module.
    """
    n = template.shape[0]
    check_budget(num_matvecs, 2, 2 * n)
    size = num_matvecs // 2
    probes = sphere(key, size, n, template.dtype).T
    products = matvec(probes, *params)
    q, r = jnp.linalg.qr(chosen(basis)(products))
    image = matvec(q, *params)
    known = _Known(
        small=q.T @ image,
        probes=q.T @ probes,
        products=q.T @ products,
        image=image.T @ probes,
        forms=jnp.sum(probes * products, axis=0),
    )
    samples = _xtrace_samples(n, known, _lost_direction(r))
    frozen, r = jax.lax.stop_gradient((known, r))

    def without(others: Array) -> Array:
        rotation, r_left = jnp.linalg.qr(r[:, others])
        left = _Known(
            small=rotation.T @ frozen.small @ rotation,
            probes=rotation.T @ frozen.probes[:, others],
            products=rotation.T @ frozen.products[:, others],
            image=rotation.T @ frozen.image[:, others],
            forms=frozen.forms[others],
        )
        return jnp.mean(_xtrace_samples(n, left, _lost_direction(r_left)))

    return estimate(_honest(samples, without), key)


class _Known(NamedTuple):
    """What XTrace needs of matrix and probes, in coordinates of the basis Q."""

    small: Float[Array, "k k"]  # Q^T A Q
    probes: Float[Array, "k k"]  # Q^T Omega
    products: Float[Array, "k k"]  # Q^T A Omega
    image: Float[Array, "k k"]  # (A Q)^T Omega
    forms: Float[Array, " k"]  # diagonal of Omega^T A Omega


def _xtrace_samples(n: int, known: _Known, s: Float[Array, "k k"]) -> Float[Array, " k"]:
    """The leave-one-out estimates, one per probe; |probe|^2 = n."""
    inside = jnp.trace(known.small) - jnp.sum(s * (known.small @ s), axis=0)
    p = known.probes - s * jnp.sum(s * known.probes, axis=0)
    # u = probe - Q p is what the others leave of the probe: u^T A u in terms of known products.
    outside = known.forms - jnp.sum(p * (known.image + known.products - known.small @ p), axis=0)
    # u is uniform in n - k + 1 dimensions given its length, which is known exactly.
    length = jnp.maximum(n - jnp.sum(p**2, axis=0), n * _eps(p))
    return inside + (n - s.shape[1] + 1) / length * outside


def xnystrace(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_matvecs: int,
    basis: str = "frozen",
) -> Estimate:
    r"""tr A for symmetric positive semidefinite A, by leave-one-out Nystroem approximation.

    All products build the basis: for decaying spectra the most accurate estimator here. With
    Y = A \Omega, H = \Omega^T Y and h_i the i-th column of H^{-1}, the Nystroem approximation
    without probe i has trace tr(Y H^{-1} Y^T) - |Y h_i|^2 / h_ii and leaves 1 / h_ii of the
    probe's quadratic form. A shift of the size of rounding errors keeps H definite.

    Arguments as in `xtrace`, `num_matvecs` from 2 to n. With the approximations "frozen" the
        derivative is Hutchinson's with the same probes. That of the computed number,
        "differentiated", has a far larger variance where A is nearly of low rank but its
        derivative is not, and loses its digits where A has a rank below `num_matvecs`.

    Cost beside the products: O(n k^2 + k^4) flops for k probes; memory 3 blocks n x k.

    Raises:
        ValueError: `num_matvecs` out of range, or an unknown `basis`.

    Source: see the module.
    """
    n = template.shape[0]
    check_budget(num_matvecs, 2, n)
    probes = sphere(key, num_matvecs, n, template.dtype).T
    products = matvec(probes, *params)
    tiny = jnp.finfo(products.dtype).tiny ** 0.5  # for A = 0
    shift = jax.lax.stop_gradient(_eps(products) * jnp.linalg.norm(products)) + tiny
    forms = jnp.sum(probes * products, axis=0)
    products = chosen(basis)(products + shift * probes)
    h = probes.T @ products
    h, gram = 0.5 * (h + h.T), probes.T @ probes
    samples = _nystroem_samples(n, products, h, gram)
    if basis == "frozen":
        samples = samples + forms - jax.lax.stop_gradient(forms)
    _, r = jnp.linalg.qr(jax.lax.stop_gradient(products))
    frozen = jax.lax.stop_gradient(h)

    def without(others: Array) -> Array:
        pairs = jnp.ix_(others, others)
        return jnp.mean(_nystroem_samples(n, r[:, others], frozen[pairs], gram[pairs]))

    return estimate(_honest(samples, without) - shift * n, key)


def _nystroem_samples(n: int, products: Array, h: Array, gram: Array) -> Float[Array, " k"]:
    """The leave-one-out estimates from A Omega (or its triangular factor) and Gram matrices."""
    lower = jnp.linalg.cholesky(h)
    inverse = triangular_inverse(lower)
    root = products @ inverse.T  # the approximation is root root^T
    diagonal = jnp.sum(inverse**2, axis=0)
    inside = jnp.sum(root**2) - jnp.sum((root @ inverse) ** 2, axis=0) / diagonal
    # 1 / diag(gram^{-1}): squared length of what the other probes leave of each one. The
    # shift, below rounding, keeps as many probes as rows definite.
    shift = _eps(gram) * jnp.trace(gram) * jnp.eye(h.shape[0], dtype=gram.dtype)
    lengths = jnp.sum(triangular_inverse(jnp.linalg.cholesky(gram + shift)) ** 2, axis=0)
    return inside + (n - h.shape[0] + 1) * lengths / diagonal


def xdiag(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_matvecs: int,
    basis: str = "frozen",
) -> DiagonalEstimate:
    """diag A for symmetric A, unbiased, entry by entry.

    Arguments as in `xtrace`.

    Cost beside the products: O(n k^2) flops for k probes; memory 6 blocks n x k.

    Raises:
        ValueError: `num_matvecs` out of range, or an unknown `basis`.

    Source: see the module.
    """
    n = template.shape[0]
    check_budget(num_matvecs, 2, 2 * n)
    size = num_matvecs // 2
    probes = rademacher(key, size, n, template.dtype).T
    products = matvec(probes, *params)
    q, r = jnp.linalg.qr(chosen(basis)(products))
    s = _lost_direction(r)
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


def _honest(samples: Float[Array, " k"], without: Callable[[Array], Array]) -> Float[Array, " k"]:
    """The samples, spread about their mean so that their standard error is not optimistic.

    Where m probes act together, the spread of leave-one-out samples makes the variance of the
    mean too small by a factor of m, and the jackknife (the estimator on all probes but one)
    makes it too large by m. Their geometric mean is right for every m, and too large for
    mixtures of orders, by the inequality of Cauchy and Schwarz.
    """
    k = samples.shape[0]
    if k < 2:
        return samples
    others = jnp.asarray([[i for i in range(k) if i != j] for j in range(k)])
    replicates = jax.lax.map(without, others)
    own = jnp.var(jax.lax.stop_gradient(samples), ddof=1) / k
    jackknife = (k - 1) * jnp.var(replicates)
    positive = (own > 0) & (jackknife > 0)
    factor = jnp.where(positive, jackknife / jnp.where(positive, own, 1), 1) ** 0.25
    mean = jnp.mean(samples)
    return mean + jax.lax.stop_gradient(factor * (samples - mean))


def _lost_direction(r: Float[Array, "k k"]) -> Float[Array, "k k"]:
    """Columns s_i: the direction that the range of the products loses without product i."""
    diagonal = jnp.diag(r)
    # Dependent products: any direction orthogonal to the others will do, to rounding.
    least = _eps(r) * jnp.max(jnp.abs(diagonal)) + jnp.finfo(r.dtype).tiny
    lift = jnp.where(jnp.abs(diagonal) < least, jnp.where(diagonal < 0, -least, least), diagonal)
    s = triangular_inverse((r + jnp.diag(lift - diagonal)).T)
    s = s / jnp.max(jnp.abs(s), axis=0)
    return s / jnp.linalg.norm(s, axis=0)


def _eps(x: Array) -> float:
    return float(jnp.finfo(x.dtype).eps)
