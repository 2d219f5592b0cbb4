"""A file that is open: by h5py, or by another library as a guest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from h5py import h5f

from pypet.storage_backends.hdf5.files.demands import Demands
from pypet.storage_backends.hdf5.files.file_handle import FileHandle, PlainWriter, Writer
from pypet.storage_backends.hdf5.files.file_memory import FileMemory, memory_of
from pypet.storage_backends.hdf5.files.guard import GUARD
from pypet.storage_backends.hdf5.files.identity import Watch, lost, watch
from pypet.storage_backends.hdf5.files.needs import Need
from pypet.storage_backends.hdf5.files.opening import open_file
from pypet.storage_backends.hdf5.files.room import Room
from pypet.storage_backends.hdf5.files.syncing import make_name_durable, sync_at
from pypet.storage_backends.hdf5.files.writeback import Writeback
from pypet.storage_backends.hdf5.headers.object_headers import can_read_headers

_SECONDS_FOR_READERS = 0.05
"""How long a commit that can be made later waits for readers."""


class Guest(Protocol):
    """The file as another library has it open."""

    @property
    def is_open(self) -> bool:
        """Whether nobody closed it meanwhile."""

    def flush(self, *, durable: bool) -> None:
        """Hand everything to the operating system, or with ``durable`` to the disk."""

    def close(self) -> None:
        """Write everything and close the file."""


class Remembered(Protocol):
    """What is remembered about a trajectory in the file, as far as the file is concerned."""

    def write_pending(self) -> None:
        """Write what was only noted."""

    def forget_handles(self) -> None:
        """Drop everything that is open in the file."""

    def end(self) -> None:
        """Keep what is useful when the file, which is closed for good, is opened again."""


class OpenFile:
    """An open file, how it is open, and what is remembered about its content.

    Two HDF5 libraries on one file would not see what the other one holds in its cache. So either
    h5py has it open, or another library as a guest; who asks for `id` sends the guest away.
    """

    __slots__ = (
        "_flushed_at",
        "_guest",
        "_handle",
        "_plain_headers",
        "_writeback",
        "caches",
        "demands",
        "generation",
        "holders",
        "memory",
        "path",
        "room",
        "timeout",
        "watch",
        "writable",
    )

    def __init__(
        self,
        path: str,
        memory: FileMemory,
        handle: FileHandle,
        *,
        timeout: float,
        demands: Demands | None = None,
    ) -> None:
        self.path = path
        self.memory = memory
        self._handle: FileHandle | None = handle
        self._guest: Guest | None = None
        self.writable = handle.is_writable
        self.timeout = timeout
        """Seconds to wait for other processes that have the file open."""
        self.holders = 0
        self.demands = Demands() if demands is None else demands
        """What the holders demand of commits."""
        self.generation = 0
        """Changes whenever handles of groups and datasets become invalid."""
        self.caches: dict[str, Remembered] = {}
        """Name of a trajectory -> what is remembered about it."""
        self._plain_headers: tuple[int, bool] | None = None
        """The generation, and whether headers can be read past the library then."""
        self.room = Room(path, memory)
        self.watch: Watch | None = None
        """Looks whether the file is still that of the experiment, before it is changed."""
        self._writeback = Writeback()
        self._flushed_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether this process may use it: not closed, and not inherited through a fork."""
        return self._handle is not None or self._guest is not None

    @property
    def is_lent(self) -> bool:
        """Whether another library has it open."""
        return self._guest is not None

    @property
    def id(self) -> h5f.FileID | None:
        """The file as h5py has it open, None if it is closed."""
        if self._guest is not None:
            self.take_back()
        return None if self._handle is None else self._handle.id

    @property
    def has_plain_headers(self) -> bool:
        """Whether object headers of the file can be read past the library."""
        known = self._plain_headers
        if known is None or known[0] != self.generation:
            known = self._plain_headers = (self.generation, can_read_headers(self.id))
        return known[1]

    def ask_for_room(self, need: Need, look: Callable[[], Need]) -> None:
        """Make sure that so much more can be written; ``look`` finds out how much it really is.

        Raises
        ------
        OSError
            The disk is full; nothing was changed.
        """
        if self.id is None or self._handle is None:
            return
        try:
            self.room.ask(need, self._handle, look)
        except OSError:
            if not self.room.is_used:
                raise
            self.flush()  # what was asked for before is more than what it took
            self.room.ask(need, self._handle, look)
        self._writeback.count(need.content, self._handle.descriptor)

    def check_room(self, content: int) -> None:
        """Make sure that another library, which has the file open, can write so much more.

        Raises
        ------
        OSError
            The disk is full.
        """
        self.room.check(content, os.path.getsize(self.path))

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
        """Do the same unless others read the file; return whether it was done."""
        return self._commit(durable=durable, timeout=_SECONDS_FOR_READERS)

    def _commit(self, *, durable: bool = False, timeout: float | None = None) -> bool:
        """Commit, but not if others read for longer than ``timeout`` seconds."""
        if not self.writable:
            return True
        is_done = True
        if self.watch is not None:
            self.watch.check(content_only=True)
        if self._guest is not None:  # nothing waited to be written when it came
            self.demands.before_commit()
            durable = durable or self.demands.durable
            if durable:
                make_name_durable(self.path)
            self._guest.flush(durable=durable)
        elif isinstance(self._handle, Writer):
            self._write_pending()
            is_done = self._handle.commit(durable=durable, timeout=timeout)
            if is_done:
                self.room.flushed(self._handle)
                if self.watch is not None:
                    self.watch.relocate(self)
        self._flushed_at = time.monotonic()
        return is_done

    def _write_pending(self) -> None:
        for cache in self.caches.values():
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
        """Return whether an experiment stores here and somebody has overwritten the content."""
        watch = self.watch if self.writable and not self.is_lent else None
        return watch is not None and watch.is_overwritten()

    # ----- opening and closing ---------------------------------------------------------------

    def close(self) -> None:
        """Write everything and close the file for good; one that was lost is left as it is."""
        try:
            if self.writable and self._handle is not None:
                self._write_pending()
            for cache in self.caches.values():
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
    def lent(self) -> Iterator[str]:
        """Close the file for the duration of a ``with`` block, for another library to open it.

        No process is forked meanwhile: there the file could not be told to be the parent's.
        """
        with GUARD:
            self.flush()
            self._drop()
            try:
                yield self.path
            finally:
                self._reopen()
                if self.watch is not None:  # whoever borrowed the file may have replaced it
                    self.watch = watch(self, self.watch.identity)
                self.memory = memory_of(self.path) or self.memory  # it may be another file now

    def lend(self, invite: Callable[[str, bool], Guest]) -> Guest:
        """Return the guest that has the file now, until somebody asks for `id`.

        ``invite`` opens the file at a path, if the second argument is true for writing.
        """
        if self._guest is not None and self._guest.is_open:
            return self._guest
        self.flush()
        self._drop()
        try:
            self._guest = invite(self.path, self.writable)
        except BaseException:
            self._reopen()
            raise
        return self._guest

    def take_back(self) -> None:
        """Send the guest away, if there is one, and open the file with h5py again."""
        if self._guest is not None:
            with GUARD:
                self._drop()
                if self.watch is not None:
                    self.watch.check()
                self._reopen()

    def _drop(self) -> None:
        self.generation += 1
        for cache in self.caches.values():
            cache.forget_handles()
        guest, self._guest = self._guest, None
        if guest is not None:
            self._dismiss(guest)
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                handle.close()
            except OSError:
                self.memory.has_lost_changes = True
                raise

    def _dismiss(self, guest: Guest) -> None:
        if not self.writable:
            guest.close()
            return
        try:
            self.demands.before_commit()
        finally:
            guest.close()
        if self.demands.durable:
            sync_at(self.path)

    def _reopen(self) -> None:
        """Open with h5py what another library had open, and may have changed in place."""
        self._handle = self._opened(writable=self.writable)
        if self.writable and self.demands.durable:
            os.fsync(self._handle.descriptor)

    def _opened(self, *, writable: bool) -> FileHandle:
        demands = self.demands if writable else None
        return open_file(self.path, writable=writable, timeout=self.timeout, demands=demands)

    def prepare_fork(self) -> None:
        """Let this be a file that a forked child can abandon."""
        self.take_back()  # a guest could not be told in the child that the file is not its own
        if isinstance(self._handle, PlainWriter):
            self.flush()

    def abandon(self) -> None:
        """Leave the file without closing it; nothing that HDF5 still does reaches it."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.abandon(list(self.caches.values()))
        self.caches = {}
