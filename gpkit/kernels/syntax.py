"""Text of a kernel expression into a tree, with errors that point at the character.

sum     := product ("+" product)*
product := factor ("*" factor)*
factor  := number | "fixed" "(" number ")" | "(" sum ")" | call
call    := word [ "(" argument ("," argument)* ")" ]
argument:= sum (as many as the word takes) | column | integer | "ard" | keyword "=" value
column  := name | quoted text
value   := number | "[" value ("," value)* "]" | "fixed" "(" value ")"
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class GrammarError(ValueError):
    """An expression that cannot be read: what is wrong, and where.

    Arguments are the message, the text and the position of the character.
    """

    @property
    def message(self) -> str:
        """What is wrong, in one sentence."""
        return self.args[0]

    @property
    def text(self) -> str:
        """The whole expression."""
        return self.args[1]

    @property
    def position(self) -> int:
        """Index of the character in `text`, counted from 0."""
        return self.args[2]

    def __str__(self) -> str:
        shown = re.sub(r"\s", " ", self.text)
        return f"{self.message}\n  {shown}\n  {' ' * self.position}^"


def near(name: str, known: Iterable[str]) -> str:
    """A suggestion such as ``; did you mean rbf?``, or nothing."""
    lowered = {k.lower(): k for k in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(lowered[c] for c in close)}?" if close else ""


class Token(NamedTuple):
    """One token: its kind is "number", "name", "text", "end" or the symbol itself."""

    kind: str
    text: str
    position: int


class Value(NamedTuple):
    """Numbers as written: a scalar or nested list, and whether in ``fixed(...)``."""

    numbers: np.ndarray
    fixed: bool
    position: int


class Column(NamedTuple):
    """A column name."""

    name: str
    position: int


class Call(NamedTuple):
    """A kernel word with its arguments."""

    word: str
    kernels: tuple[Any, ...]
    columns: tuple[Column, ...]
    values: Mapping[str, Value]
    ard: int | None
    integer: Value | None
    position: int


class Add(NamedTuple):
    """A sum of at least two terms."""

    terms: tuple[Any, ...]
    position: int


class Mul(NamedTuple):
    """A product of at least two factors."""

    factors: tuple[Any, ...]
    position: int


Node = Value | Call | Add | Mul

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<symbol>[-+*(),=\[\]])
    )""",
    re.VERBOSE,
)


def tokens(text: str) -> list[Token]:
    """The text cut into tokens; raises GrammarError at a character that starts none."""
    found, position = [], 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            at = position + len(text[position:]) - len(text[position:].lstrip())
            quote = "; the quote is not closed" if text[at] in "\"'" else ""
            raise GrammarError(f"unexpected character {text[at]!r}{quote}", text, at)
        kind = str(match.lastgroup)
        word = match.group(kind)
        found.append(Token(word if kind == "symbol" else kind, word, match.start(kind)))
        position = match.end()
    return [*found, Token("end", "end of the expression", end)]


