"""Tables: columns typed and checked, scaling and its inverse, splits, data sets by name."""

from gpkit.data.columns import Column, Dropped, Kind, Schema
from gpkit.data.encoding import ColumnMap, Encoder
from gpkit.data.entry import Entry
from gpkit.data.reading import read_table
from gpkit.data.registry import LoadedTable, entries, load, locate, names
from gpkit.data.scaling import TargetScaler
from gpkit.data.splits import (
    Split,
    from_mask,
    group_split,
    kfold,
    random_split,
    standard_splits,
    time_split,
)
from gpkit.data.table import Dataset

__all__ = [
    "Column",
    "ColumnMap",
    "Dataset",
    "Dropped",
    "Encoder",
    "Entry",
    "Kind",
    "LoadedTable",
    "Schema",
    "Split",
    "TargetScaler",
    "entries",
    "from_mask",
    "group_split",
    "kfold",
    "load",
    "locate",
    "names",
    "random_split",
    "read_table",
    "standard_splits",
    "time_split",
]
