"""One call of an expression into a kernel: columns by name, numbers in original units."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gpkit.kernels.base import AbstractKernel
from gpkit.kernels.columns import Columns
from gpkit.kernels.printing import unit_of
from gpkit.kernels.syntax import Call, GrammarError, Value, near
from gpkit.kernels.transforms import Select
from gpkit.kernels.vocabulary import POWER, WORDS, Slot, Word, spectral_start
from gpkit.params import Fixed, Positive, Shared


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


def build_call(
    call: Call, scope: Scope, kernels: Sequence[AbstractKernel], amplitude: Amplitude
) -> AbstractKernel:
    """The kernel of a call; `amplitude` is used where the kernel has a variance of its own."""
    word = WORDS[call.word]
    check_keywords(call, word, scope)
    sources = chosen(call, word, scope)
    static = integers(call, word, scope)
    if call.word == "changepoint":
        columns, sources = scope.columns, single(call, scope, sources)
        parameters = slots(call, word, scope, sources, amplitude)
        return word.make(*kernels, **parameters, column=columns.encoded(sources)[0])
    if call.word == "spectral":
        parts = static.pop("parts", None)
        call = with_spectral_starts(call, scope, sources, parts, amplitude)
    if call.word == "warp":
        call = with_range(call, scope, sources)
    parameters = slots(call, word, scope, sources, amplitude)
    kernel = word.make(*kernels, **static, **parameters)
    if not call.columns:
        return kernel
    names = tuple(scope.columns.names[i] for i in sources)
    return Select(kernel, scope.columns.encoded(sources), names)


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


def single(call: Call, scope: Scope, sources: tuple[int, ...]) -> tuple[int, ...]:
    """The one column of numbers of a change point."""
    columns = scope.columns
    if len(sources) != 1:
        example = f"{call.word}(..., ..., {columns.names[0]})"
        raise scope.error(f"{call.word} needs one column, such as {example}", call.position)
    if len(columns.index[sources[0]]) != 1:
        name = columns.names[sources[0]]
        raise scope.error(f"{call.word} needs a column of numbers, not {name!r}", call.position)
    return sources


def integers(call: Call, word: Word, scope: Scope) -> dict[str, int]:
    """The static integer of a word, written with or without keyword."""
    if not word.integer:
        return {}
    value = call.values.get(word.integer, call.integer)
    if value is None:
        return {}
    if call.integer is not None and word.integer in call.values:
        raise scope.error(f"{word.integer} is given twice", call.integer.position)
    if value.fixed or value.numbers.ndim or value.numbers != np.floor(value.numbers):
        raise scope.error(f"{word.integer} must be an integer", value.position)
    number = int(value.numbers)
    if number < (0 if word.integer == "order" else 1) or (word.integer == "order" and number > 2):
        allowed = "0, 1 or 2" if word.integer == "order" else "at least 1"
        raise scope.error(f"{word.integer} must be {allowed}, got {number}", value.position)
    return {word.integer: number}


def slots(
    call: Call, word: Word, scope: Scope, sources: tuple[int, ...], amplitude: Amplitude
) -> dict[str, Any]:
    """All parameters of a call by field name."""
    found = {}
    for key, slot in word.slots.items():
        spread = call.ard is not None and key in word.ard
        if key in call.values:
            value = call.values[key]
            numbers, fixed = stored(key, slot, value, word, scope, sources, spread), value.fixed
        elif key == word.amplitude:
            numbers, fixed = started(amplitude.value, spread, sources), amplitude.fixed
        elif slot.start is None:
            continue
        else:
            numbers = started(slot.start, spread, sources)
            fixed = slot.frozen == ("plain" if call.ard is None else "ard")
        position = call.values[key].position if key in call.values else call.position
        leaf = parameter(key, slot, numbers, fixed, scope, position)
        found[key] = over_dummies(leaf, slot, numbers, scope.columns, sources)
    return found


def started(start: float, spread: bool, sources: tuple[int, ...]) -> np.ndarray:
    """A start value, repeated for every column under ``ard``."""
    return np.full(len(sources), start) if spread else np.asarray(start)


def stored(
    key: str,
    slot: Slot,
    value: Value,
    word: Word,
    scope: Scope,
    sources: tuple[int, ...],
    spread: bool,
) -> np.ndarray:
    """Numbers as written into stored units, with their shape checked."""
    numbers = value.numbers
    axes = {"scalar": (0,), "columns": (0, 1), "parts": (1,), "table": (2,)}[slot.shape]
    if numbers.ndim not in axes:
        kind = {"scalar": "one number", "table": "a list of lists"}.get(slot.shape, "a list")
        raise scope.error(f"{key} must be {kind}", value.position)
    if spread and numbers.ndim == 0:
        numbers = np.full(len(sources), numbers)
    if slot.shape in ("columns", "table") and numbers.ndim and numbers.shape[-1] != len(sources):
        have, want = numbers.shape[-1], len(sources)
        message = f"{key} has {have} values for {want} column{'s' * (want > 1)}"
        raise scope.error(message, value.position)
    unit = word.make.units.get(key, "")
    if not unit:
        return numbers
    try:
        factor, offset = unit_of(scope.columns, sources, numbers, unit)
    except ValueError as error:
        raise scope.error(f"{key}: {error}", value.position) from None
    return (numbers - offset) / factor


def parameter(
    key: str, slot: Slot, numbers: np.ndarray, fixed: bool, scope: Scope, position: int
) -> Any:
    """Numbers as a parameter of the slot; an error at `position` outside its support."""
    if slot.support is np.asarray:
        return numbers
    # The upper edge of the powers cannot be reached by training, but it can be chosen.
    if fixed and slot.support is POWER and numbers == 2.0:
        return Fixed(numbers)
    try:
        leaf = slot.support(numbers)
    except ValueError as error:
        raise scope.error(f"{key}: {error}", position) from None
    return Fixed(leaf) if fixed else leaf


def over_dummies(
    leaf: Any, slot: Slot, numbers: np.ndarray, columns: Columns, sources: tuple[int, ...]
) -> Any:
    """One entry per source column as one per matrix column: dummies share theirs."""
    widths = [len(columns.index[i]) for i in sources]
    if slot.shape != "columns" or numbers.ndim == 0 or max(widths) == 1:
        return leaf
    return Shared(leaf, np.repeat(np.arange(len(sources)), widths))


def with_values(call: Call, values: Mapping[str, Value]) -> Call:
    """The call with unwritten values filled in."""
    return call._replace(values={**values, **call.values})


def with_spectral_starts(
    call: Call, scope: Scope, sources: tuple[int, ...], parts: int | None, amplitude: Amplitude
) -> Call:
    """A mixture with all its numbers: as many parts as told, or as there are numbers."""
    lengths = {
        key: len(call.values[key].numbers)
        for key in WORDS[call.word].slots
        if key in call.values and call.values[key].numbers.ndim
    }
    if parts is not None:
        lengths["parts"] = parts
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key}: {n}" for key, n in lengths.items())
        raise scope.error(f"the numbers of parts of the mixture disagree ({told})", call.position)
    start = spectral_start(next(iter(lengths.values()), 1), len(sources))
    factor = np.array([scope.columns.scale[i] for i in sources])
    values = {
        "weights": Value(amplitude.value * start["weights"], amplitude.fixed, call.position),
        "means": Value(start["means"] / factor, False, call.position),
        "scales": Value(start["scales"] / factor, False, call.position),
    }
    return with_values(call, values)


def with_range(call: Call, scope: Scope, sources: tuple[int, ...]) -> Call:
    """A warp with its range: as written, or that of the columns where it is known."""
    columns = scope.columns
    values = {}
    for key, known in (("low", columns.low), ("high", columns.high)):
        if known:
            values[key] = Value(np.array([known[i] for i in sources]), False, call.position)
        elif key not in call.values:
            message = "warp needs the range of its columns: low=..., high=..."
            raise scope.error(message, call.position)
        elif call.values[key].numbers.ndim == 0:
            values[key] = call.values[key]._replace(
                numbers=np.full(len(sources), call.values[key].numbers)
            )
    return (
        call._replace(values={**call.values, **values})
        if not columns.low
        else with_values(call, values)
    )
