"""Errors about damaged files: those of the HDF5 library name neither file nor node."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pickle import PickleError
from typing import TypeVar
from zipfile import BadZipFile

from pypet.errors import DataNotInStorageError, PypetError, StorageFormatError

SYMPTOMS = (
    ArithmeticError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    PickleError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Exceptions that reading damaged bytes raises, here and in the HDF5 library."""

_DELIBERATE = (PypetError, DataNotInStorageError, BlockingIOError)

_ADVICE = "Restore it from a backup, or load other parts of it one by one."
_ADVICE_ON_NODES = "Restore it from a backup, or load everything else with `on_error='skip'`."

T = TypeVar("T")


@contextmanager
def damage_reported(file: str, what: Callable[[], str]) -> Iterator[None]:
    """Raise errors of a ``with`` block as damage of ``what()`` in the file.

    Errors that are no symptom of damage get a note with file and place.

    Raises
    ------
    StorageFormatError
        Instead of any exception that was not raised deliberately.
    """
    try:
        yield
    except Exception as error:
        if is_symptom(error):
            raise damaged(file, what(), error) from error
        note_place(error, file, what())
        raise


def reporting_damage(records: Iterator[T], file: str, what: Callable[[], str]) -> Iterator[T]:
    """Yield ``records``; if reading one fails, raise as `damage_reported` does.

    Errors of the caller, who works with a record between two reads, pass through.
    """
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except Exception as error:
            if is_symptom(error):
                raise damaged(file, what(), error, _ADVICE_ON_NODES) from error
            note_place(error, file, what())
            raise
        yield record


def as_damage(error: Exception, file: str, what: str) -> Exception:
    """Return the error about damage for an exception that is a symptom of it, else the
    exception."""
    if is_symptom(error):
        return damaged(file, what, error, "Restore it from a backup.")
    return error


def is_symptom(error: BaseException) -> bool:
    """Return whether an exception may come from damaged bytes: nothing raised it deliberately."""
    return isinstance(error, SYMPTOMS) and not isinstance(error, _DELIBERATE)


def note_place(error: BaseException, file: str, what: str) -> None:
    """Add a note with file and place to an exception, unless it has the file already."""
    if not any(file in text for text in (str(error), *getattr(error, "__notes__", ()))):
        error.add_note(f"This happened while reading {file}: {what}.")


def damaged(
    file: str, what: str, error: BaseException, advice: str = _ADVICE
) -> StorageFormatError:
    """Return the error about a part of a file that cannot be read."""
    reason = "the file is damaged there"
    if isinstance(error, MemoryError):
        reason = f"it needs more memory than there is, or {reason}"
    return StorageFormatError(f"{what} in {file} cannot be read, {reason}: {error}. {advice}")
