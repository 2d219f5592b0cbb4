"""A file that is open, either by h5py or by PyTables.

Two HDF5 libraries with the same file open would not see each other's caches and would overwrite
each other's data. Therefore only one of them has the file open at a time. h5py is the default;
PyTables gets the file for operations that only PyTables or pandas support.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from h5py import h5f

from pypet.storage_backends.hdf5.files.commit_options import CombinedCommitOptions
from pypet.storage_backends.hdf5.files.disk_space import DiskSpace, Estimate
from pypet.storage_backends.hdf5.files.file_cache import (
    FileCache,
    file_cache_of,
    make_name_durable,
    sync_at,
)
from pypet.storage_backends.hdf5.files.file_handle import FileHandle, PlainWriter, Writer
from pypet.storage_backends.hdf5.files.identity import Watch, lost, watch
from pypet.storage_backends.hdf5.files.opening import open_file
from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK
from pypet.storage_backends.hdf5.objects.object_headers import can_read_headers

LATE_BYTES = 32 << 20
"""The most bytes that wait in memory before the disk begins to write them."""

_SECONDS_FOR_READERS = 0.05
"""How long a commit that can be made later waits for readers."""


class PyTablesHandle(Protocol):
    """The file as PyTables has it open; see `pytables.stores.StoreHandle`."""

    @property
    def is_open(self) -> bool:
        """Whether it is still open."""

    def flush(self, *, durable: bool) -> None:
        """Hand everything to the operating system, or with ``durable`` to the disk."""

    def close(self) -> None:
        """Write everything and close the file."""


class ContentCache(Protocol):
    """The cache of a trajectory, as far as the file is concerned."""

    def write_pending(self) -> None:
        """Write rows that were only collected."""

    def forget_handles(self) -> None:
        """Drop everything that is open in the file."""

    def end(self) -> None:
        """Save what is useful if the file, which is being closed, is opened again."""


class OpenFile:
    """An open file, and caches of its content.

    `hand_over` closes it for h5py and gives it to PyTables. Asking for `id` takes it back:
    PyTables' handle is closed, and every handle of h5py from before is invalid.
    """

    __slots__ = (
        "_flushed_at",
        "_handle",
        "_plain_headers",
        "_pytables",
        "_unwritten",
        "commit_options",
        "disk_space",
        "file_cache",
        "generation",
        "holders",
        "path",
        "timeout",
        "trajectory_caches",
        "watch",
        "writable",
    )

    def __init__(
        self,
        path: str,
        file_cache: FileCache,
        handle: FileHandle,
        *,
        timeout: float,
        options: CombinedCommitOptions | None = None,
    ) -> None:
        self.path = path
        self.file_cache = file_cache
        self._handle: FileHandle | None = handle
        self._pytables: PyTablesHandle | None = None
        self.writable = handle.is_writable
        self.timeout = timeout
        """Seconds to wait for other processes that have the file open."""
        self.holders = 0
        self.commit_options = CombinedCommitOptions() if options is None else options
        """The options of all holders."""
        self.generation = 0
        """Changes whenever handles of groups and datasets become invalid.

        Whoever keeps such handles compares it before using them.
        """
        self.trajectory_caches: dict[str, ContentCache] = {}
        """Name of a trajectory -> what is cached about it."""
        self._plain_headers: tuple[int, bool] | None = None
        """The generation, and whether headers can be read past the library then."""
        self.disk_space = DiskSpace(path, file_cache)
        self.watch: Watch | None = None
        """Checks that the file is still that of the experiment, before it is changed."""
        self._unwritten = 0
        """Bytes that may wait in memory since the disk last began to write."""
        self._flushed_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether this process may use it: not closed, and not inherited through a fork."""
        return self._handle is not None or self._pytables is not None

    @property
    def is_handed_over(self) -> bool:
        """Whether PyTables has it open."""
        return self._pytables is not None

    @property
    def id(self) -> h5f.FileID | None:
        """The file as h5py has it open, None if it is closed."""
        if self._pytables is not None:
            self.reopen()
        return None if self._handle is None else self._handle.id

    @property
    def has_plain_headers(self) -> bool:
        """Whether object headers of the file can be read past the library."""
        known = self._plain_headers
        if known is None or known[0] != self.generation:
            known = self._plain_headers = (self.generation, can_read_headers(self.id))
        return known[1]

    def reserve_space(self, estimate: Estimate, refine: Callable[[], Estimate]) -> None:
        """Make sure that there is space for what is about to be written, see `DiskSpace.reserve`.

        Raises
        ------
        OSError
            The disk is full; nothing was changed.
        """
        if self.id is None or self._handle is None:
            return
        try:
            self.disk_space.reserve(estimate, self._handle, refine)
        except OSError:
            if not self.disk_space.is_used:
                raise
            self.flush()  # estimates are upper bounds: what was written took less
            self.disk_space.reserve(estimate, self._handle, refine)
        self._unwritten += estimate.content
        if self._unwritten > LATE_BYTES:
            self._unwritten = 0
            self._handle.begin_writing()

    def check_space(self, content: int) -> None:
        """Make sure that PyTables, which has the file open, can write ``content`` bytes more.

        Raises
        ------
        OSError
            The disk is full.
        """
        self.disk_space.check(content, os.path.getsize(self.path))

    # ----- durability ----------------------------------------------------------------------

    def flush(self, *, durable: bool = False) -> None:
        """Commit everything: hand it to the operating system, or with ``durable`` to the disk.

        Raises
        ------
        StorageLostError
            Another program has overwritten the content; nothing was written.
        OSError
            The disk refuses it, others do not stop reading, or another program has changed the
            file.
        """
        self._commit(durable=durable)

    def try_flush(self, *, durable: bool) -> bool:
        """Flush unless others read the file; return whether it was done."""
        return self._commit(durable=durable, timeout=_SECONDS_FOR_READERS)

    def _commit(self, *, durable: bool = False, timeout: float | None = None) -> bool:
        """Commit, but not if others read for longer than ``timeout`` seconds."""
        if not self.writable:
            return True
        is_done = True
        if self.watch is not None:
            self.watch.check(content_only=True)
        if self._pytables is not None:  # `hand_over` has written everything that was pending
            self.commit_options.before_commit()
            durable = durable or self.commit_options.durable
            if durable:
                make_name_durable(self.path)
            self._pytables.flush(durable=durable)
        elif isinstance(self._handle, Writer):
            self._write_pending()
            is_done = self._handle.commit(durable=durable, timeout=timeout)
            if is_done:
                self.disk_space.flushed(self._handle)
                if self.watch is not None:
                    self.watch.relocate(self)
        self._flushed_at = time.monotonic()
        return is_done

    def _write_pending(self) -> None:
        for cache in self.trajectory_caches.values():
            cache.write_pending()

    def flush_if_due(self, interval: float) -> None:
        """Flush unless that was done less than ``interval`` seconds ago."""
        if time.monotonic() - self._flushed_at > interval:
            self.try_flush(durable=False)
            self.check_in_place()

    def check_in_place(self) -> None:
        """Make sure that what was written can be found: an open file can lose its name.

        Raises
        ------
        StorageLostError
            The file at the path is not, or not any more, the one that is open.
        """
        if self._handle is None or not self.writable:
            return
        if self.watch is not None:
            self.watch.check()
            return
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            pass
        else:
            if os.path.samestat(found, os.fstat(self._handle.descriptor)):
                return
        raise lost(self.path)

    def is_overwritten(self) -> bool:
        """Return whether an experiment stores here and the content was overwritten."""
        watch = self.watch if self.writable and not self.is_handed_over else None
        return watch is not None and watch.is_overwritten()

    # ----- opening and closing ---------------------------------------------------------------

    def close(self) -> None:
        """Write everything and close the file for good; one that was lost is left as it is."""
        try:
            if self.writable and self._handle is not None:
                self._write_pending()
            for cache in self.trajectory_caches.values():
                cache.end()
        finally:
            self._drop()

    def make_writable(self) -> None:
        """Open again for writing what was open for reading."""
        self._drop()
        try:
            self._handle = self._opened(writable=True)
        except OSError:
            self._handle = self._opened(writable=False)
            raise
        self.writable = True

    @contextmanager
    def handed_over(self) -> Iterator[str]:
        """Close the file for the duration of a ``with`` block, in which another library may open
        it.

        No process is forked meanwhile: the child would close the other library's file when it
        ends, and write to it.
        """
        with FORK_LOCK:
            self.flush()
            self._drop()
            try:
                yield self.path
            finally:
                self._open_again()
                # The file may have been replaced meanwhile.
                if self.watch is not None:
                    self.watch = watch(self, self.watch.identity)
                self.file_cache = file_cache_of(self.path) or self.file_cache

    def hand_over(self, open_handle: Callable[[str, bool], PyTablesHandle]) -> PyTablesHandle:
        """Close the file for h5py and return PyTables' handle, valid until the next access to `id`.

        ``open_handle(path, writable)`` opens it. PyTables keeps the file after a request, since
        shared data is mostly used several times in a row: opening takes longer than most requests.
        """
        if self._pytables is not None and self._pytables.is_open:
            return self._pytables
        self.flush()
        self._drop()
        try:
            self._pytables = open_handle(self.path, self.writable)
        except BaseException:
            self._open_again()
            raise
        return self._pytables

    def reopen(self) -> None:
        """Close PyTables' handle, if there is one, and open the file with h5py again."""
        if self._pytables is not None:
            with FORK_LOCK:
                self._drop()
                if self.watch is not None:
                    self.watch.check()
                self._open_again()

    def _drop(self) -> None:
        self.generation += 1
        for cache in self.trajectory_caches.values():
            cache.forget_handles()
        pytables, self._pytables = self._pytables, None
        if pytables is not None:
            self._close_pytables(pytables)
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                handle.close()
            except OSError:
                self.file_cache.has_lost_changes = True
                raise

    def _close_pytables(self, handle: PyTablesHandle) -> None:
        if not self.writable:
            handle.close()
            return
        try:
            self.commit_options.before_commit()
        finally:
            handle.close()
        if self.commit_options.durable:
            sync_at(self.path)

    def _open_again(self) -> None:
        """Open with h5py what PyTables had open, and may have changed in place."""
        self._handle = self._opened(writable=self.writable)
        if self.writable and self.commit_options.durable:
            os.fsync(self._handle.descriptor)

    def _opened(self, *, writable: bool) -> FileHandle:
        options = self.commit_options if writable else None
        return open_file(self.path, writable=writable, timeout=self.timeout, options=options)

    def prepare_fork(self) -> None:
        """Put the file into a state in which a forked child can abandon it."""
        self.reopen()  # PyTables offers no way to abandon a file without writing to it
        if isinstance(self._handle, PlainWriter):
            self.flush()

    def abandon(self) -> None:
        """Leave the file without closing it; nothing that HDF5 still does reaches it."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.abandon(list(self.trajectory_caches.values()))
        self.trajectory_caches = {}
