r"""What a fit will cost, how many rows it may therefore use, and by which solver.

Known before anything runs and the same on every machine: the rates are nominal, so that a
seeded subset of rows is reproducible.
"""

from typing import NamedTuple

import numpy as np

from gpkit.operators.memory import parse_memory
from gpkit.solvers.auto import Option, expected, iterative_for
from gpkit.solvers.costs import Size
from gpkit.solvers.iterative import Iterative

# Nominal rates of two cores in float64: matrix products, and kernel entries with gradient.
_FLOPS = 60e9
_ENTRIES = 120e6
_COMPILE_SECONDS = 2.0
_EVALUATIONS = 40
# Covariance, factor, inverse and the cotangent of the covariance.
_BUFFERS = 4
_MEMORY = "4GB"
_SECONDS = 300.0
# An iterative fit on all rows may take longer: the alternative is to leave rows out.
LARGE_SECONDS = 3600.0
# Evaluations on all rows, and the dense fits on subsets before them.
_LARGE_EVALUATIONS = 40
_SUBSET_ROWS = 1500
_SUBSET_FITS = 3


class Plan(NamedTuple):
    """Rows to fit on, rows to predict from, and what was predicted.

    `rows` and `posterior_rows` are at most n; `bytes` and `seconds` are for these rows,
    `seconds_all` for all n by the dense solver. `solver` is "dense" or "iterative", `rank` the rank
    that the latter is to have. `reasons` says why fewer rows are used or the solver is not the
    dense one, empty otherwise.
    """

    n: int
    rows: int
    posterior_rows: int
    bytes: int
    seconds: float
    seconds_all: float
    reasons: tuple[str, ...]
    solver: str = "dense"
    rank: int | str | None = None

    def summary(self) -> str:
        """One line for people."""
        text = f"{self.n} rows, about {_size(self.bytes)} and {_duration(self.seconds)}"
        return "; ".join((text, *self.reasons))


def plan_fit(
    n: int,
    d: int,
    *,
    num_fits: int,
    solver: str = "auto",
    memory: str | int | None = None,
    seconds: float | None = None,
    kernels: int = 1,
    targets: int = 1,
) -> Plan:
    """The plan of `num_fits` dense fits, or of one iterative fit on all rows.

    With ``solver="auto"`` that is the iterative one where a dense fit would have to leave rows out
    and the iterative one is expected to stay within `memory` (default "4GB") and `seconds`
    (default 3600, where a dense fit has 300). "dense" and "iterative" take that solver.

    Raises ValueError for another solver, or where the iterative one was asked for and does not
    fit memory.
    """
    if solver not in ("auto", "dense", "iterative"):
        raise ValueError(f"solver must be 'auto', 'dense' or 'iterative', got {solver!r}")
    dense = plan_dense(n, d, num_fits=num_fits, memory=memory, seconds=seconds)
    if solver == "dense" or (solver == "auto" and dense.rows == n == dense.posterior_rows):
        return dense
    option, rank, needed, predicting = _large(n, d, memory, kernels, targets)
    if solver == "iterative" and not option.eligible:
        raise ValueError(
            f"the iterative solver needs {_size(option.bytes)} for {n} rows: raise memory"
        )
    limit = LARGE_SECONDS if seconds is None else float(seconds)
    if solver == "auto" and not (option.eligible and needed <= limit):
        too = f"{_duration(needed)}" if option.eligible else _size(option.bytes)
        return dense._replace(reasons=(*dense.reasons, f"the iterative solver would need {too}"))
    kind = "with a whole factor" if option.name == "whole" else f"tiles {option.name}"
    how = f"fitted on all {n} rows by the iterative solver, {kind}"
    cost = f"{_duration(option.seconds)} an evaluation (dense: {_duration(dense.seconds_all)})"
    reasons = (f"{how}, {cost}", f"predictions of 1024 rows with variances: {predicting}")
    return Plan(n, n, n, option.bytes, needed, dense.seconds_all, reasons, "iterative", rank)


def _large(
    n: int, d: int, memory: str | int | None, kernels: int, targets: int
) -> tuple[Option, int | str | None, float, str]:
    """What an evaluation on all rows takes and by which rank; seconds of fit and of predictions."""
    ceiling = parse_memory(_MEMORY if memory is None else memory)
    size, solver = Size(n, d, "float64", kernels, targets), Iterative(memory=ceiling)
    fitted = iterative_for(size, ceiling, device="cpu")
    option = expected(size, fitted, ceiling, task="gradient", device="cpu")
    subsets = predicted_seconds(min(n, _SUBSET_ROWS), d, _SUBSET_FITS)
    predicting = expected(size, solver, ceiling, task="posterior", device="cpu").seconds
    return option, fitted.rank, subsets + _LARGE_EVALUATIONS * option.seconds, _duration(predicting)


def plan_dense(
    n: int, d: int, *, num_fits: int, memory: str | int | None = None, seconds: float | None = None
) -> Plan:
    """Rows for `num_fits` dense fits within `memory` (default "4GB") and `seconds` (300).

    Both are ceilings on predictions at nominal rates: cubic work at 60 GFLOP/s, 120 million
    kernel entries a second, 40 evaluations a fit.
    """
    ceiling = parse_memory(_MEMORY if memory is None else memory)
    limit = _SECONDS if seconds is None else float(seconds)
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
