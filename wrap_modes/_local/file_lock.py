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

_OPEN: dict[str, int] = {}
"""Path -> descriptor in this process; one each, because closing any of them would unlock."""


class FileLock:
    """Excludes other processes, whatever they were started by, while one of them holds it.

    Processes share the lock by inheriting or unpickling the object: it is known by the path of
    its file. A holder that is killed loses the lock. Threads of one process are not kept apart,
    and a second `acquire` of the holder does not block.

    Notes
    -----
    A record lock of ``fcntl`` belongs to a process and not to an open file, so that neither
    children of the holder keep it nor an inherited descriptor shares it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._removal: Finalize | None = None

    @classmethod
    def make(cls) -> FileLock:
        """Return a new lock whose file is in a new folder for temporary data.

        Unless `remove` is called, the folder goes when this process ends, after its children.
        """
        folder = tempfile.mkdtemp(prefix="pypet-lock-")
        lock = cls(os.path.join(folder, "lock"))
        # Works in the process that made it only, and also if that is one of `multiprocessing`,
        # which `atexit` does not reach. A negative priority waits until children are joined.
        lock._removal = Finalize(None, _remove, (lock.path,), exitpriority=-100)
        with open(lock.path, "wb") as stream:
            stream.write(b"\0")
        return lock

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_removal": None}

    def acquire(self) -> bool:
        """Wait until no other process holds the lock; return True."""
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
        """Remove the file, in the process that made it; when nobody needs the lock any more."""
        if self._removal is not None:
            self._removal()

    def _descriptor(self) -> int:
        descriptor = _OPEN.get(self.path)
        if descriptor is None:
            descriptor = _OPEN[self.path] = os.open(self.path, os.O_RDWR)
        return descriptor


def _remove(path: str) -> None:
    descriptor = _OPEN.pop(path, None)
    if descriptor is not None:
        os.close(descriptor)
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)


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
