"""Segments: the files of a journal, each written by one process, or by several of one host."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows, where no journal can be written
    fcntl = None  # type: ignore[assignment]

from pypet.errors import StorageFormatError
from pypet.plugins.resume.journal import synced_file
from pypet.plugins.resume.journal.frames import SIGNATURE, Frame, Scan
from pypet.plugins.resume.journal.synced_file import SUFFIX, SyncedFile

_MAX_GATHERED_BYTES = 1 << 16


class SegmentWriter:
    """Appends frames to a segment of its own.

    Small frames are gathered for `interval` seconds, so that only runs of this time can be lost
    if the process is killed.
    """

    interval = 0.05

    def __init__(self, folder: str) -> None:
        """Make the file.

        Raises
        ------
        OSError
            The folder is gone, or cannot be written.
        """
        self._file = SyncedFile.create(folder, SIGNATURE)
        self._end = len(SIGNATURE)
        self._gathered = bytearray()
        self._written_at = 0.0

    @property
    def path(self) -> str:
        """The path of the file, whose name contains host and process."""
        return self._file.path

    def append(self, buffers: Sequence[Any]) -> int:
        """Append the buffers of one or several frames; return where they begin.

        What is written survives the death of the process, and with the next `sync` a loss of
        power.

        Raises
        ------
        OSError
            The disk is full or broken. The segment is as before.
        """
        self._file.check()
        return self._add(buffers)

    def _add(self, buffers: Sequence[Any]) -> int:
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
                del gathered[before:]  # earlier frames were accepted, and wait for space
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
        self._end += self._file.write(buffers, start)
        return start

    def start_sync(self) -> None:
        """Begin to sync in a thread, without waiting for it.

        Raises
        ------
        OSError
            An earlier sync has failed.
        """
        self._file.check()
        self.write()
        self._file.start_sync(self._end)

    def sync(self) -> None:
        """Wait until everything is on the disk.

        Raises
        ------
        OSError
            The disk refuses it, or has done so before.
        """
        self._file.wait_for_thread()
        self.write()
        self._file.sync(self._end)

    def read(self, position: int, end: int) -> bytes:
        """Return what was appended between two positions."""
        self.write()
        return self._file.read(position, end)

    def close(self) -> None:
        """Sync and close the file; safe to call twice."""
        if self._file.descriptor < 0:
            return
        try:
            self.sync()
        finally:
            self._file.close()


class SharedSegmentWriter(SegmentWriter):
    """Appends frames to a segment that several processes of this host share.

    They inherit the writer or reopen the file by its path. Each appends while no other does;
    nothing is gathered.
    """

    @classmethod
    def reopen(cls, path: str) -> SharedSegmentWriter:
        """Return another writer of the same segment; OSError if it is gone."""
        writer = cls.__new__(cls)
        writer._file = SyncedFile.reopen(path)
        writer._end = 0
        writer._gathered = bytearray()
        return writer

    def _add(self, buffers: Sequence[Any]) -> int:
        # The system frees the lock if its holder dies.
        fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX)
        try:
            self._end = self._file.size
            return self._append(buffers)
        finally:
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN)

    def sync(self) -> None:
        """Wait until everything is on the disk, also what other processes have appended."""
        self._file.wait_for_thread()
        self._file.sync(self._file.size)


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
            synced_file.fdatasync(file.fileno())


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
            The file is not a segment of a journal.
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
                        f"{self.path} is not a segment of a journal that this version of pypet can "
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
