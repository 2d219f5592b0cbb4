"""Prints whole lines above a live bar, instead of text behind it."""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic
from typing import Any

from pypet.support.terminal import WIPE_LINE

SECONDS_BETWEEN_DRAWINGS = 0.02
"""Drawing a bar costs as much as a trivial run: in a burst of lines it is skipped."""


class PrintedLines:
    """Replaces `sys.stdout` from `start` to `stop`; all other attributes are those of the stream.

    A line is written when it is complete or flushed. Text with control characters of the cursor is
    written immediately. Threads may write, and so may forked processes: these end a line when they
    flush it, because they cannot know when the bar is drawn. After `stop` everything is passed
    through.
    """

    def __init__(self, bar: Any) -> None:
        """``bar`` is one of tqdm that is on the same terminal."""
        self._bar = bar
        self._stream: Any = sys.stdout
        self._partial_line = ""
        self._is_open = False
        self._drawn = 0.0
        self._pid = os.getpid()
        self._owner = self._pid
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name == "_stream":  # before `__init__`, as when it is unpickled
            raise AttributeError(name)
        return getattr(self._stream, name)

    def start(self) -> None:
        """Replace stdout."""
        self._bar.end_open_line = self._end_open_line
        sys.stdout = self

    def stop(self) -> None:
        """Restore stdout, unless it was replaced since; called when the bar is closed."""
        with self._lock:
            self._bar = None
            partial, self._partial_line = self._partial_line, ""
            if partial:
                self._stream.write(partial)
        if sys.stdout is self:
            sys.stdout = self._stream

    def write(self, text: str) -> int:
        """Write text; return its length."""
        self._reset_after_fork()
        with self._lock:
            if self._bar is None:
                self._stream.write(text)
            elif "\r" in text or "\033" in text:
                partial, self._partial_line = self._partial_line, ""
                self._stream.write(f"{partial}{text}")
            else:
                lines, end, self._partial_line = f"{self._partial_line}{text}".rpartition("\n")
                if end:
                    self._show(f"{lines}\n")
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each string of an iterable."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write the incomplete line: it may be a prompt."""
        self._reset_after_fork()
        with self._lock:
            partial, self._partial_line = self._partial_line, ""
            if partial:
                self._show(partial if self._pid == self._owner else f"{partial}\n")
        self._stream.flush()

    def _end_open_line(self) -> None:
        """End an incomplete line on the screen before the bar is drawn."""
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

    def _reset_after_fork(self) -> None:
        """Drop the incomplete line and the lock of the parent in a forked process."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._partial_line = ""
            self._lock = threading.RLock()
