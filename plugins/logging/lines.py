"""Cheaper and tidier doubles of two standard classes: log lines in files and on the console."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from pypet.interfaces.logging import SHOWN_LIVE


class LineFormatter(logging.Formatter):
    """Formats the time of a record once a second; the result is that of `logging.Formatter`."""

    _second: tuple[int, str] = (-1, "")

    @classmethod
    def like(cls, formatter: logging.Formatter) -> logging.Formatter:
        """Return a double of ``formatter``, or itself if that is of a derived class."""
        if type(formatter) is not logging.Formatter:
            return formatter
        double = cls()
        double.__dict__.update(formatter.__dict__)
        return double

    def formatTime(  # noqa: N802 - the name is logging's
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Return the time of the record's creation as text."""
        if datefmt:
            return super().formatTime(record, datefmt)
        second, text = self._second
        if second != int(record.created):
            second = int(record.created)
            text = time.strftime(self.default_time_format, self.converter(second))
            self._second = (second, text)  # at once, for other threads
        return f"{text},{int(record.msecs):03d}"


class _LineHandler(logging.StreamHandler[Any]):
    """Does what the standard handler does, with half of its calls for each record."""

    def handle(self, record: logging.LogRecord) -> Any:
        """Write a record unless a filter refuses it."""
        if self.filters or self.lock is None:
            return super().handle(record)
        with self.lock:
            self.emit(record)
        return record

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line and flush it."""
        if self.stream is None or self.formatter is None:
            super().emit(record)
            return
        try:
            self.stream.write(f"{self.formatter.format(record)}{self.terminator}")
            self.stream.flush()
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)


class LineFileHandler(_LineHandler, logging.FileHandler):
    """Writes each record to a file at once."""


class ConsoleHandler(_LineHandler):
    """Writes whole lines above live progress bars, and leaves out what such a bar shows."""

    leaves_out_shown_live = True

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        self._terminal: Any = self.stream if _is_terminal(self.stream) else None
        self._bars = _LiveBars()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if self.stream is not self._terminal:
            super().emit(record)
        elif not getattr(record, SHOWN_LIVE, False):
            bars = self._bars.hide()
            super().emit(record)
            for bar in bars:
                bar.refresh()


def _is_terminal(stream: Any) -> bool:
    return hasattr(stream, "isatty") and bool(stream.isatty())


class _LiveBars:
    """The bars of tqdm that are on the terminal; whoever draws one has tqdm imported.

    Drawing a bar again costs as much as a trivial run. In a burst of lines this is done only
    `REDRAWS` times a second; where lines come more slowly, after each.
    """

    REDRAWS = 50
    SAVED_UP = 20

    def __init__(self) -> None:
        self._credit = float(self.SAVED_UP)
        self._last = time.monotonic()

    def hide(self) -> list[Any]:
        """Wipe all bars off the terminal and return those that should be drawn again."""
        tqdm = sys.modules.get("tqdm")
        bars = list(getattr(tqdm.tqdm, "_instances", ())) if tqdm is not None else []
        for bar in bars:
            bar.clear()
        now = time.monotonic()
        self._credit = min(self.SAVED_UP, self._credit + (now - self._last) * self.REDRAWS)
        self._last = now
        if not bars or self._credit < 1:
            return []
        self._credit -= 1
        return bars


STANDARD_DOUBLES: dict[Any, type[logging.Handler]] = {
    logging.FileHandler: LineFileHandler,
    logging.StreamHandler: ConsoleHandler,
}
"""Handler classes that are replaced where a configuration names exactly them."""
