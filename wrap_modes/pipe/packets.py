"""Messages as packets that may alternate with those of other processes, and put together again."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.checksums import crc32
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable, load

PACKET_BYTES = 65536
_PACKET = struct.Struct("<4sIqQQII")


class _Head(NamedTuple):
    """The beginning of each packet of a message."""

    magic: bytes
    checksum: int
    """CRC-32 of what follows the head."""
    run: int
    sender: int
    number: int
    part: int
    parts: int


def packets(run: int, sender: int, number: int, pieces: list[Any]) -> Iterator[bytes]:
    """Yield the packets of a message; together they carry one frame."""
    whole = b"".join(frames.encode(number, pieces))
    room = PACKET_BYTES - _PACKET.size
    parts = -(-len(whole) // room)
    for part in range(parts):
        data = whole[part * room : (part + 1) * room]
        checksum = crc32(data)
        yield _PACKET.pack(frames.MAGIC, checksum, run, sender, number, part, parts) + data


class Assembly:
    """Puts messages together from packets; those of different senders may alternate."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[int, list[bytes]]] = {}
        """Sender -> number and parts of its message."""

    def add(self, packet: bytes) -> Parcel | None:
        """Take a packet; return the parcel when it is complete, one without content if damaged.

        What a sender left incomplete is forgotten when it begins anew.
        """
        try:
            head = _Head(*_PACKET.unpack_from(packet))
        except struct.error:
            return Parcel(NO_RUN, Unreadable(frames.FrameError("What came is no packet.")))
        data = packet[_PACKET.size :]
        number, parts = self._begun.pop(head.sender, (0, []))
        if head.part == 0:
            number, parts = head.number, []
        if (
            head.magic != frames.MAGIC
            or crc32(data) != head.checksum
            or number != head.number
            or head.part != len(parts)
        ):
            return _damaged(head, "arrived damaged")
        parts.append(data)
        if len(parts) < head.parts:
            self._begun[head.sender] = number, parts
            return None
        try:
            return load(frames.decode_whole(b"".join(parts)).pieces)
        except frames.FrameError as error:
            return _damaged(head, str(error))


def _damaged(head: _Head, why: str) -> Parcel | None:
    """Return what stands for a message, once: when its last packet or the only one is there."""
    if head.part < head.parts - 1:
        return None
    error = frames.FrameError(f"Message {head.number} of process {head.sender}: {why}")
    return Parcel(head.run, Unreadable(error))
