"""A lock between processes that the operating system takes back when its holder dies."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from multiprocessing.util import Finalize
from typing import Any

SPIN_SECONDS = 0.001
"""How long to try again and again before sleeping: a holder mostly needs the lock for a shorter
time, and to be woken up takes about as long."""

Identity = tuple[int, int]
"""Device and number of a file."""

_OPEN: dict[Identity, int] = {}
"""Descriptor in this process for a file; one each, because closing any of them would unlock."""


class FileLock:
    """Excludes other processes, whatever they were started by, while one of them holds it.

    Processes share the lock by inheriting or unpickling the object. A holder that is killed loses
    the lock. Threads of one process are not kept apart, and a second `acquire` of the holder does
    not block.

    Notes
    -----
    A record lock of ``fcntl`` belongs to a process and not to an open file, so that neither
    children of the holder keep it nor an inherited descriptor shares it.

    On Linux the file is in memory only and has no name: nothing is left of it when the last
    process is gone, however that ends. Processes that did not inherit it open it by way of
    ``/proc`` while the process that made it holds it. Elsewhere it is in a folder for temporary
    data.
    """

    def __init__(self, path: str, identity: Identity) -> None:
        self.path = path
        self._identity = identity
        self._removal: Finalize | None = None

    @classmethod
    def make(cls) -> FileLock:
        """Return a new lock.

        Unless `remove` is called, its file goes when this process ends, after its children.
        """
        descriptor, path, folder = _anonymous_file() or _temporary_file()
        identity = _identity_of(descriptor)
        _OPEN[identity] = descriptor
        lock = cls(path, identity)
        # Works in the process that made it only, and also if that is one of `multiprocessing`,
        # which `atexit` does not reach. A negative priority waits until children are joined.
        lock._removal = Finalize(None, _remove, (identity, folder), exitpriority=-100)
        return lock

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_removal": None}

    def acquire(self) -> bool:
        """Wait until no other process holds the lock; return True.

        Raises
        ------
        OSError
            The lock was removed, or the process that made it is gone.
        """
        _lock(self._descriptor())
        return True

    def release(self) -> None:
        """Give the lock back."""
        _unlock(self._descriptor())

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def remove(self) -> None:
        """Remove the file in the process that created it, once the lock is not needed any more."""
        if self._removal is not None:
            self._removal()

    def _descriptor(self) -> int:
        descriptor = _OPEN.get(self._identity)
        if descriptor is None:
            descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            if _identity_of(descriptor) != self._identity:
                os.close(descriptor)
                raise FileNotFoundError(
                    errno.ENOENT, "The lock is gone: the process that made it has removed it"
                )
            _OPEN[self._identity] = descriptor
        return descriptor


def _anonymous_file() -> tuple[int, str, str | None] | None:
    """Return descriptor and path of a file in memory; None where there are none."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.memfd_create("pypet-lock", os.MFD_CLOEXEC)
    except OSError:  # an old kernel, or a sandbox
        return None
    path = f"/proc/{os.getpid()}/fd/{descriptor}"
    if not os.access(path, os.R_OK | os.W_OK):
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 1)
    return descriptor, path, None


def _temporary_file() -> tuple[int, str, str | None]:
    """Return descriptor and path of a file, and the new folder that it is in."""
    folder = tempfile.mkdtemp(prefix="pypet-lock-")
    path = os.path.join(folder, "lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    os.write(descriptor, b"\0")
    return descriptor, path, folder


def _identity_of(descriptor: int) -> Identity:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _remove(identity: Identity, folder: str | None) -> None:
    descriptor = _OPEN.pop(identity, None)
    if descriptor is not None:
        os.close(descriptor)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        while True:
            os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
                return
            except OSError:  # after ten seconds of waiting
                continue

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        deadline = time.perf_counter() + SPIN_SECONDS
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
            if time.perf_counter() > deadline:
                break
            os.sched_yield()
        fcntl.lockf(descriptor, fcntl.LOCK_EX)

    def _unlock(descriptor: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
