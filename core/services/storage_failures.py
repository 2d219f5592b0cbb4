"""Telling data that cannot be stored from a storage that stores nothing."""

from __future__ import annotations

import pickle

from pypet.errors import NoSuchServiceError, NotStoredError

_ABOUT_DATA = (NoSuchServiceError, TypeError, AttributeError, pickle.PickleError)

REST_STORED = "everything else is stored"
"""Stands in a note of errors that concern part of the data."""

MAX_CONSECUTIVE_FAILURES = 10
"""Number of consecutive refusals after which the storage is given up."""
MAX_FINAL_FAILURES = 2
"""Number of refusals at the very end that do not come from a single run."""


def is_storage_failure(error: BaseException) -> bool:
    """Return whether the storage failed, and not the data that it was given.

    ``error`` came from storing. Other data may fare better even so: a disk may have room for
    something smaller.
    """
    if isinstance(error, NotStoredError):
        return error.is_general
    if any(REST_STORED in note for note in notes_of(error)):
        return False
    return not isinstance(error, _ABOUT_DATA)


def notes_of(error: BaseException) -> list[str]:
    """Return the notes that were added to an exception."""
    notes = getattr(error, "__notes__", None)
    return [each for each in notes if isinstance(each, str)] if isinstance(notes, list) else []
