"""Files written whole or not at all, and checked to be writable before the long work."""

import json
import math
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np


def prepare_folder(folder: str | os.PathLike[str]) -> Path:
    """The folder, made where it is not there yet; OSError with the path if it can't be used."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        reason = "a file of this name is in the way" if path.is_file() else error.strerror
        raise OSError(error.errno, f"can't write into this folder: {reason}", str(path)) from None


def prepare_file(name: str | os.PathLike[str]) -> Path:
    """The path of a file whose folder exists and can be written to; OSError otherwise."""
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}; make it first")
    prepare_folder(path.parent)
    return path


def write_text(path: Path, text: str) -> None:
    """Replace or make a text file in UTF-8 as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace or make a file in one step: readers see the old content or all of the new."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".gpkit-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def to_json(record: Mapping[str, Any], *, ascii_only: bool = False) -> str:
    """Strict JSON: NumPy numbers as numbers, NaN and infinity as null."""
    return json.dumps(_plain(record), indent=2, ensure_ascii=ascii_only, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
