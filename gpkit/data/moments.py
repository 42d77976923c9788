"""Offset and scale of a column, safe from 1e-300 to 1e300 and for offsets far above the spread."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Column = Float[np.ndarray, " n"]

# A column whose values differ by a few units in the last place holds one number, rounded.
_CONSTANT_ULPS = 4


class Moments(NamedTuple):
    """Mean and standard deviation (divisor n); a constant column has scale 1."""

    offset: float
    scale: float
    constant: bool


def moments(values: Column) -> Moments:
    """Mean and standard deviation of a finite column.

    Values are multiplied by a power of two and shifted by the first of them before anything
    is squared: both steps are exact, so neither size nor a large offset costs digits.
    """
    exponent, shifted, first = _shifted(values)
    mean = np.mean(shifted)
    offset = float(np.ldexp(first + mean, exponent))
    if _negligible(shifted):
        return Moments(offset, 1.0, True)
    # Not negligible, the spread exceeds 1e-16, whose square is far from underflow.
    scale = float(np.ldexp(np.sqrt(np.mean((shifted - mean) ** 2)), exponent))
    # Below the smallest float64 nothing can be divided by.
    return Moments(offset, scale, False) if scale > 0 else Moments(offset, 1.0, True)


def is_constant(values: Column) -> bool:
    """Whether a finite column holds one value, up to rounding relative to its size."""
    return _negligible(_shifted(values)[1])


def standardised(
    values: Float[np.ndarray, "..."], offset: np.ndarray | float, scale: np.ndarray | float
) -> Float[np.ndarray, "..."]:
    """``(values - offset) / scale``, which overflows only where the quotient itself does."""
    exponent = np.frexp(scale)[1]
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.ldexp(values, -exponent) - np.ldexp(offset, -exponent)
        return distance / np.ldexp(scale, -exponent)


def _shifted(values: Column) -> tuple[int, Column, float]:
    """Exponent e, the values times 2**-e less their first, and that first."""
    exponent = int(np.frexp(np.max(np.abs(values)))[1])
    unit = np.ldexp(values, -exponent)
    return exponent, unit - unit[0], float(unit[0])


def _negligible(shifted: Column) -> bool:
    # The largest value lies in [1/2, 1), so eps is about its unit in the last place.
    spread = np.max(shifted) - np.min(shifted)
    return bool(spread <= _CONSTANT_ULPS * np.finfo(np.float64).eps)
