"""Parcels: what a storing message of a worker becomes on its way to where it is stored."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.interfaces import StorageService
from pypet.records import StoreRequest
from pypet.records.compact import flatten, unflatten
from pypet.services.piecewise import apply_in_parts, store_run_in_parts
from pypet.services.record_service import RecordStorageService
from pypet.services.store_messages import PREPARERS
from pypet.tree.node import put

OUT_OF_BAND_BYTES = 16384
"""Buffers of arrays from this size on are not copied into the pickle."""
NO_RUN = -1
_RUN = struct.Struct("<q")
_LOCATION = ("filename", "file_title")


class Message(NamedTuple):
    """The arguments of one call of ``store``, for services that know no requests."""

    message: str
    stuff: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Unreadable(NamedTuple):
    """Stands for content that got lost on the way."""

    error: Exception


class Question(NamedTuple):
    """Asks for a report. What runs have handed over that are known to be finished is older."""

    number: int
    """Ascends; a report tells up to which question everything is durable."""
    known_failures: int
    """How many failures were told of."""
    rows: StoreRequest | None = None
    """Rows of the run table, to be stored after everything that is older than the question."""


class Parcel(NamedTuple):
    """One storing message of one run; ``run`` is `NO_RUN` outside of runs."""

    run: int
    content: StoreRequest | Message | Unreadable | Question
    release: Callable[[], None] | None = None
    """To be called when the content has been stored and nobody here refers to it any more."""

    @property
    def trajectory(self) -> str:
        """The name of the trajectory that is stored, ``''`` if the message does not say."""
        content = self.content
        if isinstance(content, StoreRequest):
            return content.trajectory
        if isinstance(content, Message):
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
            elif isinstance(content, Message):
                service.store(content.message, content.stuff, *content.args, **content.kwargs)
            return
        except Exception as error:
            failure = error
        # Nobody who made the data is there to be told: the rest of it must not be lost.
        if isinstance(content, StoreRequest):
            apply_in_parts(service, content, failure)
        elif isinstance(content, Message) and content.message == constants.SINGLE_RUN:
            put(content.stuff, "_storage_service", service)
            store_run_in_parts(content.stuff, failure)
        else:
            raise failure

    def what(self) -> str:
        """Return which nodes are stored, for messages."""
        content = self.content
        if isinstance(content, Unreadable):
            return "data that cannot be read"
        if isinstance(content, Message):
            name = getattr(content.stuff, "v_full_name", "")
            return f"{content.message} {name}".rstrip()
        if isinstance(content, Question):
            return "a question"
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


def dump(parcel: Parcel) -> list[Any]:
    """Return a parcel as bytes: its run, its pickle, and the large buffers of its arrays.

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

    pickled = pickle.dumps(_plain(parcel.content), 5, buffer_callback=is_small)
    return [_RUN.pack(parcel.run), pickled, *buffers]


def dump_copy(parcel: Parcel) -> list[bytes]:
    """Return the same with the buffers copied into the pickle, so that nothing changes it."""
    return [_RUN.pack(parcel.run), pickle.dumps(_plain(parcel.content), 5)]


def load(pieces: Sequence[Any]) -> Parcel:
    """Return the parcel whose dump gave the pieces; one without content if that fails."""
    run = run_in(pieces)
    try:
        content = pickle.loads(pieces[1], buffers=pieces[2:])
        return Parcel(run, unflatten(content, pieces[1:]) if type(content) is tuple else content)
    except Exception as error:
        return Parcel(run, Unreadable(error))


def run_in(pieces: Sequence[Any]) -> int:
    """Return the run of a parcel from its dump."""
    run: int = _RUN.unpack(pieces[0])[0]
    return run


def _plain(content: Any) -> Any:
    return flatten(content) if type(content) is StoreRequest else content
