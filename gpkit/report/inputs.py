"""Inputs for pictures: rows as numbers, grids along one column, and tables made of both."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from gpkit.data import Column, Kind, Schema
from gpkit.predictor import Predictor
from gpkit.selection.mixture import MixturePredictor
from gpkit.transformed import TransformedPredictor

AnyPredictor = Predictor | TransformedPredictor | MixturePredictor

_MICROSECONDS_A_DAY = 86_400_000_000


def predictor_of(model: Any) -> AnyPredictor:
    """The predictor of a fitted estimator, or the predictor itself.

    Raises:
        TypeError: for anything else, an estimator that is not fitted among it.
        ValueError: for a model of several targets.
    """
    found = getattr(model, "predictor_", model)
    if not isinstance(found, (Predictor, TransformedPredictor, MixturePredictor)):
        raise TypeError(
            "pictures need a fitted GPRegressor or GPSelector, or what gpkit.load returned; got "
            f"{type(model).__name__}"
        )
    if one_of(found).scaler.center.ndim:
        raise ValueError("pictures show one target; fit the targets one by one")
    return found


def one_of(predictor: AnyPredictor) -> Predictor | TransformedPredictor:
    """The predictor itself, or the one of a mixture that has the largest weight."""
    if isinstance(predictor, MixturePredictor):
        return predictor.predictors[int(np.argmax(predictor.weights))]
    return predictor


@dataclass(frozen=True, eq=False)
class InputRows:
    """Complete rows of a table: `X` of shape (n, d) as `Schema.code` has it, and their targets."""

    schema: Schema
    X: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]

    @classmethod
    def of(cls, predictor: AnyPredictor, X: Any, y: Any = None) -> "InputRows":
        """Rows of a DataFrame or array; those with a gap are left out.

        Raises ValueError where y does not have one number for each row, or no row is complete.
        """
        schema = one_of(predictor).encoder.schema
        coded = schema.code(X)
        target = np.zeros(len(coded)) if y is None else np.asarray(y, np.float64)
        if target.shape != (len(coded),):
            raise ValueError(
                f"y must have one number for each of the {len(coded)} rows, got shape "
                f"{target.shape}"
            )
        complete = ~np.isnan(coded).any(axis=1) & np.isfinite(target)
        if not complete.any():
            raise ValueError("no row of X and y is complete: there is nothing to draw")
        return cls(schema, coded[complete], target[complete])

    @property
    def d(self) -> int:
        return self.X.shape[1]

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a table that predictors take."""
        return as_table(self.schema, self.X)

    def discrete(self, j: int) -> bool:
        """Whether a column has levels rather than a scale."""
        return self.schema.columns[j].kind in (Kind.CATEGORY, Kind.BOOLEAN)

    def grid(self, j: int, num: int, *, ends: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
        """Values along a column: its levels, or `num` even steps between two of its quantiles."""
        if self.discrete(j):
            return np.unique(self.X[:, j])
        low, high = np.quantile(self.X[:, j], ends)
        return np.linspace(low, high, num)

    def take(self, num: int, *, seed: int) -> Int[np.ndarray, " m"]:
        """Positions of at most `num` rows, drawn without replacement, in order."""
        if len(self.X) <= num:
            return np.arange(len(self.X))
        return np.sort(np.random.default_rng(seed).choice(len(self.X), num, replace=False))


def as_table(schema: Schema, X: Float[np.ndarray, "n d"]) -> pd.DataFrame:
    """The DataFrame whose code is X: what `Schema.code` does, undone."""
    pairs = zip(schema.columns, X.T, strict=True)
    return pd.DataFrame({column.name: as_values(column, values) for column, values in pairs})


def as_values(column: Column, values: Float[np.ndarray, " n"]) -> Any:
    """Coded values of a column as the table has them: levels, dates or numbers."""
    if column.kind is Kind.CATEGORY:
        levels = np.empty(len(column.levels), object)
        levels[:] = column.levels
        return levels[values.astype(int)]
    if column.kind is Kind.DATE:
        whole = np.floor(values)
        rest = np.round((values - whole) * _MICROSECONDS_A_DAY).astype(np.int64)
        days = whole.astype(np.int64).astype("datetime64[D]").astype("datetime64[us]")
        return days + rest.astype("timedelta64[us]")
    return values


def level_names(column: Column, codes: Float[np.ndarray, " n"]) -> list[str]:
    """What to write below the levels of a category or boolean."""
    if column.kind is Kind.CATEGORY:
        return [str(column.levels[int(code)]) for code in codes]
    return ["yes" if code else "no" for code in codes]
