"""Conditions on the rows of a table, as text: ``x > 3 and not (name == 'a' or z < 1)``.

The text may be anybody's, for instance from a page in a browser. It is parsed by the small grammar
below and never evaluated as Python, so it can do nothing but compare columns with numbers, text,
truth values and other columns::

    condition   = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = { "not" } ( comparison | "(" condition ")" )
    comparison  = operand { ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand }
    operand     = name | [ "-" | "+" ] number | text | "True" | "False"

A name may have dots, as full names do; a name with other characters stands between backticks. A
single operand is a condition if it is a column of truth values. Comparisons are chained as in
``0 < x <= 1``. Numbers include ``nan`` and ``inf``; text is quoted by ``'`` or ``"``, in which a
backslash comes before quotes and backslashes only.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pypet.errors import FilterError
from pypet.support.readable import shortened

MAX_LENGTH = 10_000
"""Characters of a condition; longer text is refused."""
MAX_DEPTH = 50
"""Parentheses within parentheses; more are refused, to bound the recursion of the parser."""
_MAX_DIGITS = 400
"""Of an integer: no float has more, and converting many digits takes quadratic time."""
_MAX_SHOWN = 40

__all__ = ["Filter", "FilterError", "FilterTable", "parse_filter"]

Mask = NDArray[np.bool_]


class FilterTable(Protocol):
    """What a condition needs of a table, such as `pypet.tables.RunTable`."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Columns by name, which have ``values`` and ``missing``, arrays of shape (rows,)."""

    def __len__(self) -> int:
        """Return the number of rows."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed condition; made by `parse_filter`."""

    text: str
    """The condition as it was given."""
    names: tuple[str, ...]
    """The columns that it names, each once, in the order in which they occur first."""
    condition: _Condition

    def mask(self, table: FilterTable) -> Mask:
        """Return for which rows the condition holds: bool, shape (rows,).

        It holds where it is known to hold: a comparison with a missing value is neither true nor
        false, and neither is its negation. NaN is a value; it is unequal to all values.

        A name is that of a column, or the end of the name of only one: ``gain`` may be
        ``parameters.neuron.gain``.

        Raises
        ------
        FilterError
            There is no such column, or several fit; or numbers are compared with text.
        """
        return self.condition.evaluate(table).true


def parse_filter(text: str) -> Filter:
    """Parse a condition.

    Parameters
    ----------
    text
        For instance ``"x > 3 and z < 1"``; see `pypet.tables.filters` for the grammar.

    Raises
    ------
    FilterError
        The text is no condition; its ``position`` is that of the first character in error.
    TypeError
        It is no text.

    Examples
    --------
    >>> parse_filter("gain >= 0.5 and not completed").names
    ('gain', 'completed')
    """
    if not isinstance(text, str):
        raise TypeError(f"A condition is text like 'x > 3 and z < 1', not {text!r}.")
    if len(text) > MAX_LENGTH:
        raise FilterError(f"The condition has more than {MAX_LENGTH} characters.", MAX_LENGTH)
    parser = _Parser(text)
    condition = parser.whole()
    return Filter(text, tuple(parser.names), condition)


# ----- conditions ------------------------------------------------------------------------------


class _Truth(NamedTuple):
    """Truth values of the rows in three-valued logic."""

    true: Mask
    """Where the condition is known to be true."""
    false: Mask
    """Where it is known to be false."""


class _Condition(ABC):
    @abstractmethod
    def evaluate(self, table: FilterTable) -> _Truth:
        """Return the truth values of all rows."""


@dataclass(frozen=True, slots=True)
class _All(_Condition):
    parts: tuple[_Condition, ...]

    def evaluate(self, table: FilterTable) -> _Truth:
        truths = [part.evaluate(table) for part in self.parts]
        return _Truth(
            np.logical_and.reduce([truth.true for truth in truths]),
            np.logical_or.reduce([truth.false for truth in truths]),
        )


@dataclass(frozen=True, slots=True)
class _Any(_Condition):
    parts: tuple[_Condition, ...]

    def evaluate(self, table: FilterTable) -> _Truth:
        truths = [part.evaluate(table) for part in self.parts]
        return _Truth(
            np.logical_or.reduce([truth.true for truth in truths]),
            np.logical_and.reduce([truth.false for truth in truths]),
        )


@dataclass(frozen=True, slots=True)
class _Not(_Condition):
    part: _Condition

    def evaluate(self, table: FilterTable) -> _Truth:
        true, false = self.part.evaluate(table)
        return _Truth(false, true)


@dataclass(frozen=True, slots=True)
class _Flag(_Condition):
    """A column of truth values."""

    operand: _Operand

    def evaluate(self, table: FilterTable) -> _Truth:
        values, known = self.operand.resolved(table)
        if values.dtype.kind == "O":
            known = known & _each(lambda value: type(value) in _FLAGS, values)
            values = _each(lambda value: type(value) in _FLAGS and bool(value), values)
        elif values.dtype.kind != "b":
            shown = self.operand.shown
            raise FilterError(
                f"{shown} has no truth values; compare it with something, as in {shown} > 0.",
                self.operand.position,
            )
        return _Truth(values & known, ~values & known)


