"""Errors of a commit that come up while a request is applied, which was carried out itself."""

from __future__ import annotations

_ATTRIBUTE = "_request_is_applied"


def note_applied(error: OSError) -> None:
    """Note that the request was carried out in whose `RecordBackend.apply` this is raised.

    The storage has it with all that waits for the next commit.
    """
    setattr(error, _ATTRIBUTE, True)


def is_applied(error: BaseException) -> bool:
    """Return whether that was noted; only in the process in which the error was raised."""
    return bool(getattr(error, _ATTRIBUTE, False))
