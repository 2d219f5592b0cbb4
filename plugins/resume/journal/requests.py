"""Requests of runs as frames, and back."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from typing import Any

from pypet.plugins.resume.journal.frames import HEADER_BYTES, IN_STORAGE, Frame, Kind, encode
from pypet.records import CommitRun, StoreRequest
from pypet.records.compact import PickledRequest, flatten, unflatten

OUT_OF_BAND_BYTES = 4096
"""Buffers of arrays from this size on are not copied into the pickle."""
_COUNT = struct.Struct("<I")
_ONE_PIECE = struct.Struct("<IQ")
_COMMIT = struct.Struct("<40sQ")
"""SHA-1 of the environment in hexadecimal, and the length of what the run returned."""


def data_frame(request: StoreRequest) -> list[Any]:
    """Return the frame of a request of a run; its buffers are those of the request's arrays."""
    return encode(Kind.DATA, _content(request), run=request.run, started=request.started)


def commit_frame(request: StoreRequest, count: int) -> list[Any]:
    """Return the frame of the last request of a run, which commits it.

    ``count`` frames of data came before it.
    """
    commit = request.commit
    assert commit is not None
    head = _head(commit)
    content = _content(request) if request.operations else [b""]
    return encode(
        Kind.COMMIT,
        [head + content[0], *content[1:]],
        run=request.run,
        started=request.started,
        finished=commit.finished,
        earlier=count,
    )


def commit_frame_without_data(request: StoreRequest, node: str) -> list[Any]:
    """Return the frame that commits a run whose data is in the storage if ``node`` is there."""
    commit = request.commit
    assert commit is not None
    return encode(
        Kind.COMMIT,
        [_head(commit) + node.encode("utf8")],
        flags=IN_STORAGE,
        run=request.run,
        started=request.started,
        finished=commit.finished,
    )


def _head(commit: CommitRun) -> bytes:
    """Return the payload of a commit, without the operations."""
    return _COMMIT.pack(commit.hexsha.encode("ascii"), len(commit.value)) + commit.value


def commit_in(frame: Frame) -> CommitRun:
    """Return the commit in a frame."""
    hexsha, length = _COMMIT.unpack_from(frame.payload)
    value = bytes(frame.payload[_COMMIT.size : _COMMIT.size + length])
    return CommitRun(frame.finished, hexsha.rstrip(b"\0").decode(), value)


def has_more(frame: Frame) -> bool:
    """Return whether there is more in the frame of a commit: a request, or the name of a node."""
    _, length = _COMMIT.unpack_from(frame.payload)
    return len(frame.payload) > _COMMIT.size + int(length)


def node_in(frame: Frame) -> str:
    """Return the full name of the node in the frame of a commit without data."""
    _, length = _COMMIT.unpack_from(frame.payload)
    return bytes(frame.payload[_COMMIT.size + length :]).decode("utf8")


def request_in(frame: bytes) -> StoreRequest:
    """Return the request in a frame; its arrays are read-only views of it."""
    view = memoryview(frame)[HEADER_BYTES:]
    if frame[4] == Kind.COMMIT:
        _, length = _COMMIT.unpack_from(view)
        view = view[_COMMIT.size + length :]
    (count,) = _COUNT.unpack_from(view)
    lengths = struct.unpack_from(f"<{count}Q", view, _COUNT.size)
    start = _COUNT.size + 8 * count
    pieces = []
    for length in lengths:
        pieces.append(view[start : start + length])
        start += length
    return unflatten(pickle.loads(pieces[0], buffers=pieces[1:]))


def joined(requests: Sequence[StoreRequest]) -> StoreRequest:
    """Return all requests of one attempt at a run as one."""
    if len(requests) == 1:
        return requests[0]
    operations = tuple(each for request in requests for each in request.operations)
    return requests[0]._replace(operations=operations)


def _content(request: StoreRequest) -> list[Any]:
    """Return a request as buffers: how many pieces and how long, the pickle, arrays."""
    pieces = request.pieces if type(request) is PickledRequest else ()
    pieces = pieces or _pickled(request)
    if len(pieces) == 1:
        return [_ONE_PIECE.pack(1, len(pieces[0])), pieces[0]]
    lengths = [len(each) for each in pieces]
    return [struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths), *pieces]


def _pickled(request: StoreRequest) -> list[Any]:
    buffers: list[memoryview] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    return [pickle.dumps(flatten(request), 5, buffer_callback=is_small), *buffers]
