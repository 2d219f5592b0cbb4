"""Files and folders with trajectories, and a summary of each trajectory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

from pypet.catalog.contents import described_contents
from pypet.catalog.descriptions import Contents, FileListing, FolderListing, Summary
from pypet.catalog.runs import described_runs
from pypet.errors import DataNotInStorageError, NoSuchServiceError, PypetError, VersionMismatchError
from pypet.records import MetaRecord
from pypet.services.storage_choice import service_of_file, service_to_read

UNPICKLE = "safe"
UNREADABLE = (OSError, PypetError, VersionMismatchError, ValueError)
"""What says itself what is wrong with a file or a trajectory."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FIRST_OFFSET = 512
_MOST_OFFSET = 1 << 20
"""HDF5 looks for the signature at 0, 512, 1024, ...; nobody puts more than this before it."""


def service_for(path: str) -> Any:
    """Return the service that reads a file.

    Raises
    ------
    FileNotFoundError
        There is none.
    NoSuchServiceError
        The storage service of such files cannot describe what it keeps.
    """
    service: Any = service_to_read(path)
    if not hasattr(service, "inspect_nodes"):
        raise NoSuchServiceError(
            f"{path} cannot be shown: storage service {service.name!r} is no "
            "`pypet.services.RecordStorageService`."
        )
    return service


def is_storage(path: str) -> bool:
    """Return whether a folder is the storage of a service, by its name."""
    return service_of_file(path) is not None


def size_of(path: str) -> int:
    """Return the bytes of a file, or of all files in a folder that is a storage."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(path)
        for name in names
    )


# ----- one file --------------------------------------------------------------------------------


def listed_file(path: str) -> FileListing:
    """Return the description of a file and its trajectories.

    Raises
    ------
    OSError, StorageFormatError
        The file cannot be read.
    """
    service = service_for(path)
    names = service.trajectory_names()
    summaries = tuple(_summary(service, name) for name in names)
    return FileListing(path, size_of(path), summaries)


def described_trajectory(path: str, name: str) -> tuple[Summary, Contents]:
    """Return the description of a trajectory of a file.

    Raises
    ------
    DataNotInStorageError
        There is no trajectory of this name; the message has those that are there.
    OSError, StorageFormatError
        The file, or the group of the trajectory, cannot be read.
    """
    service = service_for(path)
    check_has(service, path, name)
    meta, rebuilt = service.inspect_meta(name)
    contents = described_contents(service, name, meta, UNPICKLE)
    return _told(name, meta, rebuilt), contents


def check_has(service: Any, path: str, trajectory: str) -> list[str]:
    """Return the names of all trajectories of a file, which has this one.

    Raises
    ------
    DataNotInStorageError
        It has not; the message has those that are there.
    """
    names: list[str] = service.trajectory_names()
    if trajectory not in names:
        known = ", ".join(names) or "none"
        raise DataNotInStorageError(
            f"There is no trajectory {trajectory!r} in {path}; there are: {known}."
        )
    return names


def _summary(service: Any, name: str) -> Summary:
    try:
        return _told(name, *service.inspect_meta(name))
    except UNREADABLE as error:
        return Summary(name, "", "", "", None, (), in_a_line(error))


def _told(name: str, meta: MetaRecord, rebuilt: tuple[str, ...]) -> Summary:
    info = meta.info
    version = "" if rebuilt and not info.timestamp else info.version
    return Summary(name, info.time, info.comment, version, described_runs(meta), rebuilt, "")


def in_a_line(error: Exception) -> str:
    """Return the text of an exception in one line."""
    return " ".join(str(error).split())


# ----- folders ---------------------------------------------------------------------------------


def listed_folder(path: str, *, recursive: bool) -> FolderListing:
    """Return the files of a folder that contain trajectories, or cannot be read.

    Links are followed to files, but not to folders. With ``recursive`` folders in it are read,
    too.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    files: list[FileListing] = []
    without: list[str] = []
    others = 0
    for found in files_below(path, recursive=recursive):
        is_named_so = is_storage(found)
        size = 0
        try:
            size = size_of(found)
            if not is_named_so and not has_signature(found):
                others += 1
                continue
            listing = listed_file(found)
        except UNREADABLE as error:
            if not is_named_so and isinstance(error, PermissionError):
                others += 1
                continue
            listing = FileListing(found, size, (), in_a_line(error))
        if listing.trajectories or listing.problem:
            files.append(listing)
        else:
            without.append(found)
    return FolderListing(path, tuple(files), tuple(without), others)


def files_below(path: str, *, recursive: bool) -> Iterator[str]:
    """Yield the paths of regular files in alphabetical order."""
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in found:
        try:
            if entry.is_file() or (entry.is_dir() and is_storage(entry.path)):
                yield entry.path
            elif recursive and entry.is_dir(follow_symlinks=False):
                yield from files_below(entry.path, recursive=True)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOENT):
                raise


def has_signature(path: str) -> bool:
    """Return whether a file is an HDF5 file by its content."""
    with open(path, "rb") as stream:
        offset = 0
        while offset <= _MOST_OFFSET:
            stream.seek(offset)
            start = stream.read(len(_SIGNATURE))
            if start == _SIGNATURE:
                return True
            if len(start) < len(_SIGNATURE):
                return False
            offset = 2 * offset or _FIRST_OFFSET
    return False
