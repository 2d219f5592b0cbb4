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

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tell(self.format(record))
        except Exception:
            self.handleError(record)


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
    finally:
        if is_ours:
            logger.removeHandler(handler)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    tell(f"{category.__name__}: {message}")
