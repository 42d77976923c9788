r"""Cholesky factor of a matrix plus or minus a rank-one matrix.

For $A' = L L^\top \pm v v^\top$ and $p = L^{-1} v$, the new factor is $L' = L M$ with M that of
$I \pm p p^\top$. Its columns come from rotations of $[L, v]$, one for each column. Written out
(Gill, Golub, Murray and Saunders 1974) their cosines and sines need only the running sums

$$s_j = 1 + \sum_{k \le j} p_k^2 \quad \text{(update)}, \qquad
s_j = 1 - \sum_{k \le j} p_k^2 \quad \text{(downdate)},$$

and what a rotation meets in row i is a running sum of $L_{ik} p_k$, so the loop over
columns becomes two cumulative sums. Both are arranged as sums of positive numbers and as
products with cosines and sines: what is stable in the rotations stays so. Derivatives are
those of the formula, in n^2 operations where going through $dA'$ takes n^3.
"""

import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.linalg.factorisation import Cholesky
from gpkit.linalg.triangular import trsm
from gpkit.results import Status


def cholesky_update(factor: Float[Array, "n n"], v: Float[Array, " n"]) -> Cholesky:
    r"""Lower Cholesky factor of $L L^\top + v v^\top$.

    **Arguments:** `factor` is L, of which only the lower triangle is read, with a nonzero
    diagonal; `v` a vector.

    **Returns:** a `Cholesky` with jitter zero. Where the factor is not finite, it is filled
    with NaN and `status` is `Status.NON_FINITE`.

    Differentiable in both modes and to every order; the gradient in L is lower triangular.

    **Cost:** of the order of n^2 operations and five n x n arrays, as for each derivative.
    Batches by ``vmap``.

    **Raises:** `ValueError` if the shapes do not fit.

    **Source:** Gill, Golub, Murray and Saunders (1974), method C1; Golub and Van Loan,
    section 6.5.4.
    """
    lower, p = _prepare("cholesky_update", factor, v)
    after = 1 + jnp.cumsum(p**2)
    before = jnp.concatenate([jnp.ones_like(p[:1]), after[:-1]])
    # What is left of v in row i when the rotations come to column j.
    met = jnp.pad(jnp.cumsum(lower * p, axis=1)[:, :-1], ((0, 0), (1, 0)))
    left = jnp.tril(v[:, None] - met, -1) / jnp.sqrt(before)
    below = jnp.tril(lower, -1) * jnp.sqrt(before / after) + left * (p / jnp.sqrt(after))
    diagonal = jnp.diagonal(lower) * jnp.sqrt(after / before)
    updated = below + jnp.diag(diagonal)
    return _result(updated, jnp.isfinite(after[-1]), Status.NON_FINITE)


def cholesky_downdate(factor: Float[Array, "n n"], v: Float[Array, " n"]) -> Cholesky:
    r"""Lower Cholesky factor of $L L^\top - v v^\top$.

    **Arguments:** as for `cholesky_update`.

    **Returns:** a `Cholesky` with jitter zero. The matrix is positive definite if and only if
    $s_n = 1 - \|L^{-1} v\|^2 > 0$. Where $s_n \le n \varepsilon$, which rounding cannot tell
    from zero, the factor is filled with NaN and `status` is
    `Status.NOT_POSITIVE_DEFINITE`; `Status.NON_FINITE` where L or v is not finite.

    Differentiable as `cholesky_update`.

    **Cost:** as `cholesky_update`. About $\log_{10}(1 / s_n)$ digits are lost.

    **Raises:** `ValueError` if the shapes do not fit.

    **Source:** LINPACK's dchdd (Dongarra et al. 1979); Golub and Van Loan, section 6.5.4.
    """
    lower, p = _prepare("cholesky_downdate", factor, v)
    size = jnp.linalg.norm(p)
    last = (1 - size) * (1 + size)
    definite = last > p.size * jnp.finfo(p.dtype).eps
    # A stand-in where there is no root, so that its derivative is not infinite times zero.
    last = jnp.where(definite, last, 1)
    # From the bottom up: the differences 1 - sum would lose what `last` has kept.
    before = last + jnp.cumsum(p[::-1] ** 2)[::-1]
    after = jnp.concatenate([before[1:], last[None]])
    met = jnp.cumsum((lower * p)[:, ::-1], axis=1)[:, ::-1]
    right = jnp.pad(met[:, 1:], ((0, 0), (0, 1))) / jnp.sqrt(after)
    updated = lower * jnp.sqrt(after / before) - jnp.tril(right, -1) * (p / jnp.sqrt(before))
    finite = jnp.all(jnp.isfinite(v)) & jnp.all(jnp.isfinite(lower))
    failure = jnp.where(finite, Status.NOT_POSITIVE_DEFINITE, Status.NON_FINITE)
    return _result(updated, definite, failure)


def _prepare(name: str, factor: Array, v: Array) -> tuple[Array, Array]:
    """The lower triangle and p = L^-1 v."""
    if factor.ndim != 2 or factor.shape[0] != factor.shape[1] or v.shape != factor.shape[:1]:
        raise ValueError(
            f"{name} needs a square factor and a vector of its size, got shapes "
            f"{factor.shape} and {v.shape}; use vmap for a batch"
        )
    lower = jnp.tril(factor)
    return lower, trsm(lower, v)


def _result(factor: Array, success: Array, failure: Array | Status) -> Cholesky:
    success = success & jnp.all(jnp.isfinite(factor))
    status = jnp.where(success, Status.SUCCESS, failure).astype(jnp.int32)
    # A product, so that the derivative is NaN as well and not zero.
    factor = factor * jnp.where(success, 1, jnp.nan).astype(factor.dtype)
    return Cholesky(factor, jnp.zeros((), factor.dtype), status)
