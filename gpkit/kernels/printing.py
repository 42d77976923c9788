"""Kernels as text: the expression language with values, for `repr` and for files.

`expression` is open for extension: a kernel that is not a plain call ``word(arguments)``
registers how it prints with ``@expression.register``.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
import paramax
from jax.core import Tracer

from gpkit.kernels.columns import Columns
from gpkit.params import Fixed, Shared, val


class Style(NamedTuple):
    """How to print.

    `digits` are significant digits, None for as many as make the number exact. With
    `columns`, lengths are in original units and whatever the grammar cannot say is an
    error; without, stored numbers are printed and everything prints somehow. `view` are
    the matrix columns that the kernel sees, None for all.
    """

    digits: int | None = 4
    columns: Columns | None = None
    view: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None


@functools.singledispatch
def expression(kernel: Any, style: Style) -> str:
    """The kernel as text: its word, the columns in view, its parameters."""
    word = type(kernel).word
    if style.columns is not None and not word:
        raise ValueError(f"the grammar has no word for {type(kernel).__name__}")
    return call(word or type(kernel).__name__, [*column_names(style), *arguments(kernel, style)])


def call(word: str, args: list[str]) -> str:
    """``word(a, b)``, or the bare word without arguments."""
    return f"{word}({', '.join(args)})" if args else word


def arguments(kernel: Any, style: Style, skip: tuple[str, ...] = ()) -> list[str]:
    """``field=value`` for every field that has a value to print."""
    texts = []
    for field in dataclasses.fields(kernel):
        if field.name in skip:
            continue
        value = getattr(kernel, field.name)
        if type(kernel).word and not isinstance(value, (int, paramax.AbstractUnwrappable)):
            texts.append(str(value) if field.metadata.get("static") else "")
        else:
            unit = type(kernel).units.get(field.name, "")
            texts.append(argument(field.name, value, style, unit))
    return [text for text in texts if text]


def argument(name: str, value: Any, style: Style, unit: str = "") -> str:
    """``name=value`` in the units of the style, or nothing where the value is traced."""
    text = written(value, style, unit)
    return f"{name}={text}" if text else ""


def written(value: Any, style: Style, unit: str = "") -> str:
    """A parameter or number as text: ``0.5``, ``[1, 2]``, ``fixed(0.5)``; empty if unknown."""
    frozen, inner = peel(value)
    array = concrete(inner)
    if array is None:
        return ""
    array = in_original_units(array, style, unit)
    text = number_text(array, style.digits)
    return f"fixed({text})" if frozen else text


def peel(value: Any) -> tuple[bool, Any]:
    """Whether a parameter is frozen, and what is under its `Fixed` and `Shared` layers."""
    frozen = False
    while isinstance(value, (Fixed, Shared)):
        frozen = frozen or isinstance(value, Fixed)
        value = value.inner
    return frozen, value


def concrete(value: Any) -> np.ndarray | None:
    """The constrained numbers of a parameter, or None where there are none to see."""
    leaves = jax.tree.leaves(value, is_leaf=lambda leaf: leaf is None)
    numeric = (int, float, np.ndarray, np.generic, jax.Array)
    if not leaves or any(
        isinstance(leaf, Tracer) or not isinstance(leaf, numeric) for leaf in leaves
    ):
        return None
    with jax.ensure_compile_time_eval():
        return np.asarray(val(value))


def number_text(array: np.ndarray, digits: int | None) -> str:
    """Numbers as the grammar reads them; long arrays are cut unless `digits` is None."""
    if array.ndim == 0:
        return repr(float(array)) if digits is None else f"{float(array):.{digits}g}"
    items = [number_text(item, digits) for item in array]
    if digits is not None and len(items) > 12:
        items = [*items[:6], "...", *items[-3:]]
    return f"[{', '.join(items)}]"


def in_original_units(array: np.ndarray, style: Style, unit: str) -> np.ndarray:
    """Stored numbers as people write them: see `Columns`."""
    if style.columns is None or not unit:
        return array
    factor, offset = unit_of(style.columns, sources_in_view(style), array, unit)
    return np.asarray(array, np.float64) * factor + offset


def unit_of(
    columns: Columns, sources: tuple[int, ...], array: np.ndarray, unit: str
) -> tuple[Any, Any]:
    """Factor and offset from stored to original units, shaped like the last axis of `array`.

    `unit` is "length" (lengthscales and periods), "rate" (its inverse) or "location".
    Raises ValueError where the array has neither one entry nor one per source column.
    """
    if array.ndim == 0:
        factor: Any = columns.mean_scale(sources)
        if unit == "location" and len({(columns.scale[i], columns.offset[i]) for i in sources}) > 1:
            raise ValueError("one location for columns of different units: give one per column")
    elif array.shape[-1] == len(sources):
        factor = np.array([columns.scale[i] for i in sources])
    else:
        raise ValueError(
            f"{array.shape[-1]} values for {len(sources)} columns: the grammar has one value "
            "for all columns, or one per column of the table"
        )
    if unit == "rate":
        return 1.0 / factor, 0.0
    if unit == "length":
        return factor, 0.0
    offsets = np.array([columns.offset[i] for i in sources])
    return factor, offsets[0] if array.ndim == 0 else offsets


def sources_in_view(style: Style) -> tuple[int, ...]:
    """Source columns that the kernel sees."""
    columns = style.columns
    if columns is None:
        raise ValueError("columns are needed to name the columns in view")
    if style.view is None:
        return tuple(range(len(columns.names)))
    return columns.sources(style.view)


def column_names(style: Style) -> list[str]:
    """Names of the columns in view, quoted where needed; none when all are in view."""
    if style.view is None:
        return []
    if style.columns is not None:
        return [quoted(style.columns.names[i]) for i in sources_in_view(style)]
    return [quoted(name) for name in style.names or (f"x{j}" for j in style.view)]


def narrowed(style: Style, position: int) -> Style:
    """The style for one of the columns in view."""
    view, names = style.view, style.names
    if view is None:
        return style._replace(view=(position,), names=None)
    # A name may stand for several columns; then no name belongs to this one alone.
    if names is None or len(names) != len(view):
        return style._replace(view=(view[position],), names=None)
    return style._replace(view=(view[position],), names=(names[position],))


def quoted(name: str) -> str:
    """A bare name where the grammar can read it, else a quoted one."""
    if name.isidentifier() and name.isascii() and name not in RESERVED:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


RESERVED = frozenset({"ard", "fixed"})


def same(a: Any, b: Any) -> bool:
    """Equality of two modules as one Python bool: type, structure, static fields, values."""
    if type(a) is not type(b) or jax.tree.structure(a) != jax.tree.structure(b):
        return False
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if isinstance(x, Tracer) or isinstance(y, Tracer):
            if x is not y:
                return False
        elif eqx.is_array_like(x) and eqx.is_array_like(y):
            if np.shape(x) != np.shape(y) or not np.array_equal(np.asarray(x), np.asarray(y)):
                return False
        elif x is not y:
            return False
    return True
