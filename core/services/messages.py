"""Store messages: storing calls of workers in the form in which they are sent."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.errors import NotStoredError
from pypet.interfaces import StorageService
from pypet.records import StoreRequest
from pypet.records.compact import flatten, unflatten
from pypet.services.failures import REST_STORED, is_storage_failure, notes_of
from pypet.services.piecewise import apply_in_parts, store_run_in_parts
from pypet.services.record_service import RecordStorageService
from pypet.services.store_messages import PREPARERS
from pypet.support.tricks import is_on
from pypet.tree.node import put

OUT_OF_BAND_BYTES = 16384
"""Buffers of arrays from this size on are not copied into the pickle."""
_IS_COMPACT = is_on("compact_requests")
NO_RUN = -1
_RUN = struct.Struct("<q")
_LOCATION = ("filename", "file_title")


class ServiceCall(NamedTuple):
    """The arguments of one call of ``store``, for services that know no requests."""

    message: str
    stuff: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Unreadable(NamedTuple):
    """Replaces content that was lost in transit."""

    error: Exception


class StatusRequest(NamedTuple):
    """Asks the writer for a report.

    Data of runs that are known to be finished was sent before it.
    """

    number: int
    """Ascends; a report says up to which request everything is durable."""
    known_failures: int
    """How many failures were reported before."""
    rows: StoreRequest | None = None
    """Rows of the run table, to be stored after everything that is older than the question."""


class StoreMessage(NamedTuple):
    """One storing message of one run; ``run`` is `NO_RUN` outside of runs."""

    run: int
    content: StoreRequest | ServiceCall | Unreadable | StatusRequest

    @property
    def trajectory(self) -> str:
        """The name of the trajectory that is stored, ``''`` if the message does not say."""
        content = self.content
        if isinstance(content, StoreRequest):
            return content.trajectory
        if isinstance(content, ServiceCall):
            return str(content.kwargs.get("trajectory_name", ""))
        return ""

    def store(self, service: StorageService) -> None:
        """Store the content, or what can be of it; raises what the service raises."""
        content = self.content
        if isinstance(content, Unreadable):
            raise content.error
        try:
            if isinstance(content, StoreRequest):
                service.apply(content)  # type: ignore[attr-defined]
            elif isinstance(content, ServiceCall):
                service.store(content.message, content.stuff, *content.args, **content.kwargs)
            return
        except Exception as error:
            failure = error
        # The run that made the data is over and cannot react: save the rest of the data.
        if isinstance(content, StoreRequest):
            apply_in_parts(service, content, failure)
        elif isinstance(content, ServiceCall) and content.message == constants.SINGLE_RUN:
            put(content.stuff, "_storage_service", service)
            store_run_in_parts(content.stuff, failure)
        else:
            raise failure

    def what(self) -> str:
        """Return which nodes are stored, for messages."""
        content = self.content
        if isinstance(content, Unreadable):
            return "data that cannot be read"
        if isinstance(content, ServiceCall):
            name = getattr(content.stuff, "v_full_name", "")
            return f"{content.message} {name}".rstrip()
        if isinstance(content, StatusRequest):
            return "a status request"
        paths = [getattr(each, "path", "") or content.trajectory for each in content.operations]
        rest = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        return f"{paths[-1]}{rest}"


def understands_requests(service: StorageService) -> bool:
    """Return whether requests can be applied that were prepared by another copy of a service."""
    return (
        isinstance(service, RecordStorageService)
        and type(service).store is RecordStorageService.store
        and type(service).prepare is RecordStorageService.prepare
    )


def can_be_prepared(message: str, kwargs: dict[str, Any]) -> bool:
    """Return whether a message becomes a request; else it has to travel as it is."""
    return message in PREPARERS and not any(name in kwargs for name in _LOCATION)


def is_about_the_file(message: str) -> bool:
    """Return whether a message opens or closes the storage, which is not up to workers."""
    return message in (constants.OPEN_FILE, constants.CLOSE_FILE)


def run_of(stuff: Any) -> int | None:
    """Return the index of the run that a node or a list of nodes is in; None if it is neither."""
    if isinstance(stuff, list) and stuff:
        return run_of(stuff[0][1])
    parent = getattr(stuff, "_parent", None)
    root = getattr(stuff if parent is None else parent, "_root", None)
    index = getattr(root, "_idx", None)
    return index if isinstance(index, int) else None


# ----- as bytes ----------------------------------------------------------------------------


def dump(message: StoreMessage) -> list[Any]:
    """Return a message as bytes: its run, its pickle, and the large buffers of its arrays.

    Raises
    ------
    Exception
        Something cannot be pickled.
    """
    buffers: list[memoryview] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    pickled = pickle.dumps(_plain(message.content), 5, buffer_callback=is_small)
    return [_RUN.pack(message.run), pickled, *buffers]


def dump_copy(message: StoreMessage) -> list[bytes]:
    """Return the same with the buffers copied into the pickle, so that nothing changes it."""
    return [_RUN.pack(message.run), pickle.dumps(_plain(message.content), 5)]


def load(pieces: Sequence[Any]) -> StoreMessage:
    """Return the message whose dump gave the pieces; one without content if that fails."""
    run: int = _RUN.unpack(pieces[0])[0]
    try:
        content = pickle.loads(pieces[1], buffers=pieces[2:])
        return StoreMessage(
            run, unflatten(content, pieces[1:]) if type(content) is tuple else content
        )
    except Exception as error:
        return StoreMessage(run, Unreadable(error))


def _plain(content: Any) -> Any:
    return flatten(content) if _IS_COMPACT and type(content) is StoreRequest else content


# ----- what was not stored --------------------------------------------------------------------


TEXT_LENGTH = 400
MAX_SHOWN = 10


class Failure(NamedTuple):
    """One message that was not stored."""

    run: int
    what: str
    cause: str
    """Type and text of the exception."""
    is_general: bool
    """The medium failed, not this message: what follows will hardly fare better."""

    @classmethod
    def of(cls, message: StoreMessage, error: BaseException) -> Failure:
        """Return the failure of a message."""
        notes = "; ".join(note for note in notes_of(error) if REST_STORED in note)
        cause = f"{type(error).__name__}: {error}"[:TEXT_LENGTH]
        if notes:
            cause += f" ({notes.removeprefix('pypet: ')[:TEXT_LENGTH]})"
        is_general = is_storage_failure(error) and not isinstance(message.content, Unreadable)
        return cls(message.run, message.what()[:TEXT_LENGTH], cause, is_general)

    def __str__(self) -> str:
        place = "outside of runs" if self.run == NO_RUN else f"run {self.run}"
        return f"{place}, {self.what}: {self.cause}"


def not_stored(mode: str, failures: Iterable[Failure], *, is_final: bool = False) -> NotStoredError:
    """Return an error that reports failures; ``is_final`` as for `NotStoredError`."""
    listed = list(failures)
    causes: dict[int, str] = {}
    for failure in listed:
        if failure.run != NO_RUN:
            known = causes.get(failure.run)
            causes[failure.run] = f"{known}; {failure}" if known else f"Not stored: {failure}"
    shown = "; ".join(map(str, listed[:MAX_SHOWN]))
    rest = f"; and {len(listed) - MAX_SHOWN} more" if len(listed) > MAX_SHOWN else ""
    return NotStoredError(
        f"With wrap_mode={mode!r} not everything was stored ({shown}{rest}).",
        runs=sorted({failure.run for failure in listed if failure.run != NO_RUN}),
        is_final=is_final,
        causes=causes,
        is_general=any(failure.is_general for failure in listed),
    )
