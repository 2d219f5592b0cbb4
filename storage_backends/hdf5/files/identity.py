"""The identity of the file that an experiment stores in: is it still the same one?

A file may be deleted, replaced or overwritten during an experiment. Everything stored afterwards is
lost, and possibly data stored before. Therefore an experiment writes a *generation* into the file
when it begins, a random number that no other file has. It is checked whenever the file is opened
for the experiment, and before each flush while it is open.
"""

from __future__ import annotations

import errno
import os
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from h5py import h5g, h5o

from pypet.errors import StorageLostError
from pypet.storage_backends.hdf5.encoding.attributes import (
    encode_text,
    read_text,
    replace_attribute,
)
from pypet.storage_backends.hdf5.files.damage import damage_reported
from pypet.storage_backends.hdf5.objects.file_structures import find_in_header

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.open_file import OpenFile

ATTRIBUTE = b"PYPET_GENERATION"
"""Attribute of the group of a trajectory; other programs ignore it."""


_LOST: set[str] = set()
"""Generations that this process found missing; a file that reappears may lack data."""


_IN_PLACE, _ELSEWHERE, _OVERWRITTEN, _UNKNOWN = "in place", "elsewhere", "overwritten", "unknown"
_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class Identity(NamedTuple):
    """The file of an experiment; can be pickled."""

    path: str
    trajectory: str
    generation: str
    """32 hexadecimal digits, as in the file."""
    inode: tuple[int, int]
    """Numbers of device and file when the experiment began."""
    offset: int | None
    """Offset of the generation in the file then, None if unknown."""


def renew_generation(file: OpenFile, group: h5g.GroupID, path: str, trajectory: str) -> Identity:
    """Write a new generation to a trajectory, whose group is given, and return the identity.

    ``path`` is how the service calls the file.
    """
    generation = uuid.uuid4().hex
    replace_attribute(group, ATTRIBUTE, encode_text(generation.encode("ascii")))
    file.flush()
    offset = _locate(file, trajectory, generation)
    return Identity(path, trajectory, generation, inode_of(path), offset)


def read_generation(group: h5g.GroupID) -> str | None:
    """Return the generation of a trajectory, None if it has none."""
    try:
        return read_text(group, ATTRIBUTE)
    except KeyError:
        return None


def is_certain(identity: Identity) -> bool:
    """Return whether the file at the path is certainly that of the experiment; it is not opened.

    False is no proof of the contrary: the content may have been rearranged.

    Raises
    ------
    StorageLostError
        There is none, or an empty one, which HDF5 would fill as if it were new.
    """
    found = _look(identity, None, identity.offset)
    if found == _ELSEWHERE or identity.generation in _LOST:
        _LOST.add(identity.generation)
        raise lost(identity.path)
    return found == _IN_PLACE


def check_identity(file: OpenFile, group: h5g.GroupID | None, identity: Identity) -> None:
    """Make sure that a file that was opened just now is the one of the experiment.

    ``group`` is that of the trajectory in this file, None if it has none.

    Raises
    ------
    StorageLostError
        It is another one.
    StorageFormatError
        It is damaged.
    """
    with damage_reported(file.path, lambda: f"Trajectory {identity.trajectory!r}"):
        found = None if group is None else read_generation(group)
    if found != identity.generation:
        _LOST.add(identity.generation)
        raise lost(file.path)


def watch(file: OpenFile, identity: Identity) -> Watch:
    """Return the watch over a file that was opened just now.

    Raises
    ------
    StorageLostError, StorageFormatError
        As `check_identity`.
    """
    raw = identity.trajectory.encode("utf8")
    id_: Any = file.id
    check_identity(file, h5g.open(id_, raw) if id_.links.exists(raw) else None, identity)
    return Watch(file, identity)


def inode_of(path: str) -> tuple[int, int]:
    """Return the numbers of device and file of what is at ``path``."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def lost(path: str) -> StorageLostError:
    """Return the error about a file that was replaced."""
    return StorageLostError(
        errno.ENOENT,
        "The file was deleted, moved or replaced, or its content overwritten, while data was "
        "being stored in it, and what was stored went with it. Keep the file in place until the "
        "experiment has ended",
        path,
    )


class Watch:
    """Checks, past the HDF5 library, whether an open file is still in place.

    The library caches what it has read. It would not notice that another program wrote other
    content into the file, and would mix its own with it.
    """

    __slots__ = ("_inode", "_offset", "identity")

    def __init__(self, file: OpenFile, identity: Identity) -> None:
        """Locate the generation in a file that was flushed and checked."""
        self.identity = identity
        self._inode = inode_of(identity.path)
        self._offset = identity.offset
        if _look(identity, self._inode, self._offset) != _IN_PLACE:
            self._offset = _locate(file, identity.trajectory, identity.generation)

    def relocate(self, file: OpenFile) -> None:
        """Locate the generation again, because a header whose attributes change may be rewritten.

        If it is not found, the old offset is kept, so that the next check fails.
        """
        if self._look() == _OVERWRITTEN:
            with suppress(OSError):
                identity = self.identity
                found = _locate(file, identity.trajectory, identity.generation)
                self._offset = self._offset if found is None else found

    def is_overwritten(self) -> bool:
        """Return whether the content was replaced, so that nothing must be written into it."""
        return self._look() == _OVERWRITTEN

    def check(self, *, content_only: bool = False) -> None:
        """Check that the file at the path, and its content, are those of the open file.

        With ``content_only`` the file may have been deleted, moved or replaced: writing to it is
        then lost but harmless.

        Raises
        ------
        StorageLostError
            They are not, or were not at an earlier check.
        """
        found = self._look()
        if found == _ELSEWHERE and content_only:
            return
        if found in (_ELSEWHERE, _OVERWRITTEN) or self.identity.generation in _LOST:
            _LOST.add(self.identity.generation)
            raise lost(self.identity.path)

    def _look(self) -> str:
        return _look(self.identity, self._inode, self._offset)


def _look(identity: Identity, inode: tuple[int, int] | None, offset: int | None) -> str:
    """Return the state of the file at the path; ``inode`` is that of the file that is open."""
    try:
        descriptor = os.open(identity.path, _READING)
    except (FileNotFoundError, NotADirectoryError):
        return _ELSEWHERE
    except OSError:  # for example because too many files are open
        return _UNKNOWN
    try:
        status = os.fstat(descriptor)
        if inode is None and not status.st_size:
            return _ELSEWHERE
        if inode is not None and (status.st_dev, status.st_ino) != inode:
            return _ELSEWHERE
        if offset is None:
            return _UNKNOWN
        return _IN_PLACE if _is_at(descriptor, offset, identity.generation) else _OVERWRITTEN
    finally:
        os.close(descriptor)


def _locate(file: OpenFile, trajectory: str, generation: str) -> int | None:
    """Return the offset of the generation in the file, None if it cannot be determined."""
    id_: Any = file.id
    if not hasattr(os, "pread") or id_.get_create_plist().get_userblock():
        return None
    address = h5o.get_info(h5g.open(id_, trajectory.encode("utf8"))).addr
    descriptor = os.open(file.path, _READING)
    try:
        place = find_in_header(descriptor, address, generation.encode("ascii"))
        return place if place is not None and _is_at(descriptor, place, generation) else None
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, offset: int, generation: str) -> bool:
    wanted = generation.encode("ascii")
    try:
        return os.pread(descriptor, len(wanted), offset) == wanted
    except OSError:  # such as those of a folder
        return False
