"""A line in the log now and then, so that people see that a long operation goes on."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Counts nodes and reports their number and rate every ``interval`` seconds."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._since = time.monotonic()
        self._last = self._since
        self._count = 0

    def restart(self) -> None:
        """Begin a new operation."""
        self._since = self._last = time.monotonic()
        self._count = 0

    def count(self, nodes: int, report: Callable[[int, float], object]) -> None:
        """Add nodes; when it is time, call ``report`` with their number and nodes per second."""
        self._count += nodes
        now = time.monotonic()
        if now - self._last > self.interval:
            self._last = now
            report(self._count, self._count / (now - self._since))
