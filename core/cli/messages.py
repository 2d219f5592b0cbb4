"""What is said on stderr while a command runs: it may quote a file that anybody has written."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pypet.support.terminal_text import write_lines


class _Stderr(logging.Handler):
    """Writes warnings and errors of the log to stderr, as Python does without any handler."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        # A plugin that cannot be loaded is a line of `pypet plugins`, not noise on every command.
        self.addFilter(lambda record: not record.name.startswith("pypet.manager"))
        self._about_errors: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._about_errors.append(record)
        else:
            self._write(record)

    def write_errors(self, raised: BaseException | None = None) -> None:
        """Write records about exceptions, but not about what ends the command: that is told."""
        told = list(_chain(raised))
        for record in self._about_errors:
            if not any(record.exc_info and record.exc_info[1] is error for error in told):
                self._write(record)
        self._about_errors.clear()

    def _write(self, record: logging.LogRecord) -> None:
        try:
            tell(self.format(record))
        except Exception:
            self.handleError(record)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def tell(text: str) -> None:
    """Write text to stderr, with what a terminal would obey as escapes."""
    write_lines(sys.stderr, text.splitlines())


@contextmanager
def told_on_stderr() -> Iterator[None]:
    """Let log and warnings go to stderr, fit for a terminal, within a ``with`` block.

    A log that somebody has configured is left to the handlers that it has.
    """
    logger = logging.getLogger("pypet")
    handler = _Stderr()
    is_ours = not logger.hasHandlers()
    if is_ours:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    except BaseException as error:
        handler.write_errors(error)
        raise
    else:
        handler.write_errors()
    finally:
        if is_ours:
            logger.removeHandler(handler)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    tell(f"{category.__name__}: {message}")
