"""Errors of failed runs as plain text, which can be stored and sent to other processes."""

from __future__ import annotations

import traceback as tracebacks
from typing import NamedTuple

MAX_MESSAGE_LENGTH = 1 << 13
MAX_TRACEBACK_LENGTH = 1 << 15
"""Longer text is cut in the middle: origin and message of an error are at its ends."""


class RunError(NamedTuple):
    """The error of a run that failed."""

    type: str
    """Name of the class of the exception, with its module unless that is ``builtins``."""
    message: str
    """Message of the exception, with its notes."""
    traceback: str
    """Traceback as Python prints it, with that of a worker; ``''`` without one."""
    timestamp: float
    """Time of the failure in seconds since the epoch."""

    def __str__(self) -> str:
        """Return type and message on one line."""
        message = " ".join(self.message.split())
        return f"{self.type}: {message}" if message else self.type

    @classmethod
    def of(cls, error: BaseException, timestamp: float) -> RunError:
        """Make a record of an exception, even if its ``__str__`` or traceback fails."""
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return cls(
            f"{module}{kind.__qualname__}",
            _cut(_message(error), MAX_MESSAGE_LENGTH),
            _cut(_traceback(error), MAX_TRACEBACK_LENGTH),
            timestamp,
        )


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as refusal:
        text = f"(the message cannot be read: {type(refusal).__name__})"
    notes = getattr(error, "__notes__", ())
    return "\n".join([text, *map(str, notes)] if isinstance(notes, list) else [text])


def _traceback(error: BaseException) -> str:
    try:
        return "".join(tracebacks.format_exception(error))
    except Exception as refusal:
        return f"(the traceback cannot be read: {type(refusal).__name__})"


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
