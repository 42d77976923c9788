"""`gpkit predict`: predictions for every row of a table, from a model file."""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from gpkit.commands.caching import enable_compilation_cache
from gpkit.commands.loading import predictable
from gpkit.commands.terminal import note
from gpkit.commands.writing import prepare_file, write_text
from gpkit.data import read_table
from gpkit.io import load
from gpkit.predictor import Predictor

_LEVEL = 0.9


def run(model: str, table: str, *, out: str | None) -> int:
    """Do the work of the command; returns the exit code 0."""
    path = None if out is None else prepare_file(out)
    frame = read_table(Path(table))
    enable_compilation_cache()
    predictor = load(model)
    usable, reasons = predictable(predictor.encoder.schema, frame)
    if not usable.any():
        raise ValueError(f"no row can be predicted: {'; '.join(reasons)}")
    text = predictions(predictor, frame, usable).to_csv(index=False, lineterminator="\n")
    if path is None:
        print(text, end="")
    else:
        write_text(path, text)
        note(f"wrote {path}: {len(frame)} rows")
    if reasons:
        note(f"note: rows that can't be predicted are empty: {'; '.join(reasons)}")
    return 0


def predictions(predictor: Predictor, frame: pd.DataFrame, usable: np.ndarray) -> pd.DataFrame:
    """Mean, standard deviation and 90% interval of a new observation, for each target.

    One row for each row of the frame; those that are not `usable` stay NaN.
    """
    mean, std = predictor.predict(frame[usable])
    half = NormalDist().inv_cdf(0.5 * (1 + _LEVEL)) * std
    columns = {}
    for j, target in enumerate(predictor.targets):
        views = {"mean": mean, "std": std, "lower90": mean - half, "upper90": mean + half}
        for view, values in views.items():
            column = np.full(len(frame), np.nan)
            column[usable] = values.reshape(len(values), -1)[:, j]
            columns[f"{target}_{view}"] = column
    return pd.DataFrame(columns)
