"""Early write-back: the disk begins with what a durable flush would have to wait for."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from pypet.support.tricks import is_on

LATE_BYTES = 32 << 20
"""The most bytes that wait in memory before the disk begins to write them."""

_SYNC_FILE_RANGE_WRITE = 2  # sync_file_range(2)


class Writeback:
    """Counts what is written to a file and starts its way to the disk, without waiting."""

    __slots__ = ("_late",)

    def __init__(self) -> None:
        self._late = 0

    def count(self, nbytes: int, descriptor: int) -> None:
        """Note that ``nbytes`` are about to be written."""
        self._late += nbytes
        if self._late > LATE_BYTES:
            self._late = 0
            if _sync_file_range is not None and is_on("write_back"):
                _sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)


def _find_sync_file_range() -> Any:
    """Return the system call; None where there is none. Its errors are ignored: fsync reports
    them."""
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        function.restype = ctypes.c_int
    return function


_sync_file_range = _find_sync_file_range()
