"""`gpkit predict`: predictions for every row of a table, from a model file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from gpkit.commands.caching import enable_compilation_cache
from gpkit.commands.new_rows import check_columns, predictable, wanted
from gpkit.commands.terminal import note, watched
from gpkit.commands.writing import prepare_file, write_text
from gpkit.data import Schema, is_file_name, open_table
from gpkit.data import load as load_table
from gpkit.io import load
from gpkit.predictor import Predictor
from gpkit.results import Event, Progress, silent
from gpkit.transformed import TransformedPredictor

_LEVELS = (0.05, 0.95)
_SHOWN = 8
# Rows at a time where each takes solves, so that the bar moves.
_ROWS = 1024


def run(
    model: str,
    table: str,
    *,
    out: str | None,
    sep: str | None,
    decimal: str | None,
    data_dir: str | None,
    quiet: bool,
) -> int:
    """Do the work of the command; returns the exit code 0."""
    path = None if out is None else prepare_file(out)
    enable_compilation_cache()
    predictor = load(model)
    schema = predictor.encoder.schema
    if is_file_name(table):
        frame, place, extra = _from_file(schema, table, sep, decimal)
    else:
        frame = load_table(table, data_dir=data_dir).frame
        place = "row {}, counted from 0".format
        extra = [name for name in frame.columns if name not in schema.names]
    extra = [name for name in extra if name not in predictor.targets]
    if extra and not quiet:
        more = ", ..." if len(extra) > _SHOWN else ""
        note(f"note: columns that the model does not use: {', '.join(extra[:_SHOWN])}{more}")
    usable, reasons = predictable(schema, frame, place)
    if not usable.any():
        raise ValueError(f"no row can be predicted: {'; '.join(reasons)}")
    with watched(quiet=quiet) as progress:
        found = predictions(predictor, frame, usable, progress=progress)
    text = found.to_csv(index=False, lineterminator="\n")
    if path is None:
        print(text, end="")
    else:
        write_text(path, text)
        note(f"wrote {path}: {len(frame)} rows")
    if reasons:
        note(f"note: rows that can't be predicted are empty: {'; '.join(reasons)}")
    return 0


def _from_file(
    schema: Schema, table: str, sep: str | None, decimal: str | None
) -> tuple[pd.DataFrame, Callable[[int], str], list[str]]:
    """The columns of the model, read as in training, and the names of the others."""
    source = open_table(Path(table), sep=sep, decimal=decimal)
    check_columns(schema.kept, source.names)
    frame = source.typed(schema.kept, wanted(schema.columns)).frame
    return frame, source.place, [name for name in source.names if name not in schema.names]


def predictions(
    predictor: Predictor | TransformedPredictor,
    frame: pd.DataFrame,
    usable: np.ndarray,
    *,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Mean, standard deviation and 90% interval of a new observation, for each target.

    One row for each row of the frame; those that are not `usable` stay NaN.
    """
    table = frame[usable]
    base = predictor.base if isinstance(predictor, TransformedPredictor) else predictor
    size = _ROWS if base.solves else len(table)
    parts = []
    for start in range(0, len(table), size):
        progress(Event("rows", start, len(table), np.nan))
        rows = table.iloc[start : start + size]
        lower, upper = np.moveaxis(predictor.quantiles(rows, _LEVELS), -1, 0)
        parts.append((*predictor.predict(rows), lower, upper))
    whole = (np.concatenate(part) for part in zip(*parts, strict=True))
    views = dict(zip(("mean", "std", "lower90", "upper90"), whole, strict=True))
    columns = {}
    for j, target in enumerate(predictor.targets):
        for view, values in views.items():
            column = np.full(len(frame), np.nan)
            column[usable] = values.reshape(len(values), -1)[:, j]
            columns[f"{target}_{view}"] = column
    return pd.DataFrame(columns)
