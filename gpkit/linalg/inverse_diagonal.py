r"""The diagonal of an inverse by probes, with a preconditioner as control variate.

For random signs z the mean of $z_i (A^{-1} z)_i$ is $(A^{-1})_{ii}$ (Bekas, Kokiopoulou and Saad
2007). The same products with a preconditioner P, whose inverse has a known diagonal, differ
from what they should be by known amounts; in every row these are regressed out. Where P is like
A nearly all of the noise goes with them, and where it is not the regression finds a slope
near zero, while a fixed slope of one can be worse than nothing by orders of magnitude.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from gpkit._types import Array, Float, PRNGKeyArray
from gpkit.linalg.preconditioners import LowRankPlusDiagonal
from gpkit.linalg.probes import rademacher

_FEWEST = 4


class InverseDiagonal(NamedTuple):
    """Estimates of the diagonal entries of an inverse and their standard errors.

    `without` holds in column j the estimates made without probe j: the jackknife of any function
    of the diagonal, whose errors are correlated over entries.
    """

    value: Float[Array, " n"]
    stderr: Float[Array, " n"]
    without: Float[Array, "n m"]


def inverse_diagonal_estimate(
    solve: Callable[[Float[Array, "n k"]], Float[Array, "n k"]],
    preconditioner: LowRankPlusDiagonal,
    *,
    key: PRNGKeyArray,
    num_probes: int = 32,
    diagonal: Float[Array, " n"],
    smallest: Float[Array, ""] | float,
) -> InverseDiagonal:
    r"""The diagonal of $A^{-1}$ for symmetric positive definite A, entry by entry.

    Args:
        solve: `solve(B)`, the block $A^{-1} B$ for B n x k.
        preconditioner: any P; the nearer to A, the smaller the errors.
        key: draws the probes.
        num_probes: columns of the block solve, 4 at least.
        diagonal: that of A.
        smallest: a lower bound of the eigenvalues of A, such as the smallest noise variance.

    The estimates are unbiased but for the slopes of the regressions, of relative order
    1 / num_probes, and positive: with s the bound and $v_i = \sum_{j \ne i} (A^{-1})_{ij}^2$,
    the variance of one probe, $(A^{-1})_{ii} \ge \max(1 / A_{ii},\, s\, v_i)$, and they are kept
    above the former and half of the latter, v being an estimate itself.

    Cost: the block solve, one with P for each probe, and O(n num_probes) memory.

    Raises:
        ValueError: num_probes below 4.

    Source: Bekas, Kokiopoulou and Saad 2007; regression on control variates: Owen 2013, chapter 8.
    """
    if num_probes < _FEWEST:
        raise ValueError(f"num_probes must be at least {_FEWEST}, got {num_probes}")
    root = preconditioner.root
    Z = rademacher(key, num_probes, root.shape[0], root.dtype).T
    products = Z * solve(Z)
    known = preconditioner.inverse_diagonal()
    excess = Z * preconditioner.solve(Z) - known[:, None]
    value, stderr, without = _regressed(products, excess, known)
    spread = jnp.var(products, axis=1, ddof=1)
    least = jnp.maximum(1 / diagonal, 0.5 * smallest * spread)
    return InverseDiagonal(jnp.maximum(value, least), stderr, jnp.maximum(without, least[:, None]))


def _regressed(x: Array, p: Array, known: Array) -> tuple[Array, Array, Array]:
    """Intercepts of the regressions of x on p, row by row: all, their errors, and without one."""
    m = x.shape[1]
    x_mean, p_mean = (jnp.mean(a, axis=1, keepdims=True) for a in (x, p))
    dx, dp = x - x_mean, p - p_mean
    cross, square = (jnp.sum(dp * d, axis=1, keepdims=True) for d in (dx, dp))
    # Of a row that P keeps apart from all others only rounding errors are left.
    alive = square > m * (64 * jnp.finfo(x.dtype).eps * known[:, None]) ** 2

    def slope(cross: Array, square: Array) -> Array:
        return jnp.where(alive, cross / jnp.where(alive, square, 1.0), 0.0)

    b = slope(cross, square)
    value = (x_mean - b * p_mean)[:, 0]
    rest = jnp.sum((dx - b * dp) ** 2, axis=1) / (m - 2)
    leverage = slope(p_mean**2, square)[:, 0]
    stderr = jnp.sqrt(rest * (1 / m + leverage))
    share = m / (m - 1)
    left = jnp.maximum(square - share * dp**2, jnp.finfo(x.dtype).tiny)
    b = slope(cross - share * dx * dp, left)
    without = x_mean - dx / (m - 1) - b * (p_mean - dp / (m - 1))
    return value, stderr, without
