"""Pipes of the operating system: how much they hold, and writing many pieces at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

_MOST_AT_ONCE = 512
"""Buffers per system call; platforms allow about a thousand."""


def enlarge(descriptor: int, size: int) -> None:
    """Let a pipe hold ``size`` bytes, where that can be set and the user may have so much."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)


def write_pieces(write: Callable[[Sequence[Any]], int], pieces: Sequence[Any]) -> None:
    """Write all bytes of ``pieces`` in order, as `os.writev` or `socket.sendmsg` does with some.

    ``write`` takes a sequence of buffers and returns how many of their bytes it has written.
    """
    rest = list(pieces)
    while rest:
        written = write(rest[:_MOST_AT_ONCE])
        done = 0
        while done < len(rest) and written >= len(rest[done]):
            written -= len(rest[done])
            done += 1
        del rest[:done]
        if written:
            rest[0] = memoryview(rest[0])[written:]
