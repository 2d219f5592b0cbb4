"""Memory for large arrays that come and go."""

from __future__ import annotations

import contextlib
from functools import cache

import numpy as np

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
    with contextlib.suppress(MemoryError):  # where address space is scarce it must be enough
        np.empty(_LARGEST_BLOCK, np.uint8)
