"""Tables: columns typed and checked, scaling and its inverse, splits, data sets by name."""

from gpkit.data.columns import Column, Dropped, Schema
from gpkit.data.encoding import ColumnMap, Encoder
from gpkit.data.entry import Entry
from gpkit.data.kinds import Kind
from gpkit.data.leaks import Leak, find_leak
from gpkit.data.reading import AbstractSource, TypedTable, open_table, read_table
from gpkit.data.registry import LoadedTable, entries, is_file_name, load, locate, names
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
from gpkit.data.surveying import MAX_LEVELS, Survey, survey
from gpkit.data.table import Dataset

__all__ = [
    "MAX_LEVELS",
    "AbstractSource",
    "Column",
    "ColumnMap",
    "Dataset",
    "Dropped",
    "Encoder",
    "Entry",
    "Kind",
    "Leak",
    "LoadedTable",
    "Schema",
    "Split",
    "Survey",
    "TargetScaler",
    "TypedTable",
    "entries",
    "find_leak",
    "from_mask",
    "group_split",
    "is_file_name",
    "kfold",
    "load",
    "locate",
    "names",
    "open_table",
    "random_split",
    "read_table",
    "standard_splits",
    "survey",
    "time_split",
]
