"""Removing what a failing operation created."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pypet.records import PutNode
from pypet.storage_backends.hdf5.objects.groups import remove

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.frames.frame_writing import PendingFrame
    from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache

logger = logging.getLogger(__name__)


class Rollback:
    """Surrounds the storing of one node: if it fails, what it created is removed again.

    Data that was there before stays. The error gets a note that names the node and the file.
    """

    __slots__ = ("_cache", "_created", "_frames", "finish", "node")

    def __init__(self, cache: TrajectoryCache, node: PutNode, frames: list[PendingFrame]) -> None:
        self.node = node
        self._cache = cache
        self._frames = frames
        self._created: list[bytes] = []
        self.finish: Callable[[], None] | None = None
        """What is left to do once the frames of the node are written, too."""

    def created(self, path: bytes) -> None:
        """Note the absolute path in the file of something new."""
        self._created.append(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        self.roll_back()
        self._frames[:] = [frame for frame in self._frames if frame.rollback is not self]
        self.explain(error)

    def explain(self, error: BaseException) -> None:
        """Add a note to the error that names the node and the file."""
        add_note(error, f"This happened while storing {self.node.path!r}", self._cache)

    def roll_back(self) -> None:
        """Remove what was created, latest first."""
        file = self._cache.file
        for path in reversed(self._created):
            try:
                remove(file.id, path)
            except (ValueError, OSError, KeyError, RuntimeError) as err:
                logger.error("%s in %s is incomplete: %s", path.decode(), file.path, err)
        self._cache.forget(self.node.path)
        self._created.clear()


def add_note(error: BaseException, what: str, cache: TrajectoryCache) -> None:
    """Note where an error happened, unless it has notes already."""
    if not getattr(error, "__notes__", None):
        error.add_note(f"{what} of trajectory {cache.name!r} in {cache.file.path}.")
