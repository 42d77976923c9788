"""One call of an expression into a kernel: columns by name, numbers in original units."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gpkit.kernels.base import AbstractKernel
from gpkit.kernels.columns import Columns
from gpkit.kernels.printing import unit_of
from gpkit.kernels.syntax import Call, GrammarError, Value, near
from gpkit.kernels.transforms import Select
from gpkit.kernels.vocabulary import POWER, UNIT, WORDS, Slot, Word, spectral_start
from gpkit.params import Fixed, Positive, Shared

NEEDS = {
    Positive: "must be above zero",
    UNIT: "must lie strictly between 0 and 1",
    POWER: "must lie strictly between 0 and 2, or be fixed(2)",
}
AXES = {"scalar": (0,), "columns": (0, 1), "parts": (1,), "table": (2,)}
KIND = {"scalar": "one number", "columns": "one number or a list", "parts": "a list"}


class Amplitude(NamedTuple):
    """The variance in front of a kernel: its value, and whether it is frozen."""

    value: float
    fixed: bool

    def leaf(self) -> Any:
        """As a parameter."""
        return Fixed(Positive(self.value)) if self.fixed else Positive(self.value)


class Scope(NamedTuple):
    """What a call can refer to: the columns of its matrix; and the text, for errors."""

    text: str
    columns: Columns

    def error(self, message: str, position: int) -> GrammarError:
        return GrammarError(message, self.text, position)


class Site(NamedTuple):
    """A call with its word, its scope and the source columns that it acts on."""

    call: Call
    word: Word
    scope: Scope
    sources: tuple[int, ...]

    def spreads(self, key: str) -> bool:
        """Whether a slot gets one entry per column by the word ``ard``."""
        return self.call.ard is not None and key in self.word.ard

    def start(self, value: float, key: str) -> np.ndarray:
        """A start value, repeated for every column where the slot spreads."""
        return np.full(len(self.sources), value) if self.spreads(key) else np.asarray(value)


def build_call(
    call: Call, scope: Scope, kernels: Sequence[AbstractKernel], amplitude: Amplitude
) -> AbstractKernel:
    """The kernel of a call; `amplitude` is used where the kernel has a variance of its own."""
    word = WORDS[call.word]
    check_keywords(call, word, scope)
    site = Site(call, word, scope, chosen(call, word, scope))
    static = integers(site)
    if call.word == "changepoint":
        position = scope.columns.encoded(single(site))[0]
        return word.make(*kernels, **parameters(site, amplitude), column=position)
    if call.word == "spectral":
        site = with_spectral_starts(site, static.pop("parts", None), amplitude)
    if call.word == "warp":
        site = with_range(site)
    kernel = word.make(*kernels, **static, **parameters(site, amplitude))
    if not call.columns:
        return kernel
    names = tuple(scope.columns.names[i] for i in site.sources)
    return Select(kernel, scope.columns.encoded(site.sources), names)


def inner_scope(call: Call, scope: Scope) -> Scope:
    """What the kernels among the arguments of a call can refer to."""
    if call.word != "warp" or not call.columns:
        return scope
    return scope._replace(columns=scope.columns.take(chosen(call, WORDS[call.word], scope)))


def check_keywords(call: Call, word: Word, scope: Scope) -> None:
    """Refuse keywords and flags that the word does not have."""
    known = [*word.slots, *([word.integer] if word.integer else [])]
    for key, value in call.values.items():
        if key not in known:
            hint = near(key, known) or f"; it has {', '.join(known)}"
            raise scope.error(f"{call.word} has no parameter {key!r}{hint}", value.position)
    if call.ard is not None and not word.ard:
        raise scope.error(f"{call.word} has no parameter per column", call.ard)
    if call.integer is not None and not word.integer:
        first = next(iter(word.slots))
        message = f"{call.word} takes numbers by keyword only, such as {first}=1"
        raise scope.error(message, call.integer.position)


def chosen(call: Call, word: Word, scope: Scope) -> tuple[int, ...]:
    """Source columns of a call: those named, else all."""
    columns, found = scope.columns, []
    if call.columns and word.columns == "none":
        raise scope.error(f"{call.word} takes no columns", call.columns[0].position)
    for name, position in call.columns:
        if name not in columns.names:
            hint = near(name, columns.names) or f"; columns are {', '.join(columns.names)}"
            raise scope.error(f"no column {name!r}{hint}", position)
        if columns.names.index(name) in found:
            raise scope.error(f"column {name!r} is named twice", position)
        found.append(columns.names.index(name))
    if word.columns == "some" and not found:
        raise scope.error(
            f"{call.word} needs a column, such as {call.word}({columns.names[0]})", call.position
        )
    sources = tuple(found or range(len(columns.names)))
    wide = [columns.names[i] for i in sources if len(columns.index[i]) != 1]
    if word.columns == "numbers" and wide and call.word != "changepoint":
        message = f"{call.word} needs columns of numbers, and {wide[0]!r} is a category"
        raise scope.error(f"{message}: name the columns to use", call.position)
    return sources


def single(site: Site) -> tuple[int, ...]:
    """The one column of numbers of a change point."""
    call, columns = site.call, site.scope.columns
    if len(site.sources) != 1:
        example = f"{call.word}(..., ..., {columns.names[0]})"
        message = f"{call.word} needs one column, such as {example}"
        raise site.scope.error(message, call.position)
    if len(columns.index[site.sources[0]]) != 1:
        name = columns.names[site.sources[0]]
        message = f"{call.word} needs a column of numbers, not {name!r}"
        raise site.scope.error(message, call.columns[0].position if call.columns else call.position)
    return site.sources


def integers(site: Site) -> dict[str, int]:
    """The static integer of a word, written with or without keyword."""
    call, key, error = site.call, site.word.integer, site.scope.error
    value = call.values.get(key, call.integer)
    if not key or value is None:
        return {}
    if call.integer is not None and key in call.values:
        raise error(f"{key} is given twice", call.integer.position)
    if value.fixed or value.numbers.ndim or value.numbers != np.floor(value.numbers):
        raise error(f"{key} must be an integer", value.position)
    number = int(value.numbers)
    low, high = site.word.bounds
    if not low <= number <= high:
        raise error(f"{key} must be an integer from {low} to {high}, got {number}", value.position)
    return {key: number}


def parameters(site: Site, amplitude: Amplitude) -> dict[str, Any]:
    """All parameters of a call by field name."""
    call, word, found = site.call, site.word, {}
    for key, slot in word.slots.items():
        position = call.position
        if key in call.values:
            value = call.values[key]
            numbers, fixed, position = stored(site, key, value), value.fixed, value.position
        elif key == word.amplitude:
            numbers, fixed = site.start(amplitude.value, key), amplitude.fixed
        elif slot.start is None:
            continue
        else:
            growth = np.sqrt(len(scope_columns(site))) if slot.grows else 1.0
            numbers = site.start(slot.start * growth, key)
            fixed = slot.frozen == ("plain" if call.ard is None else "ard")
        found[key] = over_dummies(site, slot, numbers, leaf(site, key, numbers, fixed, position))
    return found


def scope_columns(site: Site) -> tuple[int, ...]:
    """Matrix columns that a call acts on."""
    return site.scope.columns.encoded(site.sources)


def stored(site: Site, key: str, value: Value) -> np.ndarray:
    """Numbers as written, checked for their shape, in stored units."""
    slot, error = site.word.slots[key], site.scope.error
    numbers, want = value.numbers, len(site.sources)
    if numbers.ndim not in AXES[slot.shape]:
        raise error(f"{key} must be {KIND.get(slot.shape, 'a list of lists')}", value.position)
    if site.spreads(key) and numbers.ndim == 0:
        numbers = np.full(want, numbers)
    by_column = slot.shape in ("columns", "table") and numbers.ndim
    if by_column and numbers.shape[-1] != want:
        have = numbers.shape[-1]
        message = f"{key} has {have} values for {want} column{'s' * (want > 1)}"
        raise error(message, value.position)
    unit = site.word.make.units.get(key, "")
    if not unit:
        return numbers
    try:
        factor, offset = unit_of(site.scope.columns, site.sources, numbers, unit)
    except ValueError as reason:
        raise error(f"{key}: {reason}", value.position) from None
    return (numbers - offset) / factor


def leaf(site: Site, key: str, numbers: np.ndarray, fixed: bool, position: int) -> Any:
    """Numbers as a parameter of the slot; an error at `position` outside its support."""
    support = site.word.slots[key].support
    # The upper edge of the powers cannot be reached by training, but it can be chosen.
    if fixed and support is POWER and numbers == 2.0:
        return Fixed(numbers)
    try:
        inner = support(numbers)
    except ValueError:
        raise site.scope.error(f"{key} {NEEDS[support]}", position) from None
    return Fixed(inner) if fixed else inner


def over_dummies(site: Site, slot: Slot, numbers: np.ndarray, parameter: Any) -> Any:
    """One entry per source column as one per matrix column: dummies share theirs."""
    widths = [len(site.scope.columns.index[i]) for i in site.sources]
    if slot.shape != "columns" or numbers.ndim == 0 or max(widths) == 1:
        return parameter
    return Shared(parameter, [i for i, width in enumerate(widths) for _ in range(width)])


def with_spectral_starts(site: Site, parts: int | None, amplitude: Amplitude) -> Site:
    """A mixture with all its numbers: as many parts as told, or as there are numbers."""
    call = site.call
    lengths = {k: len(v.numbers) for k, v in call.values.items() if v.numbers.ndim}
    if parts is not None:
        lengths["parts"] = parts
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key}: {n}" for key, n in lengths.items())
        message = f"the parts of the mixture differ in number ({told})"
        raise site.scope.error(message, call.position)
    start = spectral_start(next(iter(lengths.values()), 1), len(site.sources))
    scale = np.array([site.scope.columns.scale[i] for i in site.sources])
    weights = amplitude.value * start["weights"]
    values = {
        "weights": Value(weights, amplitude.fixed, call.position),
        "means": Value(start["means"] / scale, False, call.position),
        "scales": Value(start["scales"] / scale, False, call.position),
    }
    return site._replace(call=call._replace(values={**values, **call.values}))


def with_range(site: Site) -> Site:
    """A warp with its range: as written, or that of the columns where it is known."""
    call, columns, values = site.call, site.scope.columns, {}
    for key, known in (("low", columns.low), ("high", columns.high)):
        if key in call.values:
            value = call.values[key]
            one = value.numbers.ndim == 0
            numbers = np.full(len(site.sources), value.numbers) if one else value.numbers
            values[key] = value._replace(numbers=numbers)
        elif known:
            numbers = np.array([known[i] for i in site.sources])
            values[key] = Value(numbers, False, call.position)
        else:
            message = "warp needs the range of its columns: low=..., high=..."
            raise site.scope.error(message, call.position)
    if values["low"].numbers.shape == values["high"].numbers.shape and np.any(
        values["low"].numbers >= values["high"].numbers
    ):
        raise site.scope.error("low must lie below high", values["low"].position)
    return site._replace(call=call._replace(values={**call.values, **values}))
