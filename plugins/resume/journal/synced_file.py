"""A file of the journal: written at positions, and synced to the disk, in a thread if need be."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from collections.abc import Sequence
from threading import Thread
from typing import Any

from pypet.support.filesystem import sync_folder

SUFFIX = ".rcnt"
_MAX_BUFFERS = 512
"""Maximum number of buffers in one system call; POSIX guarantees 16, Linux and macOS 1024."""
_numbers = itertools.count(1)
fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has none


class SyncedFile:
    """Writes a file and remembers how much of it is on the disk.

    After a sync has failed nothing can be written any more: the system may have dropped what it
    could not write, and reports that only once.
    """

    def __init__(self, descriptor: int, path: str, *, synced: int = 0) -> None:
        """Take over a descriptor; the first ``synced`` bytes are on the disk."""
        self.descriptor = descriptor
        self.path = path
        self._synced = synced
        self._thread: Thread | None = None
        self._failure: OSError | None = None
        """Why a sync failed."""

    @classmethod
    def create(cls, folder: str, beginning: bytes) -> SyncedFile:
        """Make a file with a new name, which contains host and process; sync its beginning.

        Raises
        ------
        OSError
            The folder is gone, or cannot be written.
        """
        descriptor, path = _create(folder)
        try:
            write_at(descriptor, [beginning], 0)
            fdatasync(descriptor)  # without its beginning all that follows would be lost
            sync_folder(folder)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                raise _named(error, path) from error
            raise
        return cls(descriptor, path)

    @classmethod
    def reopen(cls, path: str) -> SyncedFile:
        """Open a file that another process of this host has made; OSError if it is gone."""
        return cls(os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)), path)

    @property
    def size(self) -> int:
        """Its present size in bytes, whoever has written it."""
        return os.fstat(self.descriptor).st_size

    def write(self, buffers: Sequence[Any], position: int) -> int:
        """Write buffers one after the other; return the number of bytes.

        Raises
        ------
        OSError
            The disk is full or broken. The file ends at ``position`` then.
        """
        try:
            return write_at(self.descriptor, buffers, position)
        except OSError as error:
            os.ftruncate(self.descriptor, position)
            raise _named(error, self.path) from error

    def read(self, position: int, end: int) -> bytes:
        """Return what is between two positions."""
        return os.pread(self.descriptor, end - position, position)

    def check(self) -> None:
        """Raise OSError if a sync has failed."""
        failure = self._failure
        if failure is not None:
            raise OSError(
                failure.errno,
                f"The disk did not take what the journal was given ({failure.strerror}), so no run "
                "counts as completed any more. Make sure that it is sound, and resume the "
                "experiment",
                self.path,
            ) from failure

    def start_sync(self, end: int) -> None:
        """Sync in a thread, unless one is at it; ``end`` is the size of the file."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._sync_in_thread, args=(end,), daemon=True)
            self._thread.start()

    def _sync_in_thread(self, end: int) -> None:
        try:
            fdatasync(self.descriptor)
            self._synced = max(self._synced, end)
        except OSError as error:
            self._failure = error

    def wait_for_thread(self) -> None:
        """Wait until `start_sync` is done, and raise OSError if it failed."""
        if self._thread is not None:
            self._thread.join()
        self.check()

    def sync(self, end: int) -> None:
        """Sync if less than ``end`` bytes are on the disk; raises OSError if that fails."""
        if self._synced < end:
            try:
                fdatasync(self.descriptor)
            except OSError as error:
                self._failure = error
                self.check()
            self._synced = end

    def close(self) -> None:
        """Close it; safe to call twice."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _named(error: OSError, path: str) -> OSError:
    """Return an error that names the file; that of the system knows only its descriptor."""
    return OSError(
        error.errno,
        f"The journal cannot be written ({error.strerror}), so the run does not count as "
        "completed. Make room there, and resume the experiment",
        path,
    )


def _create(folder: str) -> tuple[int, str]:
    host = socket.gethostname().partition(".")[0] or "host"
    while True:
        path = os.path.join(folder, f"{host}-{os.getpid()}-{next(_numbers):04}{SUFFIX}")
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
            return os.open(path, flags, 0o644), path
        except FileExistsError:  # of an earlier process with this number
            continue


def write_at(descriptor: int, buffers: Sequence[Any], position: int) -> int:
    """Write all buffers, one behind the other; return how many bytes that were."""
    done = 0
    for first in range(0, len(buffers), _MAX_BUFFERS):
        some = buffers[first : first + _MAX_BUFFERS]
        size = sum(len(each) for each in some)
        written = os.pwritev(descriptor, some, position + done)
        if written < size:
            rest = memoryview(b"".join(some))
            while written < size:
                count = os.pwrite(descriptor, rest[written:], position + done + written)
                if not count:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written += count
        done += size
    return done
