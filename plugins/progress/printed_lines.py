"""What is printed while a bar is shown: whole lines above it, not text behind it."""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic
from typing import Any

from pypet.support.terminal import WIPE_LINE

SECONDS_BETWEEN_DRAWINGS = 0.02
"""Drawing a bar costs as much as a trivial run: in a burst of lines it is left out."""


class PrintedLines:
    """Stands in for `sys.stdout` from `start` to `stop`, and passes on what it does not know.

    A line is written when it is complete or flushed. Text that moves the cursor itself is passed
    on at once. Threads may write, and forked processes, whose lines end when they are flushed:
    the bar is drawn without their knowledge. After `stop` everything passes.
    """

    def __init__(self, bar: Any) -> None:
        """``bar`` is one of tqdm that is on the same terminal."""
        self._bar = bar
        self._stream: Any = sys.stdout
        self._begun = ""
        self._is_open = False
        self._drawn = 0.0
        self._pid = os.getpid()
        self._owner = self._pid
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name == "_stream":  # not even that is there yet
            raise AttributeError(name)
        return getattr(self._stream, name)

    def start(self) -> None:
        """Take the place of stdout."""
        self._bar.make_room = self._make_room
        sys.stdout = self

    def stop(self) -> None:
        """Give stdout back, if nobody else has taken the place; called when the bar is closed."""
        with self._lock:
            self._bar = None
            begun, self._begun = self._begun, ""
            if begun:
                self._stream.write(begun)
        if sys.stdout is self:
            sys.stdout = self._stream

    def write(self, text: str) -> int:
        """Take text; return its length."""
        self._notice_fork()
        with self._lock:
            if self._bar is None:
                self._stream.write(text)
            elif "\r" in text or "\033" in text:
                begun, self._begun = self._begun, ""
                self._stream.write(f"{begun}{text}")
            else:
                lines, end, self._begun = f"{self._begun}{text}".rpartition("\n")
                if end:
                    self._show(f"{lines}\n")
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of some texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Show the line that was begun: somebody may be asked something in it."""
        self._notice_fork()
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun:
                self._show(begun if self._pid == self._owner else f"{begun}\n")
        self._stream.flush()

    def _make_room(self) -> None:
        """End the line that is on the screen, if its end is open, before the bar is drawn."""
        if self._is_open:
            with self._lock:
                self._is_open = False
                self._stream.write("\n")
                self._stream.flush()

    def _show(self, text: str) -> None:
        is_child = self._pid != self._owner
        if not self._is_open and is_child:
            text = f"{WIPE_LINE}{text}"
        elif not self._is_open:
            self._bar.clear()
        self._stream.write(text)
        self._stream.flush()
        self._is_open = not text.endswith("\n")
        if not self._is_open and not is_child:
            now = monotonic()
            if now - self._drawn > SECONDS_BETWEEN_DRAWINGS:
                self._drawn = now
                self._bar.refresh()

    def _notice_fork(self) -> None:
        """Begin anew in a forked process: neither the parent's line nor its lock go on."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._begun = ""
            self._lock = threading.RLock()
