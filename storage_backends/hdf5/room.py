"""Room on the disk for what will be written: HDF5 must not run out of it.

The HDF5 library keeps part of what is written in memory until it flushes. If that fails because
the disk is full, it cannot go on, and a file that was changed in place halfway is lost. So room
is asked for before anything is changed: what does not fit is refused while the file is sound.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterable
from time import monotonic
from typing import Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.records import ArrayItem, FrameItem, Operation, PutMeta, PutNode, TableItem
from pypet.storage_backends.hdf5.file_memory import FileMemory

PLENTY_BYTES = 256 << 20
"""With so much more free than is asked for, nothing is reserved."""
SECONDS_OF_PLENTY = 0.2
"""How long that is believed, also while a file is closed and opened again."""
MARGIN_BYTES = 1 << 20
"""What runs have to leave for what closes an experiment: run table, overviews, times."""
META_BYTES = 1 << 16
RUN_BYTES = 64
"""A row of the run table takes at most so much."""
NODE_BYTES = 4096
"""A group or dataset with its attributes takes at most so much, apart from its data."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Need(NamedTuple):
    """Bytes that are to be written, and bytes that have to be free besides."""

    content: int
    margin: int


class Room:
    """The room that is granted to one open file, until it is flushed."""

    __slots__ = ("_base", "_granted", "_limit", "_memory", "_path", "_used", "is_reserved")

    def __init__(self, path: str, memory: FileMemory) -> None:
        self._path = path
        self._memory = memory
        self._limit = _size_limit()
        self._base = 0
        """Size of the file when it was flushed last."""
        self._used = 0
        """Bytes asked for since the last flush."""
        self._granted = 0
        self.is_reserved = False
        """Whether the file was made longer than its content."""

    def ask(self, need: Need, descriptor: int, size: int) -> None:
        """Make sure of room for what is needed in a file of ``size`` bytes.

        Raises
        ------
        OSError
            There is none; the file is unchanged.
        """
        if not self._used:
            self._base = size
        used = self._used + need.content
        if used > self._granted and not self._is_plenty(used):
            self._granted = self._grant(used, need.margin, descriptor)
        self._used = used

    def flushed(self, descriptor: int, size: int) -> None:
        """Start anew: all ``size`` bytes of the file are written."""
        self._used = self._granted = 0
        if self.is_reserved:
            os.ftruncate(descriptor, size)
            self.is_reserved = False

    def _is_plenty(self, needed: int) -> bool:
        """Return whether there was much more room a moment ago."""
        return (
            needed < PLENTY_BYTES // 2
            and self._limit is None
            and monotonic() < self._memory.plenty_until
        )

    def _grant(self, needed: int, margin: int, descriptor: int) -> int:
        """Return for how many bytes since the last flush there is room, at least ``needed``."""
        whole = needed + margin
        if self._limit is not None and self._base + whole > self._limit:
            raise self._full(errno.EFBIG, needed, max(0, self._limit - self._base))
        free = shutil.disk_usage(os.path.dirname(self._path) or ".").free
        if free > whole + PLENTY_BYTES:
            self._memory.plenty_until = monotonic() + SECONDS_OF_PLENTY
            return needed
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(descriptor, 0, self._base + whole)
                self.is_reserved = True
                return needed
            except OSError as error:
                if error.errno in _FULL:
                    raise self._full(error.errno or errno.ENOSPC, needed, free) from error
        if free < whole:
            raise self._full(errno.ENOSPC, needed, free)
        return needed

    def _full(self, number: int, needed: int, free: int) -> OSError:
        return OSError(
            number,
            f"{os.strerror(number)}: there is no room to store {needed / 1e6:.1f} MB more, only "
            f"{free / 1e6:.1f} MB are free. Nothing was changed. Free some room, or give a "
            "`filename` on another disk",
            self._path,
        )


def _size_limit() -> int | None:
    """Return how large this process may make files, None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def need_of(operations: Iterable[Operation]) -> Need:
    """Return how much operations add to a file at most."""
    content = margin = 0
    for operation in operations:
        if type(operation) is PutNode:
            content += NODE_BYTES + sum(map(_bytes_of_item, operation.items))
            if constants.RUN_NAME in operation.path:
                margin = MARGIN_BYTES
        elif type(operation) is PutMeta:
            content += META_BYTES + RUN_BYTES * len(operation.runs)
    return Need(content, margin)


def _bytes_of_item(item: Any) -> int:
    if type(item) is ArrayItem:
        return NODE_BYTES + int(item.value.nbytes)
    if type(item) is TableItem:
        return NODE_BYTES + 2 * sum(int(column.values.nbytes) for column in item.columns)
    if type(item) is FrameItem:
        used = item.value.memory_usage(deep=True)
        return 16 * NODE_BYTES + 2 * int(getattr(used, "sum", lambda: used)())
    return NODE_BYTES
