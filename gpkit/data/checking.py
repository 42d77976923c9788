"""Checks of tables and arrays at the door: what is refused, named, and how to mend it."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

Matrix = Float[np.ndarray, "n d"]
Targets = Float[np.ndarray, " n"] | Float[np.ndarray, "n t"]

_NUMBERS = "biuf"


def as_matrix(X: ArrayLike) -> Matrix:
    """Inputs as a new float64 array of shape ``(n, d)``; missing entries stay NaN.

    Raises:
        ValueError: if X is complex, not two-dimensional, or has no rows or no columns.
        TypeError: if X holds text, dates or objects (a sparse matrix is one object).
    """
    array = as_numbers(X, "X")
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead (X has shape {array.shape}): "
            "use X.reshape(-1, 1) for one input, X.reshape(1, -1) for one row"
        )
    check_size(array.shape)
    return np.array(array, np.float64, order="C")


def as_target(y: ArrayLike, n: int, name: str = "y") -> Targets:
    """Targets as a new float64 array, ``(n,)`` or ``(n, t)``; missing entries stay NaN.

    Raises:
        ValueError: if y is complex, has another number of rows than X, or no targets.
        TypeError: if y holds text, dates or objects.
    """
    array = as_numbers(y, name)
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(f"{name} must have shape (n,) or (n, t), got {array.shape}")
    if len(array) != n:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n} rows, "
            f"{name} has {len(array)}"
        )
    return np.array(array, np.float64, order="C")


def as_noise_variance(values: ArrayLike, y: Targets) -> Targets:
    """Known noise variances in squared units of y: a number, ``(n,)``, or the shape of y.

    Raises:
        ValueError: if the shape does not fit or an entry is negative or infinite.
    """
    array = as_numbers(values, "noise_variance").astype(np.float64)
    if array.shape not in ((), y.shape[:1], y.shape):
        raise ValueError(
            f"noise_variance has shape {array.shape}; it must be a number or have shape "
            f"{y.shape[:1]} (one variance a row)"
        )
    if np.any(array < 0) or np.any(np.isinf(array)):
        raise ValueError("noise_variance has negative or infinite entries; pass variances")
    return np.array(np.broadcast_to(array, array.shape or y.shape[:1]))


def as_numbers(values: Any, name: str) -> np.ndarray:
    """`values` as an array of a real number type (booleans included), or a clear error."""
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported: {name} is complex; pass real and imaginary parts as "
            "two columns"
        )
    if array.dtype.kind in _NUMBERS:
        return array
    remedy = (
        "pass a pandas DataFrame, whose text columns become categories"
        if name == "X"
        else "gpkit does regression: pass numbers"
    )
    if array.ndim == 0 and array.dtype.kind == "O":
        remedy = "pass a dense array (for a sparse matrix, .toarray())"
    raise TypeError(f"{name} must hold numbers, got dtype {array.dtype}; {remedy}")


def check_size(shape: tuple[int, ...]) -> None:
    """Refuse tables without rows or without columns."""
    for count, what in zip(shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {what} (shape={shape}) while a minimum of 1 is required."
            )


def check_names(names: Sequence[Any], known: Sequence[str], argument: str) -> tuple[str, ...]:
    """Column names as given by the caller, each of them known; near misses are suggested."""
    if isinstance(names, str):
        raise TypeError(f"{argument} must be a sequence of column names, got the text {names!r}")
    asked = tuple(str(name) for name in names)
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"columns: {', '.join(known)}"
            raise ValueError(f"{argument} names {name!r}, which is no column; {hint}")
    return asked


def refuse_infinity(values: Float[np.ndarray, "n ..."], names: Sequence[str], what: str) -> None:
    """Raise ValueError with the column and row of the first infinite entry, if there is one."""
    _refuse(np.isinf(values), names, f"Input {what} contains infinity", "correct or leave it out")


def refuse_missing(values: Float[np.ndarray, "n ..."], names: Sequence[str], what: str) -> None:
    """Raise ValueError with the column and row of the first missing entry, if there is one."""
    remedy = "fill it in, or pass missing='drop' to leave incomplete rows out"
    _refuse(np.isnan(values), names, f"Input {what} contains NaN", remedy)


def _refuse(bad: Bool[np.ndarray, "n ..."], names: Sequence[str], text: str, remedy: str) -> None:
    if not bad.any():
        return
    # A target of shape (n,) is one column.
    bad = bad.reshape(len(bad), -1)
    row, column = np.argwhere(bad)[0]
    raise ValueError(
        f"{text}: column {names[column]!r}, row {row} (counted from 0; {int(bad.sum())} such "
        f"entries in all); {remedy}"
    )
