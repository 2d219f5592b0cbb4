"""Large buffers: an allocator hint, the capacity of pipes, and gathered writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from pypet.support.tricks import is_on

_LARGEST_BLOCK = (32 << 20) - (8 << 10)
"""Just below the size up to which the GNU C library learns from freed blocks, see mallopt(3)."""


@cache
def keep_freed_memory() -> None:
    """Let this process use freed memory again for blocks of megabytes.

    The GNU C library returns large blocks to the system, and to get them back page by page can
    take as long as to compress what is put there. Once it has seen a block being freed, it keeps
    memory for others up to that size (at most 64 MB); so it sees one, which is never touched.
    Elsewhere this does nothing.
    """
    if not is_on("allocator_hint"):
        return
    with contextlib.suppress(MemoryError):  # where address space is scarce it must be enough
        np.empty(_LARGEST_BLOCK, np.uint8)


_MOST_AT_ONCE = 512
"""Buffers per system call; platforms allow about a thousand."""


def enlarge_pipe(descriptor: int, size: int) -> None:
    """Let a pipe hold ``size`` bytes, where that can be set and the user may have so much."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)


def write_buffers(write: Callable[[Sequence[Any]], int], pieces: Sequence[Any]) -> None:
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
