"""What a column of a DataFrame holds: numbers, true and false, categories or dates."""

import enum
import numbers

import numpy as np
import pandas as pd


class Kind(enum.StrEnum):
    """What a column holds; it decides how the column is encoded."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    DATE = "date"


def text_names(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its column names as text; a name used twice is an error."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"a pandas DataFrame is needed, got {type(frame).__name__}")
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"column name {twice[0]!r} is used more than once; rename one of them")
    return frame.set_axis(names, axis=1)


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """One column of a frame whose column names are all different."""
    series = frame[name]
    assert isinstance(series, pd.Series)
    return series


def kind_of(series: pd.Series) -> Kind:
    """Kind of one column by its dtype; object columns by what they hold.

    Raises:
        TypeError: for durations, mixtures and other objects.
        ValueError: for complex numbers.
    """
    types, dtype = pd.api.types, series.dtype
    if types.is_complex_dtype(dtype):
        raise ValueError(
            f"Complex data not supported: column {series.name!r} is complex; pass real and "
            "imaginary parts as two columns"
        )
    if isinstance(dtype, pd.CategoricalDtype):
        return Kind.CATEGORY
    if types.is_object_dtype(dtype):
        return _kind_of_objects(series)
    if types.is_bool_dtype(dtype):
        return Kind.BOOLEAN
    if types.is_numeric_dtype(dtype):
        return Kind.NUMERIC
    if types.is_string_dtype(dtype):
        return Kind.CATEGORY
    if types.is_datetime64_any_dtype(dtype):
        return Kind.DATE
    raise TypeError(f"column {series.name!r} has dtype {dtype}; pass numbers or text, or drop it")


# What pandas.api.types.infer_dtype says of an object column; anything else is refused.
_OBJECT_KINDS = {
    "string": Kind.CATEGORY,
    "boolean": Kind.BOOLEAN,
    "integer": Kind.NUMERIC,
    "floating": Kind.NUMERIC,
    "mixed-integer-float": Kind.NUMERIC,
    "decimal": Kind.NUMERIC,
    "empty": Kind.NUMERIC,
    "date": Kind.DATE,
    "datetime": Kind.DATE,
}


def _kind_of_objects(series: pd.Series) -> Kind:
    content = pd.api.types.infer_dtype(series, skipna=True)
    if content.startswith("mixed"):
        _refuse_mixture(series)
    if content not in _OBJECT_KINDS:
        raise TypeError(
            f"column {series.name!r} holds objects ({content}); make it numbers or text with "
            "astype, or drop it"
        )
    return _OBJECT_KINDS[content]


def _refuse_mixture(series: pd.Series) -> None:
    """Raise TypeError with the first cell of text among numbers, if that is the mixture."""
    text = series.map(lambda cell: isinstance(cell, str)).to_numpy(bool)
    number = series.map(lambda cell: isinstance(cell, numbers.Real)).to_numpy(bool)
    if text.any() and number[series.notna().to_numpy() & ~text].all() and number.any():
        row = int(np.flatnonzero(text)[0])
        raise TypeError(
            f"column {series.name!r} mixes numbers and text: row {row} (counted from 0) holds "
            f"{series.iloc[row]!r}; correct it, or make the whole column text with astype(str)"
        )
