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
from collections.abc import Callable
from time import monotonic

from pypet.storage_backends.hdf5.files.file_handle import FileHandle
from pypet.storage_backends.hdf5.files.file_memory import FileMemory
from pypet.storage_backends.hdf5.files.needs import Need

PLENTY_BYTES = 256 << 20
"""With so much more free than is asked for, nothing is reserved."""
SECONDS_OF_PLENTY = 0.2
"""How long that is believed, also while a file is closed and opened again."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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

    @property
    def is_used(self) -> bool:
        """Whether something was asked for since the last flush."""
        return self._used > 0

    def ask(self, need: Need, file: FileHandle, look: Callable[[], Need]) -> None:
        """Make sure of room for what is needed.

        ``need`` is what may be needed at most; ``look`` finds out better, and is called where
        there is not plenty.

        Raises
        ------
        OSError
            There is none; the file is unchanged.
        """
        if not self._used:
            self._base = file.id.get_filesize()
        used = self._used + need.content
        if used > self._granted and not self._is_plenty(used + need.margin):
            need = look()
            used = self._used + need.content
            if used > self._granted:
                self._granted = self._grant(used, need.margin, file.descriptor)
        self._used = used

    def check(self, content: int, size: int) -> None:
        """Make sure that so much more has room, without reserving it.

        For what other libraries write, which have the file open themselves.

        Raises
        ------
        OSError
            There is none.
        """
        self._base = size
        if not content or self._is_plenty(content):
            return
        self._check_limit(size, content, content)
        free = self._free()
        if free is not None and free < content:
            raise self._full(errno.ENOSPC, content, free)

    def flushed(self, file: FileHandle) -> None:
        """Start anew: all of the file is written."""
        self._used = self._granted = 0
        if self.is_reserved:
            os.ftruncate(file.descriptor, file.id.get_filesize())
            self.is_reserved = False

    def _is_plenty(self, whole: int) -> bool:
        """Return whether there is much more room, or was a moment ago."""
        if self._limit is not None and self._base + whole + PLENTY_BYTES > self._limit:
            return False
        if whole < PLENTY_BYTES // 2 and monotonic() < self._memory.plenty_until:
            return True
        free = self._free()
        if free is None:
            return True
        if free <= whole + PLENTY_BYTES:
            return False
        self._memory.plenty_until = monotonic() + SECONDS_OF_PLENTY
        return True

    def _grant(self, needed: int, margin: int, descriptor: int) -> int:
        """Return for how many bytes since the last flush there is room, at least ``needed``."""
        whole = needed + margin
        self._check_limit(self._base, whole, needed)
        free = self._free()
        if free is None or self._reserve(whole, needed, descriptor, free) or free >= whole:
            return needed
        raise self._full(errno.ENOSPC, needed, free)

    def _reserve(self, whole: int, needed: int, descriptor: int, free: int) -> bool:
        """Have the disk keep room behind the content; return whether it can do that."""
        if not hasattr(os, "posix_fallocate"):
            return False
        size = os.fstat(descriptor).st_size
        try:
            os.posix_fallocate(descriptor, self._base, whole)
        except OSError as error:
            os.ftruncate(descriptor, size)  # part of it may have been reserved
            if error.errno in _FULL:
                raise self._full(error.errno or errno.ENOSPC, needed, free) from error
            return False
        self.is_reserved = True
        return True

    def _check_limit(self, size: int, whole: int, needed: int) -> None:
        if self._limit is not None and size + whole > self._limit:
            raise self._full(errno.EFBIG, needed, max(0, self._limit - size))

    def _free(self) -> int | None:
        """Return how many bytes the disk of the file has for us, None if it does not tell.

        Some file systems on networks or in user space say that they have no bytes at all.
        """
        try:
            if not hasattr(os, "statvfs"):
                return shutil.disk_usage(os.path.dirname(os.path.realpath(self._path))).free
            told = os.statvfs(self._path)  # of the file, not of a link that leads to it
        except OSError:
            return None
        block = told.f_frsize or told.f_bsize
        return told.f_bavail * block if told.f_blocks * block else None

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
