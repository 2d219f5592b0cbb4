"""Text of unknown origin, made fit for a terminal.

A terminal obeys some characters instead of showing them: it moves the cursor, changes its title,
writes from right to left.
"""

from __future__ import annotations

import unicodedata
from typing import TextIO

_SHOWN_CATEGORIES = frozenset(("Zs",))
"""Spaces of all widths; `str.isprintable` knows only one of them."""


def printable(text: str) -> str:
    r"""Return text in which everything that has no shape of its own is an escape like ``\x1b``.

    These are control characters, line breaks among them, marks of direction and other invisible
    characters, and what is no character at all.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or unicodedata.category(letter) in _SHOWN_CATEGORIES
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def write_lines(stream: TextIO, lines: list[str]) -> None:
    """Write lines with all that a terminal would obey, or cannot show, as escapes."""
    encoding = stream.encoding or "utf8"
    for line in lines:
        shown = printable(line).encode(encoding, "backslashreplace").decode(encoding)
        stream.write(f"{shown}\n")
