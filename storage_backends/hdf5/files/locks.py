"""Locks that let others read a file between two commits of its writer.

HDF5 locks a whole file with ``flock``: shared to read, exclusive to write. A writer of pypet needs
the exclusive lock for its commits only. In between it keeps a shared one: then every program that
respects the locks of HDF5 can read what was committed, and none can write. That no second writer
of pypet comes in between while the first one goes from one lock to the other is the task of a lock
on a byte far behind the end of every file, held for as long as the file is open for writing; a
lock on its neighbour makes new readers of pypet wait while a writer waits for the present ones.

Byte locks of open file descriptions are peculiar to Linux. Elsewhere, and on file systems without
them, the exclusive lock is kept.
"""

from __future__ import annotations

import errno
import os
import struct
import sys

try:
    import fcntl
except ImportError:  # Windows, where HDF5 locks files by itself
    fcntl = None  # type: ignore[assignment]

_WRITER_BYTE = 1 << 62
_WAITING_BYTE = _WRITER_BYTE + 1
_FLOCK = struct.Struct("hhqqi")
"""``struct flock`` of 64-bit Linux."""
_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)
_HAS_BYTE_LOCKS = sys.platform == "linux" and sys.maxsize > 2**32 and hasattr(fcntl, "F_OFD_SETLK")


class WriterLocks:
    """The locks of one writer; they go when its descriptor is closed."""

    __slots__ = ("_can_share", "_descriptor", "is_exclusive")

    def __init__(self, descriptor: int) -> None:
        """Lock a file that was opened for writing, so that nobody else can open it.

        Raises
        ------
        BlockingIOError
            Another process has the file open.
        """
        self._descriptor = descriptor
        self._can_share = _lock_byte(descriptor, _WRITER_BYTE)
        self.is_exclusive = True
        if not _flock(descriptor, exclusive=True):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def share(self) -> None:
        """Let others read until the next `exclude`."""
        if self._can_share and self.is_exclusive:
            self.is_exclusive = not _flock(self._descriptor, exclusive=False)

    def exclude(self) -> bool:
        """Try to keep readers away; return whether there are none.

        If this was not so, another program may have written to the file in between.
        """
        if not self.is_exclusive:
            self.is_exclusive = _flock(self._descriptor, exclusive=True)
            if not self.is_exclusive:
                _flock(self._descriptor, exclusive=False)  # the attempt gave it up
        return self.is_exclusive

    def announce(self) -> None:
        """Ask new readers to wait, until `withdraw`."""
        if self._can_share:
            _lock_byte(self._descriptor, _WAITING_BYTE)

    def withdraw(self) -> None:
        """Let new readers come again."""
        if self._can_share:
            _lock_byte(self._descriptor, _WAITING_BYTE, unlock=True)


def try_to_share(descriptor: int) -> bool:
    """Try to lock a file as readers do, until it is closed; False if a commit is under way."""
    return _flock(descriptor, exclusive=False)


def writer_waits(descriptor: int) -> bool:
    """Return whether a writer of the file has asked new readers to wait."""
    if not _HAS_BYTE_LOCKS or not _is_locking():
        return False
    query = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, _WAITING_BYTE, 1, 0)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, query)
    except OSError:
        return False
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


def _is_locking() -> bool:
    """Return what the user says by HDF5's variable; whether a disk has locks is seen later."""
    return os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() not in ("FALSE", "0")


def _flock(descriptor: int, *, exclusive: bool) -> bool:
    """Try to get a lock on the file; return False if others prevent that."""
    if fcntl is None or not _is_locking():
        return True
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return True
        if error.errno in _BUSY:
            return False
        raise
    return True


def _lock_byte(descriptor: int, position: int, *, unlock: bool = False) -> bool:
    """Lock a byte behind the file; return whether there are such locks.

    Raises
    ------
    BlockingIOError
        Another process has locked it.
    """
    if not _HAS_BYTE_LOCKS or not _is_locking():
        return False
    kind = fcntl.F_UNLCK if unlock else fcntl.F_WRLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, position, 1, 0))
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        if error.errno in _BUSY:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
        raise
    return True
