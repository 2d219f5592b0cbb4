"""Telling data that cannot be stored from a storage that stores nothing."""

from __future__ import annotations

import pickle

from pypet.errors import NoSuchServiceError

_ABOUT_DATA = (NoSuchServiceError, TypeError, AttributeError, pickle.PickleError)

HOPELESS = 10
"""So many refusals, one after the other, and there is no hope for what comes next."""
TOO_MANY = 2
"""So many refusals at the very end are no accident of one run."""


def is_refusal(error: BaseException) -> bool:
    """Return whether the storage failed, and not the data that it was given.

    ``error`` came from storing. Other data may fare better even so: a disk may have room for
    something smaller.
    """
    return not isinstance(error, _ABOUT_DATA)
