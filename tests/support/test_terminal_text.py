"""Text of unknown origin is made fit for a terminal."""

from __future__ import annotations

import io

import pytest

from pypet.support.terminal_text import escape_unprintable, write_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Größe \u4e2d 🐍", "plain Größe \u4e2d 🐍"),
        ("wide\u3000\u00a0spaces", "wide\u3000\u00a0spaces"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m\x7f\b\0", r"\x9b31m\x7f\x08\x00"),
        ("a\r\nb\tc\v\f\x85\u2028\u2029", r"a\r\nb\tc\x0b\x0c\x85\u2028\u2029"),
        ("\u202eevil\u2066\u200f\u061c", r"\u202eevil\u2066\u200f\u061c"),
        ("\ufeff\u00ad\U000e0041\ue000\ufffe", r"\ufeff\xad\U000e0041\ue000\ufffe"),
        ("\udc9b", r"\udc9b"),
    ],
)
def test_what_has_no_shape_becomes_an_escape(text, shown):
    assert escape_unprintable(text) == shown
    assert escape_unprintable(shown) == shown


def test_no_character_can_command_a_terminal():
    for code in range(0x110000):
        letter = chr(code)
        shown = escape_unprintable(letter)
        assert shown == letter or shown.isascii()
        if code < 0x20 or 0x7F <= code < 0xA0 or 0x202A <= code <= 0x202E:
            assert shown.isprintable()
            assert shown != letter


def test_lines_are_written_in_the_encoding_of_the_stream():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1", errors="strict", newline="\n")
    write_lines(stream, ["Größe", "\u4e2d\x1b"])
    stream.flush()
    assert raw.getvalue().decode("latin-1") == "Größe\n\\u4e2d\\x1b\n"
