"""Faster replacements of standard classes: log lines in files and on the console."""

from __future__ import annotations

import copy
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pypet.interfaces.logging import SHOWN_LIVE
from pypet.support import run_banners
from pypet.support.terminal import WIPE_LINE, is_terminal, live_display
from pypet.support.tracebacks import FILES_ONLY, FULL_TRACEBACK


class LineFormatter(logging.Formatter):
    """Formats like `logging.Formatter`, with fewer calls for each record."""

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Any = "%",
        validate: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(fmt, datefmt, style, validate, **more)
        self._prepare()

    @classmethod
    def like(cls, formatter: logging.Formatter) -> logging.Formatter:
        """Return an equivalent of ``formatter``, or itself if it is of a derived class."""
        if type(formatter) is not logging.Formatter:
            return formatter
        double = cls()
        double.__dict__.update(formatter.__dict__)
        double._prepare()
        return double

    def _prepare(self) -> None:
        self._second: tuple[int, str] = (-1, "")
        self._uses_time = self.usesTime()
        style = self._style
        is_plain = type(style) is logging.PercentStyle and not getattr(style, "_defaults", None)
        self._plain = style._fmt if is_plain else None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines, of a record."""
        if self._plain is None or record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        attributes = record.__dict__
        if run_banners.RUN_BANNER not in attributes or "message" not in attributes:
            record.message = record.getMessage()
        if self._uses_time:
            record.asctime = self.formatTime(record, self.datefmt)
        return self._plain % attributes

    def formatTime(  # noqa: N802 - the name is logging's
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Return the time of the record's creation as text; seconds are formatted once."""
        if datefmt:
            return super().formatTime(record, datefmt)
        second, text = self._second
        if second != int(record.created):
            second = int(record.created)
            text = time.strftime(self.default_time_format, self.converter(second))
            self._second = (second, text)  # one assignment, for other threads
        return f"{text},{int(record.msecs):03d}"


class _LineHandler(logging.StreamHandler[Any]):
    """Behaves like the standard handler, with half of its calls for each record.

    It writes the records of `pypet.support.run_banners` together.
    """

    _before = ""
    """Prefix of the text of each record."""

    def handle(self, record: logging.LogRecord) -> Any:
        """Write a record unless a filter rejects it."""
        if run_banners.RUN_BANNER not in record.__dict__:
            run_banners.flush()
        if self.filters or self.lock is None:
            return super().handle(record)
        with self.lock:
            self.emit(record)
        return record

    def handle_run_banners(self, records: Sequence[logging.LogRecord]) -> None:
        """Write several records, except those that a filter rejects."""
        if self.filters or self.lock is None:
            for record in records:
                super().handle(record)
            return
        with self.lock:
            self.emit_all(records)

    def emit_all(self, records: Sequence[logging.LogRecord]) -> None:
        """Write records as lines in one step."""
        try:
            lines = [f"{self._before}{self.format(each)}{self.terminator}" for each in records]
        except Exception:
            lines = []  # the records are formatted one by one below, to find the faulty one
        if lines and self.stream is not None:
            self._write("".join(lines), records[-1])
            return
        for record in records:
            self.emit(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line and flush it."""
        if self.stream is None:
            try:
                super().emit(record)
            except RecursionError:
                raise
            except Exception:  # the file cannot be opened
                self.handleError(record)
            return
        try:
            text = f"{self._before}{self.format(record)}{self.terminator}"
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)
            return
        self._write(text, record)

    def _write(self, text: str, record: logging.LogRecord) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)


class LineFileHandler(_LineHandler, logging.FileHandler):
    """Writes each record to a file immediately, errors with their full tracebacks."""

    _has_written = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line or, with a traceback, several."""
        full = record.__dict__.get(FULL_TRACEBACK)
        if full is not None:
            record = copy.copy(record)
            record.exc_info, record.exc_text = None, full
        super().emit(record)

    def _write(self, text: str, record: logging.LogRecord) -> None:
        if not self._has_written:
            self._has_written = True
            self._reopen_if_removed()
        super()._write(text, record)

    def _reopen_if_removed(self) -> None:
        """Make the file again if another experiment that logs there removed it as empty."""
        if os.path.lexists(self.baseFilename):
            return
        try:
            os.makedirs(os.path.dirname(self.baseFilename), exist_ok=True)
            stream = self._open()
        except OSError:  # the output is lost, as for any file that is removed
            return
        former, self.stream = self.stream, stream
        if former is not None:
            former.close()


class DelayedFileHandler(LineFileHandler):
    """Makes its file with the first record: most workers log nothing.

    A file that is to be overwritten (mode ``w``) is made immediately.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        mode: str = "a",
        encoding: str | None = None,
        delay: bool = False,
        errors: str | None = None,
    ) -> None:
        super().__init__(filename, mode, encoding, delay or mode == "a", errors)


class ConsoleHandler(_LineHandler):
    """Writes whole lines above a live display, and skips what that shows."""

    leaves_out_shown_live = True

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        self._terminal: Any = self.stream if is_terminal(self.stream) else None
        self._bars = _TqdmBars()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        stream = self.stream
        attributes = record.__dict__
        if attributes.get(FILES_ONLY):
            return
        if stream is self._terminal and attributes.get(SHOWN_LIVE):
            return
        if live_display.covers(stream):
            if attributes.get(SHOWN_LIVE) or run_banners.RUN_BANNER in attributes:
                return
            if live_display.is_elsewhere:
                # In a notebook the bar is a widget: there is no line to erase.
                self._before = WIPE_LINE if stream is self._terminal else ""
                super().emit(record)
                self._before = ""
                return
        if stream is not self._terminal:
            super().emit(record)
            return
        bars = self._bars.hide()
        super().emit(record)
        for bar in bars:
            bar.refresh()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Print the error, unless the owner of the stream has closed it."""
        if not getattr(self.stream, "closed", False):
            super().handleError(record)

    def emit_all(self, records: Sequence[logging.LogRecord]) -> None:
        """Write records of runs, unless a live display shows these."""
        if live_display.covers(self.stream):
            return
        bars = self._bars.hide() if self.stream is self._terminal else ()
        super().emit_all(records)
        for bar in bars:
            bar.refresh()


class _TqdmBars:
    """The bars of tqdm that are on the terminal, if tqdm was imported.

    Redrawing a bar costs as much as a trivial run, so the rate is limited by a token bucket: after
    `BURST` lines in quick succession bars are redrawn `REDRAWS` times a second.
    """

    REDRAWS = 50
    BURST = 20

    def __init__(self) -> None:
        self._credit = float(self.BURST)
        self._last = time.monotonic()

    def hide(self) -> list[Any]:
        """Erase all bars from the terminal and return those to redraw."""
        tqdm = sys.modules.get("tqdm")
        bars = list(getattr(tqdm.tqdm, "_instances", ())) if tqdm is not None else []
        for bar in bars:
            bar.clear()
        now = time.monotonic()
        self._credit = min(self.BURST, self._credit + (now - self._last) * self.REDRAWS)
        self._last = now
        if not bars or self._credit < 1:
            return []
        self._credit -= 1
        return bars


Replacements = Mapping[Any, type[logging.Handler]]
"""By standard handler class: the class that replaces it in configurations."""

HANDLER_CLASSES: Replacements = {
    logging.FileHandler: LineFileHandler,
    logging.StreamHandler: ConsoleHandler,
}
WORKER_HANDLER_CLASSES: Replacements = {**HANDLER_CLASSES, logging.FileHandler: DelayedFileHandler}
