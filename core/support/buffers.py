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
"""Just below the largest block that adapts the threshold of the GNU C library, see mallopt(3)."""


@cache
def keep_freed_memory() -> None:
    """Make this process reuse freed memory for blocks of megabytes.

    The GNU C library returns large blocks to the system, and page faults of new ones can take as
    long as compressing their content. Once a block was freed, the library keeps memory for blocks
    up to that size (at most 64 MB). This function therefore frees one, whose pages are never
    touched. With other libraries it has no effect.
    """
    if not is_on("allocator_hint"):
        return
    with contextlib.suppress(MemoryError):  # address space may be limited
        np.empty(_LARGEST_BLOCK, np.uint8)


_MOST_AT_ONCE = 512
"""Buffers per system call; platforms allow about a thousand."""


def enlarge_pipe(descriptor: int, size: int) -> None:
    """Set the capacity of a pipe in bytes, where the platform and the user's limits allow it."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)


def write_buffers(write: Callable[[Sequence[Any]], int], pieces: Sequence[Any]) -> None:
    """Write all bytes of ``pieces`` in order.

    ``write``, such as `os.writev` or `socket.sendmsg`, takes a sequence of buffers and returns the
    number of bytes written, which may be less than all.
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
