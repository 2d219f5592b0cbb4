"""What is drawn live on the terminal, and by which process."""

from __future__ import annotations

import os
from typing import Any

WIPE_LINE = "\r\033[K"
"""Erases the line of a live bar on ANSI terminals. For processes that were forked while a bar is
shown: they cannot ask the bar to erase itself."""


class LiveDisplay:
    """The stream on which a progress reporter draws at the moment; one per process, `live_display`.

    A process that is forked while it is active inherits it; `is_elsewhere` is true there.
    """

    def __init__(self) -> None:
        self.stream: Any = None
        self._pid = 0

    def begin(self, stream: Any) -> None:
        """Record that this process draws on ``stream`` from now on."""
        self.stream, self._pid = stream, os.getpid()

    def end(self) -> None:
        """Record that nothing is drawn anymore."""
        self.stream = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the parent of this process is the one that draws."""
        return self.stream is not None and self._pid != os.getpid()

    def covers(self, stream: Any) -> bool:
        """Return whether output to ``stream`` appears where something is drawn."""
        drawn = self.stream
        return drawn is not None and (
            stream is drawn or (is_terminal(drawn) and is_terminal(stream))
        )


live_display = LiveDisplay()


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is an open terminal; None and objects of any kind are not."""
    isatty = getattr(stream, "isatty", None)
    try:
        return isatty is not None and bool(isatty())
    except ValueError:  # the stream was closed
        return False
