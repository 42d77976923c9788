r"""What a dense fit will cost, and how many rows it may therefore use.

Known before anything runs and the same on every machine: the rates are nominal, so that a
seeded subset of rows is reproducible.
"""

from typing import NamedTuple

import numpy as np

from gpkit.operators.memory import parse_memory

# Nominal rates of two cores in float64: matrix products, and kernel entries with gradient.
_FLOPS = 60e9
_ENTRIES = 120e6
_COMPILE_SECONDS = 2.0
_EVALUATIONS = 40
# Covariance, factor, inverse and the cotangent of the covariance.
_BUFFERS = 4
_MEMORY = "4GB"


class Plan(NamedTuple):
    """Rows to fit on, rows to predict from, and what was predicted.

    `rows` and `posterior_rows` are at most n; `bytes` and `seconds` are for these rows,
    `seconds_all` for all n. `reasons` says why fewer are used, empty if all are.
    """

    n: int
    rows: int
    posterior_rows: int
    bytes: int
    seconds: float
    seconds_all: float
    reasons: tuple[str, ...]

    def summary(self) -> str:
        """One line for people."""
        text = f"{self.n} rows, about {_size(self.bytes)} and {_duration(self.seconds)}"
        return "; ".join((text, *self.reasons))


def plan_dense(
    n: int, d: int, *, num_fits: int, memory: str | int | None = None, seconds: float | None = None
) -> Plan:
    """Rows for `num_fits` dense fits within `memory` (default "4GB") and `seconds` (300).

    Both are ceilings on predictions at nominal rates: cubic work at 60 GFLOP/s, 120 million
    kernel entries a second, 40 evaluations a fit.
    """
    ceiling = parse_memory(_MEMORY if memory is None else memory)
    limit = 300.0 if seconds is None else float(seconds)
    fits_memory = int(np.sqrt(ceiling / (8 * _BUFFERS)))
    rows = min(n, fits_memory)
    while rows > 256 and predicted_seconds(rows, d, num_fits) > limit:
        rows = int(rows * 0.95)
    reasons = []
    if rows < n:
        why = "memory" if rows == fits_memory else f"{_duration(limit)} of work"
        full = _duration(predicted_seconds(n, d, num_fits))
        reasons.append(
            f"fitted on a seeded subset of {rows} rows to stay within {why} (all: {full})"
        )
    kept = min(n, fits_memory)
    if kept < n:
        reasons.append(f"predictions use {kept} rows to stay within memory")
    return Plan(
        n=n,
        rows=rows,
        posterior_rows=kept,
        bytes=8 * _BUFFERS * max(rows, kept) ** 2,
        seconds=predicted_seconds(rows, d, num_fits),
        seconds_all=predicted_seconds(n, d, num_fits),
        reasons=tuple(reasons),
    )


def predicted_seconds(n: int, d: int, num_fits: int) -> float:
    """Seconds of `num_fits` dense fits at nominal rates."""
    evaluation = (5 / 3) * n**3 / _FLOPS + n**2 * (1 + d / 8) / _ENTRIES
    return num_fits * _EVALUATIONS * evaluation + _COMPILE_SECONDS


def subset(n: int, rows: int, seed: int) -> np.ndarray:
    """Sorted positions of a seeded subset of rows; all of them if rows >= n."""
    if rows >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:rows])


def _size(size: int) -> str:
    if size < 2**20:
        return f"{max(1, round(size / 2**10))} KB"
    return f"{size / 2**20:.0f} MB" if size < 2**30 else f"{size / 2**30:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
