"""Text of nodes and values as HTML: bounded, in one line, and escaped."""

from __future__ import annotations

import html
import reprlib
from typing import Any

import numpy as np

from pypet.support.terminal_text import escape_unprintable

MOST_COMMENT = 160
MOST_VALUE = 80
_MOST_ENTRIES = 6


def escaped(text: Any, most: int = MOST_COMMENT) -> str:
    """Return text for HTML, in one line and cut to ``most`` characters."""
    # What is cut off need not be looked at: a comment may have megabytes.
    line = escape_unprintable(" ".join(str(text)[: 4 * most].split()))
    cut = line if len(line) <= most else f"{line[: most - 1]}…"
    return html.escape(cut)


class _ValueText(reprlib.Repr):
    """Texts of values that Python and numpy have; of others the class, whose ``repr`` may do
    anything."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = (
            _MOST_ENTRIES
        )
        self.maxstring = self.maxlong = self.maxother = MOST_VALUE

    def repr1(self, x: Any, level: int) -> str:
        kind = type(x)
        if kind is float:
            return f"{x:.6g}" if x == x else "nan"
        if isinstance(x, np.generic) and x.dtype.kind in "biufcSU":
            return self.repr1(x.item(), level)
        if kind in _PLAIN:
            return super().repr1(x, level)
        shape = _shape_of(x)
        return f"<{kind.__name__}{f' {_shape_text(shape)}' if shape else ''}>"


_PLAIN = (bool, int, float, complex, str, bytes, type(None), list, tuple, dict, set, frozenset)
_VALUE_TEXT = _ValueText()


def value_text(value: Any) -> str:
    """Return a value as plain text of limited length."""
    if isinstance(value, np.ndarray):
        return _array_text(value)
    text = _VALUE_TEXT.repr(value)
    return text if len(text) <= MOST_VALUE else f"{text[: MOST_VALUE - 1]}…"


def kind_text(value: Any) -> str:
    """Return the type of a value, with dtype and shape if it has them: ``float64 (100, 3)``."""
    shape = _shape_of(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {_shape_text(shape) or 'scalar'}"
    if shape:
        return f"{type(value).__name__} {_shape_text(shape)}"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__


_WITH_SHAPES = frozenset(("numpy", "pandas", "scipy"))
"""Packages whose objects know their shape; asking handles of shared data would read the storage."""


def _shape_of(value: Any) -> tuple[Any, ...]:
    if type(value).__module__.partition(".")[0] not in _WITH_SHAPES:
        return ()
    shape = getattr(value, "shape", ())
    return shape if isinstance(shape, tuple) else ()


def _shape_text(shape: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _array_text(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.hasobject or array.dtype.names:
        return f"<array of {array.size} objects>"
    if array.ndim == 0:
        return value_text(array[()])
    entries = [_VALUE_TEXT.repr(each) for each in array.reshape(-1)[:_MOST_ENTRIES].tolist()]
    more = ", …" if array.size > _MOST_ENTRIES else ""
    return f"[{', '.join(entries)}{more}]"[:MOST_VALUE]
