"""Inputs as the matrix that kernels see: standardised numbers, one dummy column per level."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from gpkit.data.checking import refuse_infinity, refuse_missing
from gpkit.data.columns import Column, Dropped, Schema, Table, infer_array, infer_frame
from gpkit.data.kinds import Kind
from gpkit.data.moments import moments, standardised
from gpkit.data.table import Dataset, Missing

Matrix = Float[np.ndarray, "n p"]


class ColumnMap(NamedTuple):
    """Source columns and where they are encoded: four tuples of equal length.

    `index[j]` are the positions of source column j among the encoded columns; a value v of
    it in original units is ``(v - offset[j]) / scale[j]`` there (categories: 1 and 0).
    """

    names: tuple[str, ...]
    index: tuple[tuple[int, ...], ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]


@dataclass(frozen=True)
class Encoder:
    """From tables in original units to the float64 matrix ``(n, p)`` that kernels see.

    A numeric or boolean column becomes one standardised column; a category becomes one
    0/1 column per level, not scaled, so that two different levels lie at squared distance 2
    and one lengthscale for the whole category measures a mismatch.
    """

    schema: Schema
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, table: Dataset | Table, *, standardize: bool = True) -> "Encoder":
        """Mean and standard deviation of each numeric or boolean column of the training rows.

        A column that is constant in these rows keeps scale 1, and `notes` says so.
        ``standardize=False`` leaves original units (offset 0, scale 1).

        Raises:
            ValueError, TypeError: as `Dataset.from_frame` and `Dataset.from_arrays`.
        """
        schema, X = _typed(table)
        scale, offset, notes = [], [], []
        for j, column in enumerate(schema.columns):
            if not standardize or column.kind is Kind.CATEGORY:
                scale.append(1.0)
                offset.append(0.0)
                continue
            m = moments(X[:, j])
            scale.append(m.scale)
            offset.append(m.offset)
            if m.constant:
                notes.append(f"column {column.name!r} is constant in these rows: its scale is 1")
        return cls(schema, tuple(scale), tuple(offset), tuple(notes))

    @property
    def columns(self) -> ColumnMap:
        """Name, encoded positions, scale and offset of each source column."""
        ends = np.cumsum([_width(column) for column in self.schema.columns])
        index = tuple(
            tuple(range(int(end) - _width(column), int(end)))
            for column, end in zip(self.schema.columns, ends, strict=True)
        )
        return ColumnMap(self.schema.kept, index, self.scale, self.offset)

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """Names of the encoded columns: ``name``, or ``name=level`` for a category."""
        return tuple(
            name
            for column in self.schema.columns
            for name in ([f"{column.name}={x}" for x in column.levels] or [column.name])
        )

    def encode(self, table: Dataset | Table, *, missing: Missing = "error") -> Matrix:
        """The encoded matrix ``(n, p)`` of a data set, DataFrame or array.

        ``missing="drop"`` leaves out rows with a missing entry; `complete` tells which rows
        are left.

        Raises:
            ValueError: for missing or infinite entries, unseen levels, absent columns, cells
                of another kind than in training, and values so far from the training rows
                that their standardised value overflows; each names the column.
        """
        X = self._coded(table)
        if missing == "drop":
            X = X[~np.isnan(X).any(axis=1)]
        refuse_missing(X, self.schema.kept, "X")
        parts = []
        for j, column in enumerate(self.schema.columns):
            if column.kind is Kind.CATEGORY:
                parts.append(np.equal.outer(X[:, j], np.arange(len(column.levels))).astype(float))
            else:
                parts.append(standardised(X[:, j, None], self.offset[j], self.scale[j]))
        encoded = np.concatenate(parts, axis=1)
        refuse_infinity(encoded, self.encoded_names, "X in units of the training spread")
        return encoded

    def complete(self, table: Dataset | Table) -> Bool[np.ndarray, " n"]:
        """Mask of the rows of a table without a missing entry."""
        return np.asarray(~np.isnan(self._coded(table)).any(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text, from which `from_dict` makes an equal encoder."""
        columns = [[c.name, c.position, c.kind.value, list(c.levels)] for c in self.schema.columns]
        return {
            "names": list(self.schema.names),
            "columns": columns,
            "dropped": [list(item) for item in self.schema.dropped],
            "scale": list(self.scale),
            "offset": list(self.offset),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Encoder":
        """The encoder that `to_dict` wrote down."""
        columns = tuple(
            Column(name, position, Kind(kind), tuple(levels))
            for name, position, kind, levels in record["columns"]
        )
        dropped = tuple(Dropped(*item) for item in record["dropped"])
        schema = Schema(tuple(record["names"]), columns, dropped)
        scale, offset = tuple(record["scale"]), tuple(record["offset"])
        return cls(schema, scale, offset, tuple(record["notes"]))

    def _coded(self, table: Dataset | Table) -> Matrix:
        if not isinstance(table, Dataset):
            return self.schema.code(table)
        if table.schema != self.schema:
            raise ValueError(
                "this data set has other columns or levels than the one the encoder was fitted "
                "on; take rows of one data set, or pass the DataFrame"
            )
        return table.X


def _typed(table: Dataset | Table) -> tuple[Schema, Matrix]:
    if isinstance(table, Dataset):
        return table.schema, table.X
    schema, X = infer_frame(table) if isinstance(table, pd.DataFrame) else infer_array(table)
    refuse_missing(X, schema.kept, "X")
    return schema, X


def _width(column: Column) -> int:
    return len(column.levels) or 1