class Parser:
    """Recursive descent over the tokens of one text.

    `words` gives, for each kernel word, how many kernels it takes as arguments; `columns`
    are the column names, for suggestions.
    """

    def __init__(self, text: str, words: Mapping[str, int], columns: Iterable[str]):
        self.text, self.words, self.columns = text, words, tuple(columns)
        self.tokens, self.index = tokens(text), 0

    def parse(self) -> Node:
        """The whole text as one expression."""
        node = self.sum()
        if self.here.kind != "end":
            raise self.unexpected("'+', '*' or the end")
        return node

    @property
    def here(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        self.index += 1
        return self.tokens[self.index - 1]

    def accept(self, kind: str) -> bool:
        found = self.here.kind == kind
        self.index += found
        return found

    def expect(self, kind: str, wanted: str) -> Token:
        if self.here.kind != kind:
            raise self.unexpected(wanted)
        return self.take()

    def error(self, message: str, position: int) -> GrammarError:
        return GrammarError(message, self.text, position)

    def unexpected(self, wanted: str) -> GrammarError:
        shown = self.here.text if self.here.kind == "end" else repr(self.here.text)
        hint = "; kernels cannot be subtracted" if self.here.kind == "-" else ""
        return self.error(f"expected {wanted}, found {shown}{hint}", self.here.position)

    def sum(self) -> Node:
        position, terms = self.here.position, [self.product()]
        while self.accept("+"):
            terms.append(self.product())
        return terms[0] if len(terms) == 1 else Add(tuple(terms), position)

    def product(self) -> Node:
        position, factors = self.here.position, [self.factor()]
        while self.accept("*"):
            factors.append(self.factor())
        if all(isinstance(f, Value) for f in factors):
            message = "a kernel must follow the number; a constant is constant(variance=...)"
            raise self.error(message, position)
        return factors[0] if len(factors) == 1 else Mul(tuple(factors), position)

    def factor(self) -> Node:
        if self.accept("("):
            node = self.sum()
            self.expect(")", "')', '+' or '*'")
            return node
        fixed = self.here.text == "fixed"
        if self.here.kind == "number" or (fixed and self.here.kind == "name"):
            value = self.value()
            if value.numbers.ndim or not value.numbers > 0:
                raise self.error("the factor must be one number above zero", value.position)
            return value
        if self.here.kind != "name":
            raise self.unexpected("a kernel, a number or '('")
        return self.call()

    def call(self) -> Call:
        word = self.take()
        if word.text not in self.words:
            raise self.error(self.unknown(word.text), word.position)
        draft = _Draft([], [], {}, [], [])
        if self.accept("("):
            while True:
                self.argument(draft, self.words[word.text])
                if not self.accept(","):
                    break
            self.expect(")", "',' or ')'")
        if len(draft.kernels) < self.words[word.text]:
            wanted = self.words[word.text]
            message = f"{word.text} takes {wanted} kernel{'s' * (wanted > 1)} as first arguments"
            raise self.error(message, word.position)
        ard = draft.ard[0] if draft.ard else None
        integer = draft.integers[0] if draft.integers else None
        kernels, columns = tuple(draft.kernels), tuple(draft.columns)
        return Call(word.text, kernels, columns, draft.values, ard, integer, word.position)

    def unknown(self, word: str) -> str:
        if word in self.columns:
            return f"{word!r} is a column, not a kernel; write for example linear({word})"
        known = ", ".join(self.words)
        return f"unknown kernel {word!r}{near(word, self.words) or f'; known are {known}'}"

    def argument(self, draft: "_Draft", wanted: int) -> None:
        here, after = self.here, self.tokens[min(self.index + 1, len(self.tokens) - 1)]
        if len(draft.kernels) < wanted:
            draft.kernels.append(self.sum())
        elif here.kind == "name" and after.kind == "=":
            self.index += 2
            if here.text in draft.values:
                raise self.error(f"{here.text!r} is given twice", here.position)
            draft.values[here.text] = self.value()._replace(position=here.position)
        elif here.kind == "name" and here.text == "ard":
            draft.ard.append(self.take().position)
        elif here.kind == "number":
            if draft.integers:
                raise self.error("a second number without a keyword", here.position)
            draft.integers.append(self.value())
        elif here.kind in ("name", "text"):
            draft.columns.append(Column(_unquoted(self.take()), here.position))
        else:
            raise self.unexpected("a column name, 'ard' or keyword=value")

    def value(self) -> Value:
        position = self.here.position
        if self.here.kind == "name" and self.here.text == "fixed":
            self.take()
            self.expect("(", "'(' after fixed")
            inner = self.value()
            self.expect(")", "')'")
            return Value(inner.numbers, True, position)
        if self.accept("["):
            items = [self.value()]
            while self.accept(","):
                items.append(self.value())
            self.expect("]", "',' or ']'")
            return self.listed(items, position)
        sign = -1.0 if self.accept("-") else 1.0
        number = self.expect("number", "a number, '[' or fixed(...)")
        if not np.isfinite(float(number.text)):
            raise self.error("the number is too large", number.position)
        return Value(np.asarray(sign * float(number.text)), False, position)

    def listed(self, items: list[Value], position: int) -> Value:
        frozen = [item.position for item in items if item.fixed]
        if frozen:
            raise self.error("fixed(...) goes around the whole list", frozen[0])
        if len({item.numbers.shape for item in items}) > 1:
            raise self.error("the rows of a list must be equally long", position)
        return Value(np.stack([item.numbers for item in items]), False, position)


class _Draft(NamedTuple):
    kernels: list[Any]
    columns: list[Column]
    values: dict[str, Value]
    ard: list[int]
    integers: list[Value]


def _unquoted(token: Token) -> str:
    if token.kind == "name":
        return token.text
    return re.sub(r"\\(.)", r"\1", token.text[1:-1])
