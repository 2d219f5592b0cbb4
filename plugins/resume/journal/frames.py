"""Frames: records of a journal as bytes, with their length and checksums.

A frame is a header and a payload. Header, little-endian: the marker ``\\xf1PJR``; the kind
(`Kind`); flags; two zero bytes; index of the run, signed 64-bit; when the attempt at the run
was started and when it finished, two doubles, seconds since the epoch; a number (see `Kind`) and
the length of the payload, unsigned 64-bit; the CRC-32 of the payload; the CRC-32 of the header
before it.

All information about runs is in headers, so it is not necessary to unpickle a payload
for it.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

SIGNATURE = b"pypet journal 1\n"
"""The first bytes of a segment."""
_MARKER = b"\xf1PJR"
_HEADER = struct.Struct("<4sBB2xqddQQI")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CHECKSUM.size


class Kind(enum.IntEnum):
    """What a frame says."""

    DATA = 1
    """A request of a run: the number of pieces, unsigned 32-bit, their lengths, unsigned 64-bit
    each, and the pieces: a pickle of protocol 5 and its buffers."""
    COMMIT = 2
    """A run is completed, and ``earlier`` frames of data before this one belong to it. The payload
    is the SHA-1 of the environment in 40 bytes, the length of what the run returned, unsigned
    64-bit, and that, pickled; and then the last request of the run, if there is one."""
    ABORT = 3
    """What this attempt at a run has committed cannot be stored: it does not count."""
    STARTED = 4
    """Runs were handed to the scheduler; the payload has their indices, signed 64-bit integers."""
    SUPERSEDED = 5
    """A commit of a run that was counted already: this attempt does not count."""
    REPEATED = 6
    """A run was to be committed that was committed already, by this attempt or by another one;
    nothing of it was written."""


_KINDS = {int(kind): kind for kind in Kind}
IN_STORAGE = 1
"""Flag of a commit: large data of the run goes to the storage at once, and is not in the segment.
Instead of the request there is the full name of the last node that it stores, UTF-8: the run is
completed if the storage has that node."""


class Frame(NamedTuple):
    """One frame, and where it is."""

    kind: Kind
    flags: int
    run: int
    started: float
    finished: float
    earlier: int
    payload: memoryview
    position: int
    """Where in the segment it begins, in bytes."""
    end: int
    """Where it ends."""


def encode(
    kind: Kind,
    parts: Sequence[Any] = (),
    *,
    flags: int = 0,
    run: int = -1,
    started: float = 0.0,
    finished: float = 0.0,
    earlier: int = 0,
) -> list[Any]:
    """Return a frame as buffers; ``parts`` are those of its payload."""
    checksum = 0
    length = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
        length += len(part)
    header = _HEADER.pack(_MARKER, kind, flags, run, started, finished, earlier, length, checksum)
    return [header + _CHECKSUM.pack(zlib.crc32(header)), *parts]


def headers(content: Any, offset: int) -> Iterator[tuple[int, int]]:
    """Yield kind and run of the frames from ``offset`` on, without a look at checksums.

    What is not a frame is left out: the next one is looked for by its marker.
    """
    end = len(content) - HEADER_BYTES
    while offset <= end:
        marker, kind, _, run, _, _, _, length, _ = _HEADER.unpack_from(content, offset)
        if marker == _MARKER and offset + length <= end:
            yield kind, run
            offset += HEADER_BYTES + length
            continue
        offset = content.find(_MARKER, offset + 1)
        if offset < 0:
            return


class Scan:
    """Goes through the frames of a part of a segment; afterwards knows how the part ends.

    Damaged frames are left out: what is behind one is looked for by the marker.
    """

    def __init__(self, content: memoryview, position: int = 0) -> None:
        """``content`` begins at ``position`` of the segment."""
        self._content = content
        self._start = position
        self.end = position
        """Behind the last whole frame."""
        self.damaged = 0
        """How many bytes before `end` are of no whole frame."""
        self.rest = len(content)
        """How many bytes there are behind `end`: a frame that is still being written, or was
        never written to its end."""

    def __iter__(self) -> Iterator[Frame]:
        content, offset = self._content, 0
        while True:
            frame = self._frame_at(offset)
            if frame is None:
                found = self._next_whole(offset)
                if found is None:
                    return
                self.damaged += found - offset
                offset = found
                continue
            offset = frame.end - self._start
            self.end = frame.end
            self.rest = len(content) - offset
            yield frame

    def _frame_at(self, offset: int) -> Frame | None:
        """Return the frame at an offset, None if there is none that is whole."""
        content = self._content
        start = offset + HEADER_BYTES
        if start > len(content):
            return None
        fields = _HEADER.unpack_from(content, offset)
        marker, kind, flags, run, started, finished, earlier, length, checksum = fields
        if marker != _MARKER:
            return None
        (own,) = _CHECKSUM.unpack_from(content, offset + _HEADER.size)
        if zlib.crc32(content[offset : offset + _HEADER.size]) != own:
            return None
        stop = start + length
        if stop > len(content):
            return None
        payload = content[start:stop]
        if zlib.crc32(payload) != checksum:
            return None
        position = self._start + offset
        end = self._start + stop
        return Frame(
            _KINDS.get(kind) or Kind(kind),
            flags,
            run,
            started,
            finished,
            earlier,
            payload,
            position,
            end,
        )

    def _next_whole(self, offset: int) -> int | None:
        """Return the offset of the next frame that is whole, None without one."""
        rest = bytes(self._content[offset:])
        found = rest.find(_MARKER, 1)
        while found >= 0:
            if self._frame_at(offset + found) is not None:
                return offset + found
            found = rest.find(_MARKER, found + 1)
        return None
