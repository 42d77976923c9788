"""Tables from files: CSV (also gzipped) and Parquet, as pandas reads them, and nothing silent."""

import warnings
import zlib
from pathlib import Path

import pandas as pd

_CSV = (".csv", ".csv.gz")
_PARQUET = (".parquet", ".pq")
_UNREADABLE = (pd.errors.EmptyDataError, pd.errors.ParserError)


def read_table(path: str | Path, *, sep: str = ",", decimal: str = ".") -> pd.DataFrame:
    """The table in a ``.csv``, ``.csv.gz``, ``.parquet`` or ``.pq`` file.

    `sep` and `decimal` are the column separator and decimal mark of a CSV file, whose first
    line holds the column names. No column becomes an index.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the suffix is another one, or the file is empty, not in UTF-8, not
            what its suffix says, or has rows longer than its header.
        ImportError: for Parquet without pyarrow, which the extra `parquet` installs.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if path.name.lower().endswith(_CSV):
        return _read_csv(path, sep, decimal)
    if path.name.lower().endswith(_PARQUET):
        return _read_parquet(path)
    raise ValueError(
        f"{path.name!r} has none of the suffixes {', '.join(_CSV + _PARQUET)}; save it as one"
    )


def _read_csv(path: Path, sep: str, decimal: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # A row longer than the header is only a warning to pandas, which then cuts it.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            _check_separator(pd.read_csv(path, sep=sep, nrows=0, index_col=False), path.name)
            frame = pd.read_csv(path, sep=sep, decimal=decimal, index_col=False, low_memory=False)
    except pd.errors.ParserWarning:
        raise ValueError(
            f"{path.name!r} has rows with more cells than its header; name every column, and "
            "look for separators at the ends of lines"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name!r} is not text in UTF-8 ({error}); save it so") from None
    except (*_UNREADABLE, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path.name!r} can't be read as CSV: {str(error).strip()}") from None
    if frame.empty:
        raise ValueError(f"{path.name!r} has a header but no rows")
    return frame


def _check_separator(header: pd.DataFrame, name: str) -> None:
    only = str(header.columns[0])
    if header.shape[1] == 1 and any(mark in only for mark in ";\t|"):
        raise ValueError(
            f"{name!r} has the single column {only!r}; its separator seems to be another: "
            "pass sep=';' (or what it is), and decimal=',' if numbers are written so"
        )


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow
    except ImportError:
        raise ImportError(
            "Parquet files need pyarrow: python -m pip install 'gpkit-select[parquet]'"
        ) from None
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path.name!r} can't be read as Parquet: {error}") from None
