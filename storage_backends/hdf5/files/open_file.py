"""A file that is open: by h5py, or by another library as a guest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from h5py import h5f

from pypet.storage_backends.hdf5.files.file_memory import FileMemory, memory_of
from pypet.storage_backends.hdf5.files.guard import GUARD
from pypet.storage_backends.hdf5.files.identity import Watch, lost, watch
from pypet.storage_backends.hdf5.files.needs import Need
from pypet.storage_backends.hdf5.files.opening import open_file
from pypet.storage_backends.hdf5.files.room import Room
from pypet.storage_backends.hdf5.files.writeback import Writeback


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
        "_id",
        "_writeback",
        "caches",
        "generation",
        "holders",
        "memory",
        "path",
        "room",
        "watch",
        "writable",
    )

    def __init__(
        self, path: str, memory: FileMemory, file_id: h5f.FileID, *, writable: bool
    ) -> None:
        self.path = path
        self.memory = memory
        self._id: h5f.FileID | None = file_id
        self._guest: Guest | None = None
        self.writable = writable
        self.holders = 0
        self.generation = 0
        """Changes whenever handles of groups and datasets become invalid."""
        self.caches: dict[str, Remembered] = {}
        """Name of a trajectory -> what is remembered about it."""
        self.room = Room(path, memory)
        self.watch: Watch | None = None
        """Looks whether the file is still that of the experiment, before it is changed."""
        self._writeback = Writeback()
        self._flushed_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether this process may use it: not closed, and not inherited through a fork."""
        return self._id is not None or self._guest is not None

    @property
    def is_lent(self) -> bool:
        """Whether another library has it open."""
        return self._guest is not None

    @property
    def id(self) -> h5f.FileID | None:
        """The file as h5py has it open, None if it is closed."""
        if self._guest is not None:
            self.take_back()
        return self._id

    def ask_for_room(self, need: Need, look: Callable[[], Need]) -> None:
        """Make sure that so much more can be written; ``look`` finds out how much it really is.

        Raises
        ------
        OSError
            The disk is full; nothing was changed.
        """
        file = self.id
        if file is None:
            return
        try:
            self.room.ask(need, file, look)
        except OSError:
            if not self.room.is_used:
                raise
            self.flush()  # what was asked for before is more than what it took
            self.room.ask(need, file, look)
        self._writeback.count(need.content, file)

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
        """Hand everything to the operating system, or with ``durable`` to the disk.

        Raises
        ------
        StorageLostError
            Another program has overwritten the content; nothing was written.
        """
        if not self.writable:
            return
        if self.watch is not None:
            self.watch.check(content_only=True)
        if self._guest is not None:  # nothing waited to be written when it came
            self._guest.flush(durable=durable)
        elif self._id is not None:
            self._write_pending()
            h5f.flush(self._id)
            self.room.flushed(self._id.get_vfd_handle(), self._id.get_filesize())
            if durable:
                os.fsync(self._id.get_vfd_handle())
            if self.watch is not None:
                self.watch.relocate(self)
        self._flushed_at = time.monotonic()

    def _write_pending(self) -> None:
        for cache in self.caches.values():
            cache.write_pending()

    def flush_if_due(self, interval: float) -> None:
        """Flush unless that was done less than ``interval`` seconds ago."""
        if time.monotonic() - self._flushed_at > interval:
            self.flush()
            self.check_in_place()

    def check_in_place(self) -> None:
        """Make sure that what was written can be found: an open file can lose its name.

        Raises
        ------
        StorageLostError
            The file at the path is not, or not any more, the one that is open.
        """
        if self._id is None or not self.writable:
            return
        if self.watch is not None:
            self.watch.check()
            return
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            pass
        else:
            if os.path.samestat(found, os.fstat(self._id.get_vfd_handle())):
                return
        raise lost(self.path)

    # ----- opening and closing ---------------------------------------------------------------

    def close(self) -> None:
        """Write everything and close the file for good; one that was lost is left as it is."""
        try:
            if self.writable and self._id is not None:
                self._write_pending()
                if self.room.is_reserved:
                    self.flush()  # or HDF5 writes the rest when it closes
            for cache in self.caches.values():
                cache.end()
        finally:
            self._drop()

    def make_writable(self) -> None:
        """Open again for writing what was open for reading."""
        self._drop()
        try:
            self._id = open_file(self.path, writable=True)
        except OSError:
            self._id = open_file(self.path, writable=False)
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
                self._id = open_file(self.path, writable=self.writable)
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
            self._id = open_file(self.path, writable=self.writable)
            raise
        return self._guest

    def take_back(self) -> None:
        """Send the guest away, if there is one, and open the file with h5py again."""
        if self._guest is not None:
            with GUARD:
                self._drop()
                if self.watch is not None:
                    self.watch.check()
                self._id = open_file(self.path, writable=self.writable)

    def _drop(self) -> None:
        self.generation += 1
        for cache in self.caches.values():
            cache.forget_handles()
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.close()
        file_id, self._id = self._id, None
        if file_id is not None:
            file_id.close()
