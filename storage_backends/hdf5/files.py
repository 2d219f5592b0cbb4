"""One open handle per file and process, shared by all services that use the file.

HDF5 refuses to open a file twice in different ways, and what one handle wrote is not visible
through another. So services hold an `OpenFile` together: the first one opens it, the last one
closes it. A forked child inherits none of them.
"""

from __future__ import annotations

import atexit
import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from h5py import h5a, h5f

from pypet.storage_backends.hdf5.attribute_reading import read_text
from pypet.storage_backends.hdf5.attributes import encode_text, replace_attribute
from pypet.storage_backends.hdf5.file_memory import FileMemory, forget, memory_of
from pypet.storage_backends.hdf5.guard import GUARD, guarded
from pypet.storage_backends.hdf5.needs import Need
from pypet.storage_backends.hdf5.opening import create_file, open_file
from pypet.storage_backends.hdf5.room import Room
from pypet.storage_backends.hdf5.settings import Filters
from pypet.storage_backends.hdf5.writeback import Writeback


class Cache(Protocol):
    """What is remembered about one trajectory of an open file."""

    def write_pending(self) -> None:
        """Write what was only collected so far."""

    def forget_handles(self) -> None:
        """Drop everything that is open in the file: it is about to be closed."""

    def end(self) -> None:
        """The file is closed for good, everything was written."""


class Guest(Protocol):
    """The file as another library has it open."""

    @property
    def is_open(self) -> bool:
        """Whether nobody closed it meanwhile."""

    def flush(self, *, durable: bool) -> None:
        """Hand everything to the operating system, or with ``durable`` to the disk."""

    def close(self) -> None:
        """Write everything and close the file."""


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
        self.caches: dict[str, Any] = {}
        self.room = Room(path, memory)
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
        """Hand everything to the operating system, or with ``durable`` to the disk."""
        if not self.writable:
            return
        if self._guest is not None:  # nothing waited to be written when it came
            self._guest.flush(durable=durable)
        elif self._id is not None:
            self._write_pending()
            h5f.flush(self._id)
            self.room.flushed(self._id.get_vfd_handle(), self._id.get_filesize())
            if durable:
                os.fsync(self._id.get_vfd_handle())
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
        FileNotFoundError
            The file at the path is not, or not any more, the one that is open.
        """
        if self._id is None or not self.writable:
            return
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            pass
        else:
            if os.path.samestat(found, os.fstat(self._id.get_vfd_handle())):
                return
        raise FileNotFoundError(
            errno.ENOENT,
            "The file was deleted, moved or replaced while data was being stored in it, and what "
            "was stored went with it. Keep the file in place until the experiment has ended",
            self.path,
        )

    # ----- opening and closing ---------------------------------------------------------------

    def close(self) -> None:
        """Write everything and close the file for good."""
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
        """Close the file for the duration of a ``with`` block, for another library to open it."""
        self.flush()
        self._drop()
        try:
            yield self.path
        finally:
            self._id = open_file(self.path, writable=self.writable)
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
            self._drop()
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


_OPEN: dict[str, OpenFile] = {}
_INHERITED: list[Any] = []


@guarded
def hold(path: str, *, writable: bool, title: str = "", filters: Filters | None = None) -> OpenFile:
    """Return the open file at ``path``; to be given back with `release`.

    To write, the file is created if it is missing, with ``filters`` noted for other programs,
    and gets ``title``.

    Raises
    ------
    FileNotFoundError
        There is no file to read.
    OSError, StorageFormatError
        The file cannot be opened; see `pypet.storage_backends.hdf5.opening`.
    """
    memory = memory_of(path)
    file = _OPEN.get(os.path.realpath(path) if memory is None else memory.key)
    if file is None:
        if writable and memory is None:
            file_id = create_file(path, title, filters or Filters())
            memory = memory_of(path)
        else:
            file_id = open_file(path, writable=writable)
        assert memory is not None
        file = _OPEN[memory.key] = OpenFile(path, memory, file_id, writable=writable)
    elif writable and not file.writable:
        file.make_writable()
    file.holders += 1
    if writable:
        _retitle(file, title)
    return file


@guarded
def release(file: OpenFile) -> None:
    """Give back what `hold` returned; the last one to do so closes the file."""
    file.holders -= 1
    if file.holders <= 0 and file.is_alive:
        _OPEN.pop(file.memory.key, None)
        file.close()


@guarded
def release_durably(file: OpenFile) -> None:
    """Give back what `hold` returned after everything was written to the disk.

    Raises
    ------
    FileNotFoundError
        The file was deleted, moved or replaced meanwhile; it is given back all the same.
    """
    try:
        file.flush(durable=True)
        file.check_in_place()
    finally:
        release(file)


@contextmanager
def set_aside(path: str) -> Iterator[None]:
    """Close the file for the duration of a ``with`` block, in which it may be replaced.

    Raises
    ------
    OSError, StorageFormatError
        The file cannot be opened, for example because another process writes to it.
    """
    file = hold(path, writable=False)
    try:
        with file.lent():
            yield
    finally:
        release(file)


@guarded
def close_at(path: str) -> None:
    """Close whatever is open at ``path``, whoever holds it: the file is to be deleted."""
    forget(path)
    file = _OPEN.pop(os.path.realpath(path), None)
    if file is not None:
        file.close()


def _retitle(file: OpenFile, title: str) -> None:
    if file.memory.title == title:
        return
    if not h5a.exists(file.id, b"TITLE") or read_text(file.id, b"TITLE") != title:
        replace_attribute(file.id, b"TITLE", encode_text(title.encode("utf8")))
    file.memory.title = title


# ----- forks and the end of the process --------------------------------------------------------


def _flush_before_fork() -> None:
    GUARD.acquire()
    for file in _OPEN.values():
        file.take_back()  # a guest could not be told in the child that the file is not its own
        file.flush()


def _disown_in_child() -> None:
    # The parent's files stay the parent's: nothing that HDF5 does in the child on closing, like
    # cutting the file to the length that it knew, may reach them.
    for file in _OPEN.values():
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, file.id.get_vfd_handle())  # type: ignore[union-attr]
        os.close(nowhere)
        _INHERITED.append((file.id, list(file.caches.values())))
        file._id = None
        file.caches = {}
    _OPEN.clear()
    GUARD.release()


@guarded
def _close_at_exit() -> None:
    while _OPEN:
        _, file = _OPEN.popitem()
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_flush_before_fork,
        after_in_parent=GUARD.release,
        after_in_child=_disown_in_child,
    )
atexit.register(_close_at_exit)
