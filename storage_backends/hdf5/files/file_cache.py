"""Facts about closed files, which this process may open again soon.

Under a lock each storing message opens and closes the file. Facts about it need not be determined
again as long as the file does not change.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from pypet.storage_backends.hdf5.objects.tables import Chunk
from pypet.support.filesystem import sync_folder


class KnownComments(NamedTuple):
    """The digests of a summary table, and what identifies the unchanged table."""

    digests: set[bytes]
    length: int
    last: bytes
    last_chunk: Chunk | None = None
    """State when the table was read; None if rows were added since."""


class FileCache:
    """Facts about one file; all of them can be read from the file again."""

    __slots__ = (
        "ample_until",
        "comments",
        "has_durable_name",
        "has_lost_changes",
        "identity",
        "key",
        "title",
        "writable",
    )

    def __init__(self, path: str, identity: tuple[int, int]) -> None:
        self.identity = identity
        self.key = os.path.realpath(path)
        """The canonical path of the file."""
        self.title: str | None = None
        self.has_durable_name = False
        """Whether the folder was synced, so that the file name survives a loss of power."""
        self.has_lost_changes = False
        """Whether a commit has failed, so that data is lost."""
        self.ample_until = 0.0
        """Until when the disk is assumed to have ample space, in seconds of the monotonic clock."""
        self.writable: dict[str, int] = {}
        """Trajectories to whose overview tables rows can be added, with the address of one."""
        self.comments: dict[tuple[str, str], KnownComments] = {}
        """Digests by the names of the trajectory and of its summary table."""


_MOST_FILES = 64
_CACHES: dict[str, FileCache] = {}


def file_cache_of(path: str) -> FileCache | None:
    """Return the facts about the file at ``path``, None if it does not exist or is empty."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not status.st_size:
        return None
    identity = status.st_dev, status.st_ino
    cache = _CACHES.get(path)
    if cache is None or cache.identity != identity:
        if len(_CACHES) >= _MOST_FILES:
            _CACHES.clear()
        cache = _CACHES[path] = FileCache(path, identity)
    return cache


def forget(path: str) -> None:
    """Forget a file that is deleted: a new file may get the same inode."""
    _CACHES.pop(path, None)


def make_name_durable(path: str) -> None:
    """Synchronize the folder of a file, so that its name survives a loss of power; done once."""
    cache = file_cache_of(path)
    if cache is None or cache.has_durable_name:  # a file that was moved has no entry to sync
        return
    sync_folder(os.path.dirname(cache.key))
    cache.has_durable_name = True


def sync_at(path: str) -> None:
    """Sync a file to disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
