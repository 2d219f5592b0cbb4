"""Messages as packets that may alternate with those of other processes, and put together again.

A packet is a head (magic bytes, CRC-32 of the body, its length) and a body: run, sender, number
of the message, number of the packet and of all packets, and data. The data of all packets of a
message is the count and the lengths of its pieces as unsigned 64-bit integers, then the pieces.
All numbers are little-endian.
"""

from __future__ import annotations

import select
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable, load

PACKET_BYTES = min(4096, getattr(select, "PIPE_BUF", 512))
"""So much is written into a pipe in one step, which nothing can interrupt (POSIX, ``write``)."""
_HEAD = struct.Struct("<4sIH")
_ADDRESS = struct.Struct("<qQQII")
_ROOM = PACKET_BYTES - _HEAD.size - _ADDRESS.size


def packets(run: int, sender: int, number: int, pieces: Sequence[Any]) -> Iterator[bytes]:
    """Yield the packets of a message."""
    whole = frames.index_of(pieces) + b"".join(pieces)
    parts = -(-len(whole) // _ROOM)
    for part in range(parts):
        data = whole[part * _ROOM : (part + 1) * _ROOM] if parts > 1 else whole
        body = _ADDRESS.pack(run, sender, number, part, parts) + data
        yield _HEAD.pack(frames.MAGIC, zlib.crc32(body), len(body)) + body


class Assembly:
    """Puts messages together from the bytes of a pipe; packets of senders may alternate."""

    def __init__(self) -> None:
        self._rest = b""
        """The beginning of a packet."""
        self._begun: dict[int, tuple[int, list[bytes]]] = {}
        """Sender -> number and parts of its message."""

    def add(self, received: bytes) -> list[Parcel]:
        """Take what came out of the pipe; return the parcels that are complete.

        Those that were damaged have no content. What a sender left incomplete is forgotten when
        it begins anew.
        """
        if self._rest:
            received = self._rest + received
        parcels = []
        start, end = 0, len(received)
        while end - start >= _HEAD.size:
            magic, checksum, length = _HEAD.unpack_from(received, start)
            if magic != frames.MAGIC or not _ADDRESS.size <= length <= PACKET_BYTES:
                error = frames.FrameError("What came out of the pipe does not begin like a packet.")
                parcels.append(Parcel(NO_RUN, Unreadable(error)))
                found = received.find(frames.MAGIC, start + 1)
                start = end if found < 0 else found
                continue
            first = start + _HEAD.size
            if end - first < length:
                break
            start = first + length
            parcel = self._take(received[first:start], checksum)
            if parcel is not None:
                parcels.append(parcel)
        self._rest = received[start:]
        return parcels

    def _take(self, body: bytes, checksum: int) -> Parcel | None:
        """Take a packet; return the parcel of which it is the last one."""
        run, sender, expected, part, parts = _ADDRESS.unpack_from(body)
        data = body[_ADDRESS.size :]
        number, begun = self._begun.pop(sender, (0, [])) if part else (expected, [])
        if zlib.crc32(body) != checksum or number != expected or part != len(begun):
            if part < parts - 1:
                return None  # said once, when the last packet is there
            error = frames.FrameError(f"Message {expected} of process {sender} arrived damaged.")
            return Parcel(run, Unreadable(error))
        begun.append(data)
        if len(begun) < parts:
            self._begun[sender] = number, begun
            return None
        return load(frames.pieces_of(memoryview(data if parts == 1 else b"".join(begun))))
