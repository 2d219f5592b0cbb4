"""Sizes, durations and text of unknown origin in few characters, for people."""

from __future__ import annotations

from collections.abc import Sequence

from pypet.support.terminal_text import escape_unprintable

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size_text(size: int) -> str:
    """Return a number of bytes as ``'1.5 MiB'``."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{size} B" if not unit else f"{amount:.1f} {_UNITS[unit]}"


def duration_text(seconds: float) -> str:
    """Return a time as ``'4.2 s'``, ``'3 min 20 s'``, ``'2 h 5 min'`` or ``'3 d 4 h'``."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    for larger, smaller, size, unit in (
        ("d", "h", 86400, 3600),
        ("h", "min", 3600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            return f"{whole // size} {larger} {whole % size // unit} {smaller}"
    return f"{whole} s"


def one_line(text: str, width: int) -> str:
    """Return text in one line of at most ``width`` characters, escaped for terminals."""
    return shortened(escape_unprintable(" ".join(text.split())), width)


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: ``'1 run'``, ``'2 runs'``."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def shortened(text: str, width: int) -> str:
    """Return text of at most ``width`` characters, the last of which are ``'...'`` if it is cut."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def joined(texts: Sequence[str], most: int) -> str:
    """Return texts with commas in between; after ``most`` of them ``'...'``."""
    return ", ".join([*texts[:most], "..."] if len(texts) > most else texts)


def joined_and_counted(texts: Sequence[str], most: int) -> str:
    """Return texts with commas in between; after ``most`` of them ``'and 3 more'``."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def seconds_text(statistics: tuple[float, float, float]) -> str:
    """Return least, median and most time of runs as ``'1.2 s a run (1 to 3.5 s)'``."""
    least, median, most = (f"{seconds:.3g}" for seconds in statistics)
    return f"{median} s a run" if least == most else f"{median} s a run ({least} to {most} s)"
