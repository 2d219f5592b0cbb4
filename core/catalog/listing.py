"""Lists of the trajectories below a folder: a few facts of each, of thousands of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pypet.catalog.files import (
    UNREADABLE,
    files_below,
    has_signature,
    in_a_line,
    service_for,
    size_of,
)
from pypet.errors import NoSuchServiceError
from pypet.records import Digest
from pypet.services.storage_choice import DEFAULT_SERVICE, service_of_file


@dataclass(frozen=True, slots=True)
class Entry:
    """A trajectory in a list, or a file that cannot be read."""

    path: str
    """Of the file, below the folder that was given."""
    size: int
    """Bytes of the file."""
    trajectory: str | None
    """None for a file that cannot be read."""
    time: str
    """When the trajectory was made, as text; empty if that is not known."""
    timestamp: float | None
    """The same in seconds since the epoch."""
    comment: str
    runs: int | None
    """None if the trajectory cannot be read."""
    completed: int | None
    failed: int | None
    problem: str
    """Why the file or the trajectory cannot be read, empty if it can be."""


def listed_trajectories(path: str | os.PathLike[str], *, recursive: bool = True) -> Iterator[Entry]:
    """Yield the trajectories of a file, or of the files in a folder and in folders below it.

    Files are taken for files with trajectories as by `listed_folder`, and come in alphabetical
    order, as their trajectories do. Files without trajectories are left out.

    Raises
    ------
    FileNotFoundError
        There is no such file or folder.
    OSError, StorageFormatError
        The folder, or the file if it is one, cannot be read.
    """
    path = os.fspath(path)
    services = _Services()
    if not os.path.isdir(path) or services.claims(path):
        yield from services.entries(path, size_of(path) if os.path.exists(path) else 0)
        return
    for found in _files(path, services, recursive=recursive):
        size = 0
        try:
            size = size_of(found)
            yield from services.entries(found, size)
        except UNREADABLE as error:
            yield _unreadable(found, size, None, error)


def listed_files(path: str | os.PathLike[str], *, recursive: bool = True) -> Iterator[str]:
    """Yield the files that `listed_trajectories` reads, also those without trajectories.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    path = os.fspath(path)
    services = _Services()
    if not os.path.isdir(path) or services.claims(path):
        yield path
    else:
        yield from _files(path, services, recursive=recursive)


def _files(path: str, services: _Services, *, recursive: bool) -> Iterator[str]:
    """Yield the files in a folder that a service claims, or that are HDF5 files by content."""
    for found in files_below(path, recursive=recursive):
        found = found.removeprefix(f"{os.curdir}{os.sep}")
        try:
            if services.claims(found) or has_signature(found):
                yield found
        except PermissionError:
            continue  # who knows what it is
        except OSError:
            yield found  # reading it says what is wrong


class _Services:
    """Storage services that read, one of each kind: to find and make one takes a millisecond."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._known: dict[str, str | None] = {}

    def claims(self, path: str) -> bool:
        """Return whether a storage service claims files of this ending."""
        return self._name(path) is not None

    def _name(self, path: str) -> str | None:
        """Return the service that claims a file; asking all plugins for each takes a while."""
        ending = os.path.splitext(path.rstrip("/"))[1]
        if ending not in self._known:
            self._known[ending] = service_of_file(path)
        return self._known[ending]

    def entries(self, path: str, size: int) -> Iterator[Entry]:
        for name, digest in self._service(path).inspect_digests():
            if isinstance(digest, Digest):
                info = digest.info
                yield Entry(
                    path,
                    size,
                    name,
                    info.time,
                    info.timestamp or None,
                    info.comment,
                    info.length,
                    digest.completed,
                    digest.failed,
                    "",
                )
            else:
                yield _unreadable(path, size, name, digest)

    def _service(self, path: str) -> Any:
        name = self._name(path) or DEFAULT_SERVICE
        made = self._made.get(name)
        if made is None or not os.path.exists(path):  # of an absent file the message says more
            made = self._made[name] = service_for(path)
            return made
        try:
            return made.beside(os.path.abspath(path))
        except NoSuchServiceError:  # kinds that know no other place
            return service_for(path)


def _unreadable(path: str, size: int, trajectory: str | None, error: Exception) -> Entry:
    return Entry(path, size, trajectory, "", None, "", None, None, None, in_a_line(error))
