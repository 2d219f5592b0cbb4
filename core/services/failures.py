"""Failures of messages: whether data or storage is at fault, log records and notes."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, NoSuchServiceError, NotStoredError
from pypet.support.tracebacks import ErrorText, log_error

_ABOUT_MANY = (
    constants.TRAJECTORY,
    constants.SINGLE_RUN,
    constants.TREE,
    constants.GROUP,
    constants.LIST,
)
_is_trial: ContextVar[bool] = ContextVar("is_trial", default=False)


@contextmanager
def trial() -> Iterator[None]:
    """Log failures of messages within a block at level DEBUG; the sender tries others then."""
    token = _is_trial.set(True)
    try:
        yield
    finally:
        _is_trial.reset(token)


def log_failure(service: Any, verb: str, msg: str, stuff: Any, error: BaseException) -> None:
    """Log that a service failed, in files with its traceback.

    ``verb`` is ``'storing'`` or ``'loading'``. The logger is that of the class of the service. The
    caller raises the error again, so the console gets no traceback of frames of pypet here. A
    missing node is not logged as an error when loading, because callers load to find out whether
    it exists.
    """
    is_harmless = _is_trial.get() or (
        verb == "loading" and isinstance(error, DataNotInStorageError)
    )
    kind = type(service)
    logger = logging.getLogger(f"{kind.__module__}.{kind.__qualname__}")
    if is_harmless:
        problem = f"{type(error).__name__}: {error}"
        logger.debug("Failed %s %s: %s", verb, _what(msg, stuff), problem, exc_info=error)
    else:
        text = ErrorText.of_raised_again(error)
        log_error(logger, "Failed %s %s", verb, _what(msg, stuff), error=error, text=text)


def _what(msg: str, stuff: Any) -> str:
    if isinstance(stuff, str):
        return f"{stuff!r} ({msg})"
    if getattr(stuff, "v_is_root", False):
        return f"trajectory {stuff.v_name!r} ({msg})"
    name = getattr(stuff, "v_full_name", None)
    return str(msg) if name is None else f"{name!r} ({msg})"


def note_that_nothing_is_stored(error: BaseException, msg: str, stuff: Any) -> None:
    """Say in a note that one unstorable node kept a whole call from storing, and what to do."""
    is_single = msg == constants.LIST and isinstance(stuff, list) and len(stuff) == 1
    if msg in _ABOUT_MANY and not is_single and not _is_trial.get():
        error.add_note(
            "pypet: Nothing of this call was stored. To store the rest, remove what cannot be "
            "stored, with `f_remove_item`, or name the others in `f_store_items`."
        )


# ----- data or storage ----------------------------------------------------------------------------

_ABOUT_DATA = (NoSuchServiceError, TypeError, AttributeError, pickle.PickleError)

REST_STORED = "everything else is stored"
"""Part of the note of errors that concern only some of the data."""

MAX_CONSECUTIVE_FAILURES = 10
"""Number of consecutive refusals after which the storage is given up."""
MAX_FINAL_FAILURES = 2
"""Number of refusals at the very end that do not come from a single run."""


def is_storage_failure(error: BaseException) -> bool:
    """Return whether the storage failed, and not the data that it was given.

    ``error`` was raised by storing. Other data may still be stored: a disk may have space for
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
