"""What could not be stored, and how to tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pypet.errors import NotStoredError
from pypet.services.storage_failures import REST_STORED, is_storage_failure, notes_of
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable

TEXT_LENGTH = 400
MOST_SHOWN = 10


class Failure(NamedTuple):
    """One parcel that was not stored."""

    run: int
    what: str
    cause: str
    """Type and text of the exception."""
    is_general: bool
    """The medium failed, not this parcel: what follows will hardly fare better."""

    @classmethod
    def of(cls, parcel: Parcel, error: BaseException) -> Failure:
        """Return the failure of a parcel."""
        notes = "; ".join(note for note in notes_of(error) if REST_STORED in note)
        cause = f"{type(error).__name__}: {error}"[:TEXT_LENGTH]
        if notes:
            cause += f" ({notes.removeprefix('pypet: ')[:TEXT_LENGTH]})"
        is_general = is_storage_failure(error) and not isinstance(parcel.content, Unreadable)
        return cls(parcel.run, parcel.what()[:TEXT_LENGTH], cause, is_general)

    def __str__(self) -> str:
        place = "outside of runs" if self.run == NO_RUN else f"run {self.run}"
        return f"{place}, {self.what}: {self.cause}"


def not_stored(mode: str, failures: Iterable[Failure], *, is_final: bool = False) -> NotStoredError:
    """Return the error that tells about failures; ``is_final`` as for `NotStoredError`."""
    listed = list(failures)
    causes: dict[int, str] = {}
    for failure in listed:
        if failure.run != NO_RUN:
            known = causes.get(failure.run)
            causes[failure.run] = f"{known}; {failure}" if known else f"Not stored: {failure}"
    shown = "; ".join(map(str, listed[:MOST_SHOWN]))
    rest = f"; and {len(listed) - MOST_SHOWN} more" if len(listed) > MOST_SHOWN else ""
    return NotStoredError(
        f"With wrap_mode={mode!r} not everything was stored ({shown}{rest}).",
        runs=sorted({failure.run for failure in listed if failure.run != NO_RUN}),
        is_final=is_final,
        causes=causes,
        is_general=any(failure.is_general for failure in listed),
    )
