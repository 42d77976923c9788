"""Data sets by name: what ships, what loads from a folder, and files by their path."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gpkit.data.catalogue import ENTRIES
from gpkit.data.entry import Entry
from gpkit.data.reading import open_table
from gpkit.data.splits import Split
from gpkit.data.table import Dataset

_BY_NAME = {entry.name: entry for entry in ENTRIES}


@dataclass(frozen=True, eq=False)
class LoadedTable:
    """A table with its default task: target, inputs, splits of its rows, what to do with gaps.

    `splits` are in rows of `frame` and empty for a plain file; `entry` is None then.
    """

    name: str
    frame: pd.DataFrame
    target: str
    inputs: tuple[str, ...]
    splits: tuple[Split, ...] = ()
    missing: str = "error"
    entry: Entry | None = None

    def dataset(
        self,
        *,
        target: str | Sequence[str] | None = None,
        inputs: Sequence[str] | None = None,
        missing: Any = None,
        **options: Any,
    ) -> Dataset:
        """`Dataset.from_frame` with this table's target, inputs and treatment of gaps.

        Any of them may be replaced; another target is taken out of the default inputs.
        """
        target = self.target if target is None else target
        if inputs is None:
            aside = {target} if isinstance(target, str) else set(target)
            inputs = [name for name in self.inputs if name not in aside]
        missing = self.missing if missing is None else missing
        return Dataset.from_frame(self.frame, target, inputs=inputs, missing=missing, **options)

    def splits_of(self, data: Dataset) -> tuple[Split, ...]:
        """The splits in rows of a data set made of this table, which may have left some out."""
        return tuple(split.among(data.rows) for split in self.splits)


def entries() -> tuple[Entry, ...]:
    """All registered data sets, those that ship first."""
    return ENTRIES


def names() -> tuple[str, ...]:
    """Names of all registered data sets, those that ship first."""
    return tuple(_BY_NAME)


def load(name_or_path: str | Path, *, data_dir: str | Path | None = None) -> LoadedTable:
    """The table of a registered data set, or of a file.

    A `Path`, and text with a file suffix (`open_table` lists them), is a file, whose last column
    is the target; other text is a registered name, also where a file of that name exists. Data
    sets that do not ship (names with a slash) are read from the folder `data_dir`, or else the
    one in the environment variable GPKIT_DATA.

    Raises:
        ValueError: for an unknown name, or a table that can't be read.
        FileNotFoundError: if the file, the folder or the data set in it is not there.
    """
    if is_file_name(name_or_path):
        return _load_file(Path(name_or_path))
    name_or_path = str(name_or_path)
    if name_or_path not in _BY_NAME:
        close = difflib.get_close_matches(name_or_path, names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "gpkit datasets lists them"
        raise ValueError(
            f"{name_or_path!r} is no data set ({hint}) and, without a suffix such as .csv, no file"
        )
    entry = _BY_NAME[name_or_path]
    path = locate(entry, data_dir=data_dir)
    frame = entry.prepare(_read(path, entry)).reset_index(drop=True)
    return LoadedTable(
        name=entry.name,
        frame=frame,
        target=entry.target,
        inputs=entry.inputs,
        splits=entry.splits(frame, path.parent),
        missing=entry.missing,
        entry=entry,
    )


def is_file_name(name_or_path: str | Path) -> bool:
    """Whether `load` takes this for a file and not for the name of a data set."""
    return isinstance(name_or_path, Path) or bool(Path(name_or_path).suffix)


def locate(entry: Entry, *, data_dir: str | Path | None = None) -> Path:
    """Path of the file of a data set, which exists.

    A file that ships lies in the package, or (editable install) in the repository beside it.

    Raises:
        FileNotFoundError: if it is not there; the message tells how to say where it is.
    """
    if entry.ships:
        inside = Path(str(resources.files("gpkit"))) / "datasets" / entry.file
        beside = Path(__file__).resolve().parents[2] / "datasets" / entry.file
        found = next((path for path in (inside, beside) if path.is_file()), None)
        if found is None:
            raise FileNotFoundError(f"{entry.file!r} is missing from this installation of gpkit")
        return found
    folder = data_dir if data_dir is not None else os.environ.get("GPKIT_DATA")
    if not folder:
        raise FileNotFoundError(
            f"{entry.name!r} does not ship with gpkit: name the folder that holds "
            f"{entry.file!r} by --data-dir, by data_dir=, or in the variable GPKIT_DATA"
        )
    path = Path(folder) / entry.file
    if not path.is_file():
        raise FileNotFoundError(
            f"{entry.name!r} is not in the data folder: there is no {str(path)!r}; check "
            "--data-dir (data_dir=) or GPKIT_DATA"
        )
    return path


def _load_file(path: Path) -> LoadedTable:
    source = open_table(path)
    names = source.names
    if len(names) < 2:
        raise ValueError(f"{path.name!r} has one column; inputs and a target are needed")
    return LoadedTable(str(path), source.typed(names).frame, target=names[-1], inputs=names[:-1])


def _read(path: Path, entry: Entry) -> pd.DataFrame:
    if path.suffix == ".npz":
        return _read_npz(path)
    # These files are known: their prepare steps expect columns as pandas reads them.
    if entry.header:
        return pd.read_csv(path, header=None, names=list(entry.header), index_col=False)
    return pd.read_csv(path, index_col=False, low_memory=False)


def _read_npz(path: Path) -> pd.DataFrame:
    """One column per array; an array of codes with ``<name>_names`` beside it gets its labels."""
    with np.load(path, allow_pickle=False) as arrays:
        columns = {name: arrays[name] for name in arrays.files if not name.endswith("_names")}
        for name in columns:
            if f"{name}_names" in arrays.files:
                columns[name] = arrays[f"{name}_names"][columns[name]]
    return pd.DataFrame(columns)
