"""Log what is printed: a text stream that stands in for stdout."""

from __future__ import annotations

import atexit
import io
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

DEFAULT_LOGGER = "STDOUT"
_LINE_END = re.compile(r"\r\n|\n|\r")


class StdoutSettings(NamedTuple):
    """What ``log_stdout`` asks for."""

    logger_name: str
    level: int


def parse_log_stdout(value: Any) -> StdoutSettings | None:
    """Return the settings for any form of ``log_stdout``, None if it is off.

    Raises
    ------
    ValueError
        The value has none of the accepted forms.
    """
    if value is None or value is False:
        return None
    if value is True:
        return StdoutSettings(DEFAULT_LOGGER, logging.INFO)
    if isinstance(value, str):
        return StdoutSettings(value, logging.INFO)
    if isinstance(value, int):
        return StdoutSettings(DEFAULT_LOGGER, value)
    if isinstance(value, tuple | list) and len(value) == 2:
        name, level = value
        if isinstance(name, str) and isinstance(level, int) and not isinstance(level, bool):
            return StdoutSettings(name, level)
    raise ValueError(
        f"log_stdout={value!r} is not understood. Give True or False, the name of a logger, the "
        "level of the records, or a tuple of both, for example ('STDOUT', logging.INFO)."
    )


class StdoutToLogger(io.TextIOBase):
    """A text stream that makes a log record of each line; `start` puts it in place of stdout.

    Lines lose their trailing blanks, and blank lines at the end of what is written at once are
    left out. A line without end is logged when the stream is flushed or finalised. What no
    handler would take, and what handlers print themselves, goes to the stream that was there
    before; so does everything after `finalize`. Any thread may write. In a process that is
    forked the line that the parent began does not go on; a pickle brings name and level only.
    """

    def __init__(self, logger_name: str = DEFAULT_LOGGER, log_level: int = logging.INFO) -> None:
        self._name = logger_name
        self._level = log_level
        self._logger = logging.getLogger(logger_name)
        self._before: Any = None
        self._is_active = False
        self._begun = ""
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = threading.local()

    def start(self) -> None:
        """Stand in for `sys.stdout` from now on; does nothing if it does already."""
        if not self._is_active:
            self._before = sys.stdout
            self._is_active = True
            sys.stdout = self
            atexit.register(self.finalize)  # the last line may have no end

    def finalize(self) -> None:
        """Log the line that was begun, and put the former stream back if it is still in use."""
        if not self._is_active:
            return
        self.flush()
        self._is_active = False
        atexit.unregister(self.finalize)
        if sys.stdout is self:
            sys.stdout = self._target()

    def adopt(self) -> None:
        """Begin anew in a process that inherited the stream, without the parent's line."""
        self._begun, self._pid = "", os.getpid()
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, self._level)

    # ----- the stream -----------------------------------------------------------------------

    def write(self, text: str) -> int:
        """Log the lines of ``text``; return its length.

        Raises
        ------
        TypeError
            It is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._is_active or getattr(self._inside, "logging", False):
            self._target().write(text)
            return len(text)
        if self._pid != os.getpid():
            self.adopt()
        with self._lock:
            *lines, rest = _LINE_END.split(text)
            if not lines:
                self._begun += rest
                return len(text)
            lines[0] = self._begun + lines[0]
            self._begun = rest
            while lines and not lines[-1].strip() and not rest:
                lines.pop()
            for line in lines:
                self._log(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write each of some texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log the line that was begun, and flush the former stream."""
        if self._pid != os.getpid():
            self.adopt()
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun.strip():
                self._log(begun)
        flush = getattr(self._target(), "flush", None)
        if flush is not None:
            flush()

    def isatty(self) -> bool:
        """Return False: nobody sees colours or cursors in a log."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the former stream; what is written there is not logged."""
        number: int = self._target().fileno()
        return number

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the former stream."""
        return getattr(self._target(), "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """That of the former stream."""
        return getattr(self._target(), "errors", None)

    @property
    def buffer(self) -> Any:
        """That of the former stream; what is written there is not logged."""
        return self._target().buffer

    def close(self) -> None:
        """Finalise; the former stream stays open."""
        self.finalize()

    def __del__(self) -> None:
        """Do nothing: who loses the last reference does not want to close anything."""

    def _target(self) -> Any:
        """Return the stream that was there before; finalised ones among several are left out.

        Whoever put it there, such as pytest or a notebook, may have closed it meanwhile: then it
        is that of the process, if that is still open.
        """
        stream = self._before
        while isinstance(stream, StdoutToLogger) and not stream._is_active:
            stream = stream._before
        for each in (stream, sys.__stdout__):
            if each is not None and not _is_closed(each):
                return each
        return _NOWHERE

    def _log(self, line: str) -> None:
        """Hand a line on; whatever handlers print meanwhile does not come back."""
        self._inside.logging = True
        try:
            if _is_heard(self._logger, self._level):
                self._logger.log(self._level, "%s", line.rstrip())
            else:
                self._target().write(f"{line}\n")
        finally:
            self._inside.logging = False


class _Nowhere(io.TextIOBase):
    """Takes what is written where no stream is left."""

    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()


def _is_closed(stream: Any) -> bool:
    return bool(getattr(stream, "closed", False))


def _is_heard(logger: logging.Logger, level: int) -> bool:
    """Return whether some handler takes records of this level."""
    if not logger.isEnabledFor(level):
        return False
    each: logging.Logger | None = logger
    while each is not None:
        for handler in each.handlers:
            if handler.level <= level and not _is_closed(getattr(handler, "stream", None)):
                return True
        each = each.parent if each.propagate else None
    return False
