"""Logs printed text: a stream that replaces stdout."""

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
    """The parsed value of ``log_stdout``."""

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
    """A text stream that logs each line; `start` replaces stdout by it.

    Trailing blanks of lines are removed, and blank lines at the end of one write are dropped. An
    incomplete line is logged when the stream is flushed or finalized. Text for which there is no
    handler, or that handlers print themselves, is passed to the former stream, and so is everything
    after `finalize`. All threads may write. A forked process drops the incomplete line of its
    parent; a pickle has name and level only.
    """

    def __init__(self, logger_name: str = DEFAULT_LOGGER, log_level: int = logging.INFO) -> None:
        self._name = logger_name
        self._level = log_level
        self._logger = logging.getLogger(logger_name)
        self._before: Any = None
        self._is_active = False
        self._partial_line = ""
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._thread_state = threading.local()

    def start(self) -> None:
        """Replace `sys.stdout`; a second call does nothing."""
        if not self._is_active:
            self._before = sys.stdout
            self._is_active = True
            sys.stdout = self
            atexit.register(self.finalize)  # the last line may be incomplete

    def finalize(self) -> None:
        """Log the incomplete line; restore the former stream unless stdout was replaced since."""
        if not self._is_active:
            return
        self.flush()
        self._is_active = False
        atexit.unregister(self.finalize)
        if sys.stdout is self:
            sys.stdout = self._target()

    def reset_after_fork(self) -> None:
        """Drop the incomplete line of the parent, in a process that inherited the stream."""
        self._partial_line, self._pid = "", os.getpid()
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, self._level)

    # ----- the stream -----------------------------------------------------------------------

    def write(self, text: str) -> int:
        """Log the lines of ``text``; return its length.

        Raises
        ------
        TypeError
            It is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._is_active or getattr(self._thread_state, "logging", False):
            self._target().write(text)
            return len(text)
        if self._pid != os.getpid():
            self.reset_after_fork()
        with self._lock:
            *lines, rest = _LINE_END.split(text)
            if not lines:
                self._partial_line += rest
                return len(text)
            lines[0] = self._partial_line + lines[0]
            self._partial_line = rest
            while lines and not lines[-1].strip() and not rest:
                lines.pop()
            for line in lines:
                self._log(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write each string of an iterable."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log the incomplete line, and flush the former stream."""
        if self._pid != os.getpid():
            self.reset_after_fork()
        with self._lock:
            partial, self._partial_line = self._partial_line, ""
            if partial.strip():
                self._log(partial)
        flush = getattr(self._target(), "flush", None)
        if flush is not None:
            flush()

    def isatty(self) -> bool:
        """Return False: a log shows no colours or cursors."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the former stream; output to it is not logged."""
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
        """That of the former stream; output to it is not logged."""
        return self._target().buffer

    def close(self) -> None:
        """Finalize; the former stream stays open."""
        self.finalize()

    def __del__(self) -> None:
        """Do not close the former stream with the last reference, as streams do."""

    def _target(self) -> Any:
        """Return the former stream that is still in use.

        Its owner, such as pytest or a notebook, may have closed it: then it is the stream of the
        process, if that is open.
        """
        stream = self._before
        while isinstance(stream, StdoutToLogger) and not stream._is_active:
            stream = stream._before
        for each in (stream, sys.__stdout__):
            if each is not None and not _is_closed(each):
                return each
        return _NULL_STREAM

    def _log(self, line: str) -> None:
        """Log a line; text that handlers print while doing so is not logged again."""
        self._thread_state.logging = True
        try:
            if _has_handler_for(self._logger, self._level):
                self._logger.log(self._level, "%s", line.rstrip())
            else:
                self._target().write(f"{line}\n")
        finally:
            self._thread_state.logging = False


class _NullStream(io.TextIOBase):
    """Discards its input; used if all other streams are closed."""

    def write(self, text: str) -> int:
        return len(text)


_NULL_STREAM = _NullStream()


def _is_closed(stream: Any) -> bool:
    return bool(getattr(stream, "closed", False))


def _has_handler_for(logger: logging.Logger, level: int) -> bool:
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
