"""Taking back what a failing operation made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType

from pypet.records import PutNode
from pypet.storage_backends.hdf5.frames.items import PendingFrame
from pypet.storage_backends.hdf5.objects.groups import remove
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache

logger = logging.getLogger(__name__)


class Undo:
    """Surrounds the storing of one node: if it fails, what it made is removed again.

    Data that was there before stays. The error gets a note that names the node and the file.
    """

    __slots__ = ("_cache", "_frames", "_made", "finish", "node")

    def __init__(self, cache: TrajectoryCache, node: PutNode, frames: list[PendingFrame]) -> None:
        self.node = node
        self._cache = cache
        self._frames = frames
        self._made: list[bytes] = []
        self.finish: Callable[[], None] | None = None
        """What is left to do once the frames of the node are written, too."""

    def made(self, path: bytes) -> None:
        """Note the absolute path in the file of something new."""
        self._made.append(path)

    def __enter__(self) -> Undo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        self.take_back()
        self._frames[:] = [frame for frame in self._frames if frame.undo is not self]
        self.explain(error)

    def explain(self, error: BaseException) -> None:
        """Say in a note to the error what was being stored where."""
        add_note(error, f"This happened while storing {self.node.path!r}", self._cache)

    def take_back(self) -> None:
        """Remove what was made, latest first."""
        file = self._cache.file
        for path in reversed(self._made):
            try:
                remove(file.id, path)
            except (ValueError, OSError, KeyError, RuntimeError) as err:
                logger.error("%s in %s is incomplete: %s", path.decode(), file.path, err)
        self._cache.forget(self.node.path)
        self._made.clear()


def add_note(error: BaseException, what: str, cache: TrajectoryCache) -> None:
    """Say where an error happened, unless it says so already."""
    if not getattr(error, "__notes__", None):
        error.add_note(f"{what} of trajectory {cache.name!r} in {cache.file.path}.")
