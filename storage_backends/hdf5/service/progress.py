"""Progress of long operations, logged at intervals."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(f"{__package__}.HDF5StorageService")


class Progress:
    """Counts nodes and logs their number and rate when `Progresses.interval` seconds are over."""

    def __init__(self, text: str, together: Progresses) -> None:
        """``text`` is the template of the line: number, file, and nodes per second."""
        self._text = text
        self._together = together
        self.where = ""
        """The file."""
        self.restart("")

    def restart(self, where: str) -> None:
        """Begin a new operation on a file."""
        self.where = where
        self._since = self._last = time.monotonic()
        self._count = 0

    def count(self, nodes: int = 1) -> None:
        """Add nodes that are done, and log a line if it is time."""
        self._count += nodes
        now = time.monotonic()
        if now - self._last >= self._together.interval:
            self._last = now
            rate = self._count / max(now - self._since, 1e-9)
            logger.info(self._text, self._count, self.where, rate)


class Progresses:
    """The progress of all operations of a service, each of which is counted separately."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        """Seconds between two lines about one operation."""
        self.stored = Progress("Stored %d nodes in %s (%.1f/s).", self)
        self.loaded = Progress("Loaded %d nodes from %s (%.1f/s).", self)
        self.merged = Progress("Merged %d nodes into %s (%.1f/s).", self)
        self.removed = Progress("Removed %d nodes from %s (%.1f/s).", self)

    def restart_writing(self, where: str) -> None:
        """Reset the progress of storing and removing."""
        self.stored.restart(where)
        self.removed.restart(where)
