"""Frames: numbered, checked pieces of data on a stream of bytes.

A frame is a header (magic bytes, CRC-32 of the rest, number, length of the body), and a body: the
count and lengths of its pieces as unsigned 64-bit integers, then the pieces. All numbers are
little-endian.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from pypet.support.buffers import keep_freed_memory, write_buffers
from pypet.wrap_modes._local.checksums import crc32

MAGIC = b"pypF"
_HEADER = struct.Struct("<4sIQQ")
ROOM = 1 << 16
"""Bytes that are read from a stream at once."""


class FrameError(ValueError):
    """Bytes are no frame, or not the ones that were sent."""


class Frame(NamedTuple):
    """A frame that arrived whole."""

    number: int
    pieces: list[memoryview]


def encode(number: int, pieces: Sequence[Any]) -> list[Any]:
    """Return the buffers that make up a frame, without copying the pieces."""
    index = index_of(pieces)
    checksum = crc32(index)
    for piece in pieces:
        checksum = crc32(piece, checksum)
    header = _HEADER.pack(MAGIC, checksum, number, len(index) + sum(map(len, pieces)))
    return [header + index, *pieces]


def index_of(pieces: Sequence[Any]) -> bytes:
    """Return count and lengths of pieces, which stand before them."""
    return struct.pack(f"<{len(pieces) + 1}Q", len(pieces), *map(len, pieces))


def pieces_of(body: memoryview) -> list[memoryview]:
    """Return the pieces that follow their index."""
    (count,) = struct.unpack_from("<Q", body)
    lengths = struct.unpack_from(f"<{count}Q", body, 8)
    start = 8 * (count + 1)
    pieces = []
    for length in lengths:
        pieces.append(body[start : start + length])
        start += length
    return pieces


def send(
    connection: socket.socket,
    number: int,
    pieces: Sequence[Any],
    ancillary: Sequence[tuple[int, int, Any]] = (),
) -> None:
    """Send a frame, waiting as long as there is no room for it.

    ``ancillary`` data comes along, see `socket.socket.sendmsg`.

    Raises
    ------
    OSError
        Nobody receives any more.
    """
    buffers = encode(number, pieces)
    if not hasattr(connection, "sendmsg"):
        connection.sendall(b"".join(buffers))
        return
    if ancillary:
        first = connection.sendmsg(buffers[:1], ancillary)
        buffers[0] = memoryview(buffers[0])[first:]
    write_buffers(connection.sendmsg, buffers)


def decode(body: memoryview, checksum: int, number: int) -> Frame:
    """Return a frame from its body.

    Raises
    ------
    FrameError
        The checksum does not fit.
    """
    if crc32(body) != checksum:
        raise FrameError(f"Frame {number} of {len(body)} bytes does not have its checksum.")
    return Frame(number, pieces_of(body))


class Inbox:
    """Takes frames from one stream, as they come, never waiting for the rest of one."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.received = 0
        """How many bytes have come."""
        self._buffer = _new_buffer(ROOM)
        self._end = 0

    @property
    def is_between_frames(self) -> bool:
        """Whether everything that arrived was part of a whole frame."""
        return self._end == 0

    def receive(self) -> Iterator[Frame]:
        """Read once what has arrived and yield the frames that are complete.

        Raises
        ------
        EOFError
            The other side is gone; an incomplete frame is lost.
        FrameError
            The bytes are no frames.
        """
        try:
            count = self._receive_into(self._buffer[self._end :])
        except BlockingIOError:
            return
        except ConnectionError:
            count = 0
        if not count:
            raise EOFError
        self._end += count
        self.received += count
        yield from self._complete()

    def _receive_into(self, buffer: memoryview) -> int:
        return self.connection.recv_into(buffer)

    def _complete(self) -> Iterator[Frame]:
        start, buffer = 0, self._buffer
        while self._end - start >= _HEADER.size:
            magic, checksum, number, length = _HEADER.unpack_from(buffer, start)
            if magic != MAGIC:
                raise FrameError("What was received does not begin like a frame.")
            whole = _HEADER.size + length
            if self._end - start < whole:
                if whole > len(buffer):
                    keep_freed_memory()
                    self._move(start, _new_buffer(whole))
                    return
                break
            if not start and whole == len(buffer) > ROOM:
                body = buffer[_HEADER.size :]
                self._buffer, self._end = _new_buffer(ROOM), 0
                yield decode(body, checksum, number)
                return
            first = start + _HEADER.size
            start += whole
            yield decode(memoryview(bytes(buffer[first:start])), checksum, number)
        self._move(start, buffer)

    def _move(self, start: int, target: memoryview) -> None:
        """Bring what is left of the buffer to the beginning of ``target``, and go on there."""
        left = self._end - start
        if start or target is not self._buffer:
            target[:left] = self._buffer[start : self._end]
        self._buffer, self._end = target, left


def _new_buffer(size: int) -> memoryview:
    """Return memory that holds anything: to fill it with zeros first takes its time."""
    return np.empty(size, np.uint8).data
