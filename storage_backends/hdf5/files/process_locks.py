"""Locks that let other processes read a file between two commits of its writer.

HDF5 locks a whole file with ``flock``: shared to read, exclusive to write. A writer of pypet needs
the exclusive lock for its commits only and keeps a shared one in between. So every program that
respects the locks of HDF5 can read what was committed, and none can write.

Two byte locks far behind the end of the file complete this. The first is held for as long as the
file is open for writing: it keeps a second writer of pypet out while the first one changes from one
lock to the other. The second is held while a writer waits for readers: new readers of pypet then
wait, too.

Byte locks of open file descriptions exist on Linux only. Elsewhere, and on file systems without
them, the writer keeps the exclusive lock.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK
from pypet.support.processes import deliver_pending_interrupt

WRITING_SECONDS = 300.0
"""How long a writer waits by default until the file is free."""
READING_SECONDS = 10.0
"""How long a reader waits at most: writers of pypet admit it between two commits."""
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.001, 0.25, 1.5
_SECONDS_UNTIL_LOGGED = 1.0

logger = logging.getLogger(__name__)

_PAUSE = threading.Condition(FORK_LOCK)
"""Never notified: waiting for it is a sleep that gives up `FORK_LOCK` meanwhile."""
T = TypeVar("T")


def wait_while_blocked(attempt: Callable[[], T], path: str, timeout: float) -> T:
    """Call ``attempt`` until it does not raise BlockingIOError, with growing pauses.

    ``timeout`` is in seconds; with 0 there is one attempt only. Waiting is logged once.

    Raises
    ------
    BlockingIOError
        The time is over.
    """
    began = time.monotonic()
    pause, is_logged = _FIRST_PAUSE, False
    while True:
        try:
            return attempt()
        except BlockingIOError:
            waited = time.monotonic() - began
            if waited >= timeout:
                raise
            if waited > _SECONDS_UNTIL_LOGGED and not is_logged:
                is_logged = True
                logger.warning(
                    "Waiting until another process closes %s, for %.0f s at the most.",
                    path,
                    timeout,
                )
        deliver_pending_interrupt()
        # However often this thread holds the lock, the condition releases it completely, so that
        # other threads can use their files.
        with FORK_LOCK:
            _PAUSE.wait(min(pause, max(0.0, timeout - waited)))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


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
        """Lock a file that was opened for writing, so that no other process can open it.

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
        """Admit readers until the next `exclude`."""
        if self._can_share and self.is_exclusive:
            self.is_exclusive = not _flock(self._descriptor, exclusive=False)

    def exclude(self) -> bool:
        """Try to keep readers away; return whether there are none.

        If this was not so, another program may have written to the file in between.
        """
        if not self.is_exclusive:
            self.is_exclusive = _flock(self._descriptor, exclusive=True)
            if not self.is_exclusive:
                # flock(2): a conversion that fails has given up the lock that there was.
                _flock(self._descriptor, exclusive=False)
        return self.is_exclusive

    def announce(self) -> None:
        """Ask new readers to wait, until `withdraw`."""
        if self._can_share:
            _lock_byte(self._descriptor, _WAITING_BYTE)

    def withdraw(self) -> None:
        """Admit new readers again."""
        if self._can_share:
            _lock_byte(self._descriptor, _WAITING_BYTE, unlock=True)


def try_to_share(descriptor: int) -> bool:
    """Try to lock a file as readers do, until it is closed; False if a commit is under way."""
    return _flock(descriptor, exclusive=False)


def writer_waits(descriptor: int) -> bool:
    """Return whether a writer of the file has asked new readers to wait."""
    return bool(_is_locked(descriptor, _WAITING_BYTE))


def has_writer(descriptor: int) -> bool | None:
    """Return whether a process has the file open for writing, None if unknown."""
    return _is_locked(descriptor, _WRITER_BYTE)


def _is_locked(descriptor: int, position: int) -> bool | None:
    if not _HAS_BYTE_LOCKS or not _is_locking():
        return None
    query = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, position, 1, 0)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, query)
    except OSError:
        return None
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


def _is_locking() -> bool:
    """Return whether HDF5's environment variable allows locks; a disk may still have none."""
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
