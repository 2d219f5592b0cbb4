"""What made a run fail, as plain text that outlives the process."""

from __future__ import annotations

import traceback as tracebacks
from typing import NamedTuple

MAX_MESSAGE_LENGTH = 1 << 13
MAX_TRACEBACK_LENGTH = 1 << 15
"""Longer text is cut in the middle: where an error came from and what it said is at the ends."""


class RunError(NamedTuple):
    """The error of a run that failed."""

    type: str
    """Name of the class of the exception, with its module unless that is ``builtins``."""
    message: str
    """What the exception says, with its notes."""
    traceback: str
    """The traceback as Python prints it, that of a worker included; ``''`` without one."""
    timestamp: float
    """When the run failed, in seconds since the epoch."""

    def __str__(self) -> str:
        """Return type and message on one line."""
        message = " ".join(self.message.split())
        return f"{self.type}: {message}" if message else self.type

    @classmethod
    def of(cls, error: BaseException, timestamp: float) -> RunError:
        """Return what is kept of an exception, whatever that does when it is asked for text."""
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
