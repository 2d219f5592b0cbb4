"""Segments: the files of a journal, each written by one process."""

from __future__ import annotations

import errno
import itertools
import mmap
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from time import monotonic
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows nobody gets as far as to use it
    fcntl = None  # type: ignore[assignment]

from pypet.errors import StorageFormatError
from pypet.plugins.resume.journal.frames import SIGNATURE, Frame, Scan
from pypet.support.filesystem import sync_folder

SUFFIX = ".rcnt"
_MAX_BUFFERS = 512
"""At most so many buffers go into one system call; POSIX guarantees 16, Linux and macOS 1024."""
_MAX_GATHERED_BYTES = 1 << 16
_numbers = itertools.count(1)
fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has none


class SegmentWriter:
    """Appends frames to a segment.

    One that is shared is written by several processes of a host, which inherit it or open it
    again by its path; each appends while no other does. Otherwise small frames are gathered for
    `interval` seconds, so that only runs of this time can be lost if the process is killed.
    """

    interval = 0.05

    def __init__(self, folder: str, *, shared: bool = False) -> None:
        """Make the file, whose name tells host and process.

        Raises
        ------
        OSError
            The folder is gone, or cannot be written.
        """
        self._shared = shared
        self._descriptor, self.path = _create(folder)
        self._end = len(SIGNATURE)
        self._synced = 0
        self._gathered = bytearray()
        self._written_at = 0.0
        self._thread: Thread | None = None
        self._refusal: OSError | None = None
        """Why the disk did not take what it was given."""
        try:
            _write(self._descriptor, [SIGNATURE], 0)
            fdatasync(self._descriptor)  # without its beginning all that follows would be lost
            sync_folder(folder)
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, OSError):
                raise _named(error, self.path) from error
            raise

    @classmethod
    def reopened(cls, path: str) -> SegmentWriter:
        """Return another writer of a shared segment of this host; OSError if it is gone."""
        writer = cls.__new__(cls)
        writer._shared = True
        writer._descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        writer.path = path
        writer._end = writer._synced = 0
        writer._gathered = bytearray()
        writer._thread = writer._refusal = None
        return writer

    def append(self, buffers: Sequence[Any]) -> int:
        """Append the buffers of one or several frames; return where they begin.

        What is written survives the death of the process, and with the next `sync` a loss of
        power.

        Raises
        ------
        OSError
            The disk is full or broken. The segment is as before.
        """
        self._check()
        if self._shared:
            with self._alone():
                self._end = os.fstat(self._descriptor).st_size
                return self._append(buffers)
        if sum(map(len, buffers)) > _MAX_GATHERED_BYTES:
            self.write()
            return self._append(buffers)
        gathered = self._gathered
        before = len(gathered)
        start = self._end + before
        for buffer in buffers:
            gathered += buffer
        if len(gathered) > _MAX_GATHERED_BYTES or monotonic() - self._written_at > self.interval:
            try:
                self.write()
            except OSError:
                del gathered[before:]  # what came earlier was accepted, and waits for room
                raise
        return start

    def write(self) -> None:
        """Write what was gathered; for errors see `append`."""
        if self._gathered:
            self._append([self._gathered])
            self._gathered = bytearray()
        self._written_at = monotonic()

    def _append(self, buffers: Sequence[Any]) -> int:
        start = self._end
        try:
            self._end += _write(self._descriptor, buffers, start)
        except OSError as error:
            os.ftruncate(self._descriptor, start)
            raise _named(error, self.path) from error
        return start

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other process append within a ``with`` block; the lock of a dead one is free."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def start_sync(self) -> None:
        """Have everything brought to the disk by a thread, without waiting for it.

        Raises
        ------
        OSError
            That has failed before.
        """
        self._check()
        self.write()
        thread = self._thread
        if thread is not None and thread.is_alive():
            return
        self._thread = Thread(target=self._sync_in_thread, args=(self._end,), daemon=True)
        self._thread.start()

    def _sync_in_thread(self, end: int) -> None:
        try:
            fdatasync(self._descriptor)
            self._synced = max(self._synced, end)
        except OSError as error:
            self._refusal = error

    def _check(self) -> None:
        refusal = self._refusal
        if refusal is not None:
            raise OSError(
                refusal.errno,
                f"The disk did not take what the journal was given ({refusal.strerror}), so no run "
                "counts as completed any more. Make sure that it is sound, and resume the "
                "experiment",
                self.path,
            ) from refusal

    def sync(self) -> None:
        """Wait until everything is on the disk, also what other processes have appended.

        Raises
        ------
        OSError
            The disk refuses it, or has done so before: the system may have dropped what it could
            not write, and says so only once.
        """
        if self._thread is not None:
            self._thread.join()
        self._check()
        self.write()
        end = os.fstat(self._descriptor).st_size if self._shared else self._end
        if self._synced < end:
            try:
                fdatasync(self._descriptor)
            except OSError as error:
                self._refusal = error
                self._check()
            self._synced = end

    def read(self, position: int, end: int) -> bytes:
        """Return what was appended between two positions."""
        self.write()
        return os.pread(self._descriptor, end - position, position)

    def close(self) -> None:
        """Sync and close the file; safe to call twice."""
        if self._descriptor < 0:
            return
        try:
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1


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


def _write(descriptor: int, buffers: Sequence[Any], position: int) -> int:
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


# ----- reading ---------------------------------------------------------------------------------


def segment_paths(folder: str | os.PathLike[str]) -> list[str]:
    """Return the paths of all segments of a folder, by name.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    """
    with os.scandir(folder) as entries:
        return sorted(
            entry.path for entry in entries if entry.name.endswith(SUFFIX) and entry.is_file()
        )


def sync_segments(paths: Iterable[str]) -> None:
    """Wait until segments that others have written are on the disk.

    Raises
    ------
    OSError
        The disk refuses it.
    """
    for path in paths:
        with open(path, "rb") as file:
            fdatasync(file.fileno())


class SegmentReader:
    """Follows a segment that may still be written; remembers how far it was read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.position = 0
        """Up to here everything was read."""
        self.damaged = 0
        """How many bytes before that are of no whole frame."""
        self.rest = 0
        """How many bytes behind that are of a frame that is not whole."""

    def frames(self) -> Iterator[Frame]:
        """Yield the frames behind the position; their payloads are valid until the next one.

        Raises
        ------
        StorageFormatError
            The file is no segment of a journal.
        OSError
            It cannot be read.
        """
        with open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if self.position == 0:
                is_segment = file.read(len(SIGNATURE)) == SIGNATURE
                if size <= len(SIGNATURE) and not is_segment:
                    # Its writer died at once, or the power was lost before the disk had anything.
                    self.rest = size
                    return
                if not is_segment:
                    raise StorageFormatError(
                        f"{self.path} is no segment of a journal that this version of pypet can "
                        "read: it does not begin with the signature."
                    )
                self.position = len(SIGNATURE)
            if size <= self.position:
                self.rest = 0
                return
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped:
                view = memoryview(mapped)
                try:
                    yield from self._scan(view[self.position :])
                finally:
                    view.release()

    def _scan(self, content: memoryview) -> Iterator[Frame]:
        with content:
            scan = Scan(content, self.position)
            for frame in scan:
                self.position = scan.end
                yield frame
                frame.payload.release()
            self.damaged += scan.damaged
            self.rest = scan.rest
