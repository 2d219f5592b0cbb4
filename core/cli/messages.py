"""Output of commands: messages on stderr, escaped for terminals, and missing standard streams."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pypet.support.terminal_text import write_lines

_STREAMS = ("stdin", "stdout", "stderr")


def open_missing_streams() -> None:
    """Open closed standard streams (``pypet ... >&-``) on the null device.

    Otherwise the system would assign their descriptors to the next opened files, and libraries that
    write to standard error would write into these files.
    """
    if all(getattr(sys, name) is not None for name in _STREAMS):
        return
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < len(_STREAMS):
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    for number, name in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            stream = os.fdopen(number, "w" if number else "r", encoding="utf8", closefd=False)
            setattr(sys, name, stream)


class _Stderr(logging.Handler):
    """Writes warnings and errors of the log to stderr, as Python does without any handler."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        # `pypet plugins` lists plugins that cannot be loaded; other commands need not mention them.
        self.addFilter(lambda record: not record.name.startswith("pypet.manager"))
        self._about_errors: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._about_errors.append(record)
        else:
            self._write(record)

    def write_errors(self, raised: BaseException | None = None) -> None:
        """Write records about exceptions except the one that ends the command, shown elsewhere."""
        shown = list(_chain(raised))
        for record in self._about_errors:
            if not any(record.exc_info and record.exc_info[1] is error for error in shown):
                self._write(record)
        self._about_errors.clear()

    def _write(self, record: logging.LogRecord) -> None:
        try:
            write_stderr(self.format(record))
        except Exception:
            self.handleError(record)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def write_stderr(text: str) -> None:
    """Write text to stderr, escaped for terminals."""
    write_lines(sys.stderr, text.splitlines())


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Write log and warnings to stderr, escaped for terminals, within a ``with`` block.

    If the log has handlers already, it is left to them.
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
    write_stderr(f"{category.__name__}: {message}")
