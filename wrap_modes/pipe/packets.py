"""Messages as packets that may alternate with those of other processes, and put together again.

A packet is a head and data. The head is made up of magic bytes, the CRC-32 of the data of all
packets of the message, the length of the data, run, sender, number of the message, and number of
the packet and of all packets. The data of all packets is the count and the lengths of the pieces
of the message as unsigned 64-bit integers, then the pieces. All numbers are little-endian.
"""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.checksums import crc32
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable, load

PACKET_BYTES = min(4096, getattr(select, "PIPE_BUF", 512))
"""So much is written into a pipe in one step, which nothing can interrupt (POSIX, ``write``)."""
_AT_ONCE = 64
"""Full packets in one step where that keeps each of them whole."""
_HEAD = struct.Struct("<4sIHqQQII")
_ROOM = PACKET_BYTES - _HEAD.size
_FULL = np.dtype(
    [
        ("magic", "S4"),
        ("checksum", "<u4"),
        ("length", "<u2"),
        ("run", "<i8"),
        ("sender", "<u8"),
        ("number", "<u8"),
        ("part", "<u4"),
        ("parts", "<u4"),
        ("data", "u1", (_ROOM,)),
    ]
)
"""A packet that is as large as it can be."""


@cache
def packets_at_once() -> int:
    """Return how many full packets can be written in one step so that each stays whole.

    Linux fills pages of a pipe one after the other, and nobody comes in between within a page,
    which has room for a whole number of packets. Others, like sandboxes that look like Linux,
    fill whatever room there is, also if it is not enough for a packet. So this is tried.
    """
    import fcntl

    if not hasattr(fcntl, "F_GETPIPE_SZ"):
        return 1
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        os.write(writing, b"x")
        written = os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
    except OSError:
        return 1
    finally:
        os.close(reading)
        os.close(writing)
    return 1 if written % PACKET_BYTES else _AT_ONCE


def packets(
    run: int, sender: int, number: int, pieces: Sequence[Any], at_once: int = 1
) -> Iterator[Any]:
    """Yield the bytes of the packets of a message, up to ``at_once`` full ones together."""
    whole = b"".join([frames.index_of(pieces), *pieces])
    checksum = crc32(whole)
    parts = -(-len(whole) // _ROOM)
    for first in range(0, parts - 1, at_once):
        count = min(at_once, parts - 1 - first)
        block = np.empty(count, _FULL)
        block["magic"], block["checksum"], block["length"] = frames.MAGIC, checksum, _ROOM
        block["run"], block["sender"], block["number"] = run, sender, number
        block["part"], block["parts"] = np.arange(first, first + count), parts
        data = np.frombuffer(whole, np.uint8, count * _ROOM, first * _ROOM)
        block["data"] = data.reshape(count, _ROOM)
        yield block.data.cast("B")
    last = whole[(parts - 1) * _ROOM :]
    head = frames.MAGIC, checksum, len(last), run, sender, number, parts - 1, parts
    yield _HEAD.pack(*head) + last


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
            head = _HEAD.unpack_from(received, start)
            if head[0] != frames.MAGIC or head[2] > _ROOM:
                error = frames.FrameError("What came out of the pipe does not begin like a packet.")
                parcels.append(Parcel(NO_RUN, Unreadable(error)))
                found = received.find(frames.MAGIC, start + 1)
                start = end if found < 0 else found
                continue
            first = start + _HEAD.size
            if end - first < head[2]:
                break
            start = first + head[2]
            parcel = self._take(head, received[first:start])
            if parcel is not None:
                parcels.append(parcel)
        self._rest = received[start:]
        return parcels

    def _take(self, head: tuple[Any, ...], data: bytes) -> Parcel | None:
        """Take a packet; return the parcel of which it is the last one."""
        _, checksum, _, run, sender, expected, part, parts = head
        number, begun = self._begun.pop(sender, (0, [])) if part else (expected, [])
        fits = number == expected and part == len(begun)
        if fits:
            begun.append(data)
            self._begun[sender] = number, begun
        if part < parts - 1:
            return None  # what does not fit is said once, when the last packet is there
        self._begun.pop(sender, None)
        whole = data if parts == 1 else b"".join(begun)
        if not fits or crc32(whole) != checksum:
            error = frames.FrameError(f"Message {expected} of process {sender} arrived damaged.")
            return Parcel(run, Unreadable(error))
        return load(frames.pieces_of(memoryview(whole)))
