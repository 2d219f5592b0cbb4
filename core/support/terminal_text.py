"""Text of unknown origin, escaped for terminals.

Terminals obey some characters instead of showing them: these move the cursor, change the title, or
reverse the direction of the text.
"""

from __future__ import annotations

import unicodedata
from typing import TextIO

_SHOWN_CATEGORIES = frozenset(("Zs",))
"""Spaces of all widths; `str.isprintable` knows only one of them."""


def escape_unprintable(text: str) -> str:
    r"""Return text with all unprintable characters escaped, as in ``\x1b``.

    These are control characters including line breaks, direction marks and other invisible
    characters, and surrogates.
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
    """Write lines, escaping what a terminal would obey or cannot show."""
    encoding = stream.encoding or "utf8"
    for line in lines:
        shown = escape_unprintable(line).encode(encoding, "backslashreplace").decode(encoding)
        stream.write(f"{shown}\n")
