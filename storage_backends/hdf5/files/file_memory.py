"""What this process remembers of files that it closed and may open again soon.

Under a lock every storing message opens and closes the file. What was found out about the file
then need not be found out anew, as long as it is the same one.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from pypet.storage_backends.hdf5.objects.tables import Chunk


class KnownComments(NamedTuple):
    """The digests of a summary table, and how to tell that it is still the same one."""

    digests: set[bytes]
    length: int
    last: bytes
    last_chunk: Chunk | None = None
    """As it was when the table was read; None if rows were added since."""


class FileMemory:
    """Facts about one file; all of them can be found again in the file."""

    __slots__ = (
        "comments",
        "has_durable_name",
        "has_lost_changes",
        "identity",
        "key",
        "plenty_until",
        "title",
        "writable",
    )

    def __init__(self, path: str, identity: tuple[int, int]) -> None:
        self.identity = identity
        self.key = os.path.realpath(path)
        """One path for all ways to name the file."""
        self.title: str | None = None
        self.has_durable_name = False
        """Whether this process has made sure that the file is found after a loss of power."""
        self.has_lost_changes = False
        """Whether something was stored that could not be committed, and is gone."""
        self.plenty_until = 0.0
        """Until when the disk is taken to have room, by the monotonic clock, in seconds."""
        self.writable: dict[str, int] = {}
        """Trajectories to whose overview tables rows can be added, with the address of one."""
        self.comments: dict[tuple[str, str], KnownComments] = {}
        """By names of the trajectory and of its summary table."""


_MOST_FILES = 64
_MEMORIES: dict[str, FileMemory] = {}


def memory_of(path: str) -> FileMemory | None:
    """Return what is known about the file at ``path``, None if there is none or an empty one."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not status.st_size:
        return None
    identity = status.st_dev, status.st_ino
    memory = _MEMORIES.get(path)
    if memory is None or memory.identity != identity:
        if len(_MEMORIES) >= _MOST_FILES:
            _MEMORIES.clear()
        memory = _MEMORIES[path] = FileMemory(path, identity)
    return memory


def forget(path: str) -> None:
    """Forget a file that is deleted: the next one may get the same identity."""
    _MEMORIES.pop(path, None)
