"""Moments of g(z) for a normal z, by Gauss-Legendre quadrature and Mehler's expansion."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, roots_legendre

Array = Float[np.ndarray, "..."]

_NODES, _WEIGHTS = roots_legendre(96)
# Ten standard deviations hold all but 1e-23 of the mass; growth like exp needs some more.
_TAIL = 10.0
_REACH = 14.0
_TERMS = 60


def normal_moments(g: Callable[[Array], Array], mean: Array, std: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of g(z), z normal with these, entry by entry.

    g may have a kink at 0, and is smooth elsewhere.
    """
    _, weights, values, centre = _at_nodes(g, mean, std)
    with np.errstate(over="ignore", invalid="ignore"):
        first = np.sum(weights * values, axis=0)
        second = np.sum(weights * (values - first) ** 2, axis=0)
    return centre + first, np.sqrt(second)


def normal_covariance(g: Callable[[Array], Array], mean: Array, joint: Array) -> Array:
    r"""Covariance of g(z_i) and g(z_j), (m, m), for z normal with mean (m,), covariance (m, m).

    Mehler's expansion $\sum_k a_k(i) a_k(j) \rho_{ij}^k$ with the Hermite coefficients a_k of
    g at each row, which is positive semi-definite term by term.
    """
    std = np.sqrt(np.diagonal(joint))
    x, weights, values, _ = _at_nodes(g, mean, std)
    safe = np.where(std > 0, std, 1.0)
    correlation = np.clip(joint / safe[:, None] / safe[None], -1.0, 1.0)
    total, power = np.zeros_like(joint), np.ones_like(joint)
    before, now = np.zeros_like(x), np.ones_like(x)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(1, _TERMS):
            # Orthonormal Hermite polynomials, by their recurrence.
            now, before = (x * now - np.sqrt(k - 1) * before) / np.sqrt(k), now
            a = np.sum(weights * now * values, axis=0)
            power = power * correlation
            total = total + np.outer(a, a) * power
    return total


def normal_crps(g: Callable[[Array], Array], mean: Array, std: Array, z: Array) -> Array:
    r"""Continuous ranked probability score of g of a normal at the outcome g(z), entry by entry.

    $2\int (\mathbb 1\{y \le q_p\} - p)(q_p - y)\,dp$ over the quantiles q_p of g, taken in
    normal units and cut at the outcome, where the integrand has a kink (Laio and Tamea 2007,
    equation 8).
    """
    at = (z - mean) / np.where(std > 0, std, 1.0)
    found = _sides(g, mean, std, at, g(z), ndtr, lambda x: ndtr(-x))
    return np.where(std > 0, 2 * found, np.abs(g(mean) - g(z)))


def normal_distance(
    g: Callable[[Array], Array], mean: Array, std: Array, cut: Array, outcome: Array
) -> Array:
    """E|g(z) - outcome|, entry by entry; `cut` is the normal score at which g is the outcome."""
    found = _sides(g, mean, std, cut, outcome, np.ones_like, np.ones_like)
    return np.where(std > 0, found, np.abs(g(mean) - outcome))


def normal_nodes() -> tuple[Array, Array]:
    """Nodes and masses of a standard normal: for smooth integrands."""
    return _TAIL * _NODES, _TAIL * _WEIGHTS * _density(_TAIL * _NODES)


def _sides(
    g: Callable[[Array], Array],
    mean: Array,
    std: Array,
    cut: Array,
    outcome: Array,
    below: Callable[[Array], Array],
    above: Callable[[Array], Array],
) -> Array:
    """Integral of weight times |g - outcome| over the normal, cut at a score."""
    at = np.clip(cut, -_TAIL, _TAIL)
    nodes = 0.5 * (1 + _NODES.reshape(-1, *(1,) * mean.ndim))
    total = np.zeros(at.shape)
    for low, high, weight in ((-_TAIL, at, below), (at, _TAIL, above)):
        x = low + (high - low) * nodes
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = weight(x) * np.abs(g(mean + std * x) - outcome) * _density(x)
            total += 0.5 * (high - low) * np.tensordot(_WEIGHTS, gaps, 1)
    return total


def _density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def _at_nodes(
    g: Callable[[Array], Array], mean: Array, std: Array
) -> tuple[Array, Array, Array, Array]:
    """Nodes in normal units and their weights, (nodes, ...); g there less its median; that.

    Less the median, so that a large offset eats no digits. Cut where g may have a kink.
    """
    centre, safe = g(mean), np.where(std > 0, std, 1.0)
    cut = np.clip(-mean / safe, -_REACH, _REACH)
    unit = 0.5 * (1 + _NODES.reshape(-1, *(1,) * mean.ndim))
    x = np.concatenate([-_REACH + (cut + _REACH) * unit, cut + (_REACH - cut) * unit])
    half = 0.5 * _WEIGHTS.reshape(unit.shape)
    weights = np.concatenate([half * (cut + _REACH), half * (_REACH - cut)])
    with np.errstate(over="ignore", invalid="ignore"):
        return x, weights * _density(x), g(mean + std * x) - centre, centre
