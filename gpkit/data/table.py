"""A table ready for a model: inputs typed and checked, targets, known noise, what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from gpkit.data.checking import (
    Targets,
    as_noise_variance,
    as_target,
    check_names,
    refuse_infinity,
    refuse_missing,
)
from gpkit.data.columns import Column, Dropped, Schema, infer_array, infer_frame
from gpkit.data.kinds import Kind, column_of, kind_of, text_names
from gpkit.data.moments import is_constant

Missing = Literal["error", "drop"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and targets of one regression task, in original units.

    `X` has shape ``(n, d)``, float64, one column per input kept: numbers, 0/1 for booleans,
    the position of the level for categories (`schema` knows which). `y` has shape ``(n,)``,
    or ``(n, t)`` for several targets. `noise_variance` holds known variances of the noise in
    squared units of y, or None. `rows` are the positions of the rows in the source table, so
    that results find their way back. `notes` says what was left out and why.

    Made by `from_arrays` and `from_frame`, which type the columns, refuse what is not a
    finite number, and drop constant inputs.
    """

    X: Float[np.ndarray, "n d"]
    y: Targets
    schema: Schema
    targets: tuple[str, ...]
    noise_variance: Targets | None
    rows: Int[np.ndarray, " n"]
    notes: tuple[str, ...] = ()

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        names: Sequence[str] | None = None,
        noise_variance: ArrayLike | None = None,
        missing: Missing = "error",
    ) -> "Dataset":
        """Data set of numeric arrays: X ``(n, d)``, y ``(n,)`` or ``(n, t)``.

        `noise_variance`: a number, ``(n,)`` or the shape of y. `missing="drop"` leaves out
        the rows with a NaN in any of them.

        Raises:
            ValueError: for NaN, infinity, complex numbers, wrong shapes or lengths, no rows,
                no columns, or no input that varies; the message names column and remedy.
            TypeError: for text, dates and objects.
        """
        schema, coded = infer_array(X, names)
        target = as_target(y, len(coded))
        labels = ("y",) if target.ndim == 1 else tuple(f"y{j}" for j in range(target.shape[1]))
        return _assemble(_Parts(schema, coded, target, labels, noise_variance), missing)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        target: str | Sequence[str],
        *,
        inputs: Sequence[str] | None = None,
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        noise_variance: str | ArrayLike | None = None,
        missing: Missing = "error",
    ) -> "Dataset":
        """Data set of a DataFrame; `target` is a column name, or a list of them for ``(n, t)``.

        Inputs are all other columns, or those of `inputs`, less those of `drop`. Text and
        categorical columns become categories, and so do the columns named in `categorical`.
        `noise_variance` may name a column.

        Raises:
            ValueError, TypeError: as `from_arrays`; also for unknown or repeated column names,
                a target among the inputs, and a target that holds text.
        """
        frame = text_names(frame)
        targets = _target_names(frame, target)
        aside = set(targets)
        if isinstance(noise_variance, str):
            (column,) = check_names([noise_variance], list(frame.columns), "noise_variance")
            aside.add(column)
            noise_variance = _numbers(column_of(frame, column), "the noise variance")
        chosen = _input_names(frame, aside, inputs, drop)
        schema, coded = infer_frame(frame.loc[:, chosen], categorical)
        y = np.stack([_numbers(column_of(frame, name), "a target") for name in targets], axis=1)
        y = y[:, 0] if isinstance(target, str) else y
        return _assemble(_Parts(schema, coded, y, targets, noise_variance), missing)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.X.shape[0]

    @property
    def d(self) -> int:
        """Number of inputs kept."""
        return self.X.shape[1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs kept."""
        return self.schema.kept

    @property
    def columns(self) -> tuple[Column, ...]:
        """The inputs kept: name, position in the source table, kind, levels."""
        return self.schema.columns

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """The inputs left out, each with its reason."""
        return self.schema.dropped

    def take(self, rows: ArrayLike) -> "Dataset":
        """The same data set with some rows only (positions, or a mask of length n).

        Columns, kinds and levels stay as they are, also where a level no longer occurs.

        Raises:
            ValueError: if no row is selected.
            IndexError: if a position is out of range, or a mask has another length.
        """
        noise, rows = self.noise_variance, np.asarray(rows)
        kept = np.arange(self.n)[rows] if rows.size else rows
        if kept.ndim != 1 or kept.size == 0:
            raise ValueError(f"rows must select at least one row, got shape {kept.shape}")
        return replace(
            self,
            X=self.X[kept],
            y=self.y[kept],
            noise_variance=None if noise is None else noise[kept],
            rows=self.rows[kept],
        )


class _Parts(NamedTuple):
    """What both constructors know before rows and columns are left out."""

    schema: Schema
    X: Float[np.ndarray, "n d"]
    y: Targets
    targets: tuple[str, ...]
    noise_variance: ArrayLike | None


def _assemble(parts: _Parts, missing: Missing) -> Dataset:
    if missing not in ("error", "drop"):
        raise ValueError(f"missing must be 'error' or 'drop', got {missing!r}")
    schema, X, y = parts.schema, parts.X, parts.y
    noise = parts.noise_variance
    noise = None if noise is None else as_noise_variance(noise, y)
    refuse_infinity(y, parts.targets, "y")
    if missing == "drop":
        schema, X = _drop(schema, X, _empty_columns(schema, X))
    else:
        refuse_missing(X, schema.kept, "X")
        refuse_missing(y, parts.targets, "y")
        if noise is not None:
            refuse_missing(noise, ("noise_variance",) * noise.ndim, "noise_variance")
    rows = np.flatnonzero(_complete(X, y, noise))
    if rows.size == 0:
        raise ValueError("no row is complete; leave out the columns with most missing entries")
    notes = (f"{len(X) - rows.size} of {len(X)} rows left out: missing entries",)
    schema, X = _drop(schema, X[rows], _constant_columns(schema, X[rows]))
    return Dataset(
        X=X,
        y=y[rows],
        schema=schema,
        targets=parts.targets,
        noise_variance=None if noise is None else noise[rows],
        rows=rows,
        notes=(notes if rows.size < len(y) else ())
        + tuple(f"column {name!r} left out: {reason}" for name, reason in schema.dropped),
    )


def _drop(
    schema: Schema, X: Float[np.ndarray, "n d"], dropped: Sequence[Dropped]
) -> tuple[Schema, Float[np.ndarray, "n e"]]:
    gone = {name for name, _ in dropped}
    keep = [j for j, name in enumerate(schema.kept) if name not in gone]
    if not keep:
        raise ValueError(
            "no input column is left: "
            + "; ".join(f"{name!r} {reason}" for name, reason in dropped)
        )
    return schema.without(dropped), X[:, keep]


def _empty_columns(schema: Schema, X: Float[np.ndarray, "n d"]) -> list[Dropped]:
    empty = np.flatnonzero(np.isnan(X).all(axis=0))
    return [Dropped(schema.kept[j], "is empty") for j in empty]


def _constant_columns(schema: Schema, X: Float[np.ndarray, "n d"]) -> list[Dropped]:
    # One row tells nothing about what varies.
    if len(X) < 2:
        return []
    dropped = []
    for j, column in enumerate(schema.columns):
        if is_constant(X[:, j]):
            value = column.levels[int(X[0, j])] if column.kind is Kind.CATEGORY else X[0, j]
            shown = repr(value) if isinstance(value, str) else f"{value:.6g}"
            dropped.append(Dropped(column.name, f"is constant ({shown})"))
    return dropped


def _complete(*arrays: Targets | None) -> np.ndarray:
    """Mask of the rows without a missing entry in any of the arrays."""
    masks = [~np.isnan(a.reshape(len(a), -1)).any(axis=1) for a in arrays if a is not None]
    return np.all(masks, axis=0)


def _target_names(frame: pd.DataFrame, target: str | Sequence[str]) -> tuple[str, ...]:
    asked = [target] if isinstance(target, str) else list(target)
    names = check_names(asked, list(frame.columns), "target")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"target must be one or more different columns, got {target!r}")
    return names


def _input_names(
    frame: pd.DataFrame, aside: set[str], inputs: Sequence[str] | None, drop: Sequence[str]
) -> list[str]:
    known = list(frame.columns)
    gone = set(check_names(drop, known, "drop"))
    if inputs is None:
        return [name for name in known if name not in aside | gone]
    names = check_names(inputs, known, "inputs")
    for name in names:
        if name in aside:
            raise ValueError(f"inputs names {name!r}, which is a target or the noise variance")
        if names.count(name) > 1:
            raise ValueError(f"inputs names {name!r} more than once")
    return [name for name in names if name not in gone]


def _numbers(series: pd.Series, role: str) -> Float[np.ndarray, " n"]:
    kind = kind_of(series)
    if kind in (Kind.CATEGORY, Kind.DATE):
        holds = "text or categories" if kind is Kind.CATEGORY else "dates"
        raise ValueError(
            f"column {series.name!r} is {role} but holds {holds}; gpkit does regression: choose "
            "a numeric column"
        )
    if pd.api.types.is_object_dtype(series.dtype):
        series = pd.Series(pd.to_numeric(series))
    return series.to_numpy(np.float64, na_value=np.nan)
