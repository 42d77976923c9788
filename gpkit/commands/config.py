"""Settings from a TOML file: every option of `select` and `fit` is a key."""

import csv
import difflib
import io
import tomllib
from collections.abc import Collection, Mapping
from typing import Any


def read_config(path: str, known: Mapping[str, str], others: Collection[str]) -> dict[str, Any]:
    """The settings of a TOML file by the name of their parameter.

    `known` maps each key to its parameter; keys are the long names of options, with ``-`` or
    ``_``, and the name of the argument. Keys of `others`, options of the other commands, are
    passed over, so that one file serves several.

    Raises:
        OSError: if the file can't be read.
        ValueError: if it is not TOML, or has an unknown key or a value of another shape.
    """
    with open(path, "rb") as file:
        try:
            record = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not TOML: {error}") from None
    settings = {}
    for written, value in record.items():
        key = written.replace("_", "-")
        if key in known:
            settings[known[key]] = _as_option(value, f"{path}: {written}", known[key])
        elif key not in others:
            close = difflib.get_close_matches(key, [*known, *others], n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"keys: {', '.join(known)}"
            raise ValueError(f"{path}: unknown key {written!r}; {hint}")
    return settings


def _as_option(value: Any, where: str, parameter: str) -> Any:
    """A value in the form that the command line would give it."""
    if isinstance(value, list):
        if not all(isinstance(item, str | int | float) for item in value):
            raise ValueError(f"{where} must be a list of names or texts")
        items = [str(item) for item in value]
        return tuple(items) if parameter == "more" else _JOIN.get(parameter, _names)(items)
    if not isinstance(value, str | int | float):
        raise ValueError(f"{where} must be text, a number, true, false or a list, got {value!r}")
    if parameter == "more":
        return (str(value),)
    return value if isinstance(value, bool) else str(value)


def _names(items: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(items)
    return text.getvalue()


_JOIN = {"candidates": "; ".join}