@dataclass(frozen=True, slots=True)
class _Comparison(_Condition):
    left: _Operand
    symbol: str
    right: _Operand

    def evaluate(self, table: FilterTable) -> _Truth:
        left, left_known = self.left.resolved(table)
        right, right_known = self.right.resolved(table)
        known = left_known & right_known
        compare = _COMPARISONS[self.symbol]
        kinds = _kind(left), _kind(right)
        if None not in kinds:
            if kinds[0] != kinds[1]:
                number, text = (
                    (self.left, self.right) if kinds[0] == _NUMBER else (self.right, self.left)
                )
                raise FilterError(
                    f"{text.shown} is text and {number.shown} is a number: they cannot be "
                    "compared.",
                    self.right.position,
                )
            found = np.broadcast_to(np.asarray(compare(left, right), np.bool_), known.shape)
            return _Truth(found & known, ~found & known)
        pairs = np.broadcast(*(np.asarray(each, object) for each in (left, right, known)))
        cells = [
            _compared(compare, self.symbol, a, b) if is_known else None for a, b, is_known in pairs
        ]
        return _Truth(
            np.fromiter((cell is True for cell in cells), np.bool_, len(cells)),
            np.fromiter((cell is False for cell in cells), np.bool_, len(cells)),
        )


_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FLAGS = (bool, np.bool_)
_NUMBER, _TEXT = "number", "text"
_KINDS = {"b": _NUMBER, "i": _NUMBER, "u": _NUMBER, "f": _NUMBER, "U": _TEXT, "T": _TEXT}


def _kind(values: NDArray[Any]) -> str | None:
    """Return what the values are; None for objects, which are looked at one by one."""
    return _KINDS.get(values.dtype.kind)


def _compared(compare: Callable[[Any, Any], Any], symbol: str, left: Any, right: Any) -> Any:
    """Return whether a comparison of two objects holds, None if they cannot be compared.

    No method of a class of somebody's own is called; `isinstance` might ask for ``__class__``.
    """
    kinds = _kind_of(left), _kind_of(right)
    if None in kinds:
        return None
    if kinds[0] != kinds[1]:
        return {"==": False, "!=": True}.get(symbol)
    return bool(compare(left, right))


def _kind_of(value: Any) -> str | None:
    kind = type(value)
    if issubclass(kind, np.generic):
        return _KINDS.get(value.dtype.kind)
    return {bool: _NUMBER, int: _NUMBER, float: _NUMBER, str: _TEXT}.get(kind)


def _each(test: Callable[[Any], bool], values: NDArray[Any]) -> Mask:
    return np.fromiter(map(test, values), np.bool_, len(values))


@dataclass(frozen=True, slots=True)
class _Operand:
    """A column, or a constant."""

    position: int
    shown: str
    name: str | None = None
    constant: Any = None

    def resolved(self, table: FilterTable) -> tuple[NDArray[Any], Mask]:
        """Return values, of shape (rows,), and which of them are known."""
        if self.name is None:
            rows = len(table)
            constant = np.asarray(self.constant)
            return np.broadcast_to(constant, (rows,)), np.ones(rows, np.bool_)
        column = self._column(self.name, table.columns)
        return np.asarray(column.values), ~np.asarray(column.missing, np.bool_)

    def _column(self, name: str, columns: Mapping[str, Any]) -> Any:
        if name in columns:
            return columns[name]
        fitting = [
            key
            for key, column in columns.items()
            if any(f".{each}".endswith(f".{name}") for each in (key, _full_name(column)))
        ]
        if len(fitting) == 1:
            return columns[fitting[0]]
        if fitting:
            choices = ", ".join(map(_cut, fitting))
            raise FilterError(f"{self.shown} is not unique; write one of {choices}.", self.position)
        known = ", ".join(map(_cut, columns)) or "none"
        raise FilterError(f"There is no column {self.shown}; there are: {known}.", self.position)


def _full_name(column: Any) -> str:
    """Return the full name that columns of a `pypet.tables.RunTable` have."""
    return str(getattr(column, "full_name", ""))


def _cut(text: str) -> str:
    return shortened(text, _MAX_SHOWN)


# ----- parsing ---------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""(?P<number> (?: \d+ \.? \d* | \. \d+ ) (?: [eE] [+-]? \d+ )? (?! [\w.] ) )
    | (?P<name> [^\W\d] \w* (?: \. \w+ )* )
    | ` (?P<quoted> [^`]+ ) `
    | (?P<text> ' (?: [^'\\] | \\ ['"\\] )* ' | " (?: [^"\\] | \\ ['"\\] )* " )
    | (?P<symbol> == | != | <= | >= | < | > | [()+-] )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\(.)")
_WORDS = frozenset(("and", "or", "not"))
_CONSTANTS: Mapping[str, Any] = {
    "True": True,
    "False": False,
    "nan": float("nan"),
    "inf": float("inf"),
}
_HINTS = {
    "=": "write == to compare",
    "&": "write `and`",
    "|": "write `or`",
    "~": "write `not`",
    "!": "write `not`",
    "'": "the text has no end",
    '"': "the text has no end",
    "`": "the name has no end",
}


class _Token(NamedTuple):
    kind: str
    """``'number'``, ``'name'``, ``'quoted'``, ``'text'``, ``'symbol'``, ``'word'`` or ``'end'``."""
    text: str
    position: int


class _Parser:
    """Parses by recursive descent; each method takes the tokens of what it is called after."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self.names: dict[str, None] = {}

    def whole(self) -> _Condition:
        condition = self._condition()
        token = self._token
        if token.kind != "end":
            raise FilterError(
                f"{_cut(token.text)!r} at character {token.position + 1} of the condition is not "
                "expected: `and`, `or`, a comparison or the end could be there.",
                token.position,
            )
        return condition

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _accept(self, kind: str, *texts: str) -> _Token | None:
        token = self._token
        if token.kind == kind and (not texts or token.text in texts):
            self._next += 1
            return token
        return None

    def _condition(self) -> _Condition:
        parts = [self._conjunction()]
        while self._accept("word", "or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _conjunction(self) -> _Condition:
        parts = [self._negation()]
        while self._accept("word", "and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _negation(self) -> _Condition:
        is_negated = False
        while self._accept("word", "not"):
            is_negated = not is_negated
        condition = self._group() if self._accept("symbol", "(") else self._comparison()
        return _Not(condition) if is_negated else condition

    def _group(self) -> _Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterError(
                f"The condition has more than {MAX_DEPTH} parentheses within each other.",
                self._token.position,
            )
        condition = self._condition()
        self._depth -= 1
        if not self._accept("symbol", ")"):
            raise self._unexpected("a closing parenthesis")
        return condition

    def _comparison(self) -> _Condition:
        left = self._operand()
        parts: list[_Condition] = []
        while symbol := self._accept("symbol", *_COMPARISONS):
            right = self._operand()
            parts.append(_Comparison(left, symbol.text, right))
            left = right
        if not parts:
            return _Flag(left)
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _operand(self) -> _Operand:
        sign = self._accept("symbol", "+", "-")
        token = self._token
        if token.kind == "number" or (token.kind == "name" and token.text in ("nan", "inf")):
            self._next += 1
            value = _number(token)
            is_negative = sign is not None and sign.text == "-"
            return _Operand(token.position, token.text, None, -value if is_negative else value)
        if sign is None and token.kind == "name" and token.text in _CONSTANTS:
            self._next += 1
            return _Operand(token.position, token.text, None, _CONSTANTS[token.text])
        if sign is None and token.kind == "text":
            self._next += 1
            text = _ESCAPED.sub(r"\1", token.text[1:-1])
            return _Operand(token.position, _cut(token.text), None, text)
        if sign is None and token.kind in ("name", "quoted"):
            self._next += 1
            self.names[token.text] = None
            return _Operand(token.position, repr(_cut(token.text)), token.text)
        raise self._unexpected("a number" if sign else "a name, a number or quoted text")

    def _unexpected(self, wanted: str) -> FilterError:
        token = self._token
        if token.kind == "end":
            return FilterError(
                f"The condition ends where {wanted} is expected: it is like x > 3 and z < 1.",
                token.position,
            )
        return FilterError(
            f"{_cut(token.text)!r} is at character {token.position + 1} of the condition, where "
            f"{wanted} is expected.",
            token.position,
        )


def _tokens(text: str) -> list[_Token]:
    """Return the tokens of a condition, and one for its end."""
    found: list[_Token] = []
    position = _skip_space(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            letter = text[position]
            hint = _HINTS.get(letter, "it has no meaning in conditions")
            raise FilterError(
                f"{letter!r} at character {position + 1} of the condition: {hint}.", position
            )
        kind = str(match.lastgroup)
        if kind == "name" and match[kind] in _WORDS:
            kind, word = "word", match["name"]
        else:
            word = match[kind]
        found.append(_Token(kind, word, position))
        position = _skip_space(text, match.end())
    return [*found, _Token("end", "", len(text))]


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


def _number(token: _Token) -> int | float:
    if token.text in _CONSTANTS:
        return float(token.text)
    if not token.text.isdecimal():
        return float(token.text)
    if len(token.text) > _MAX_DIGITS:
        raise FilterError(
            f"The number at character {token.position + 1} of the condition has more than "
            f"{_MAX_DIGITS} digits.",
            token.position,
        )
    return int(token.text)
