"""Framing: numbered, checked messages, which are made up of pieces.

On a stream a message is a frame: a header (magic bytes, CRC-32 of the rest, number, length of the
body) and a body, the count and lengths of the pieces as unsigned 64-bit integers, then the pieces.

On a pipe that many processes write to, a message is cut into fragments, which may alternate with
those of other processes. The header of a fragment is magic bytes, CRC-32 of the data of all
fragments of the message, length of the data, run, sender, number of the message, number of the
fragment and of all fragments. The data of all fragments is a body as above.

All numbers are little-endian.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from pypet.support.buffers import keep_freed_memory, write_buffers

MAGIC = b"pypF"
_HEADER = struct.Struct("<4sIQQ")
ROOM = 1 << 16
"""Bytes that are read from a stream at once."""


class FrameError(ValueError):
    """Bytes are not a frame, or not the ones that were sent."""


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
    """Return the header of pieces: count and lengths."""
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


def send(connection: socket.socket, number: int, pieces: Sequence[Any]) -> None:
    """Send a frame, waiting as long as there is no room for it.

    Raises
    ------
    OSError
        The receiver is gone.
    """
    buffers = encode(number, pieces)
    if not hasattr(connection, "sendmsg"):
        connection.sendall(b"".join(buffers))
        return
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
            The bytes are not frames.
        """
        try:
            count = self.connection.recv_into(self._buffer[self._end :])
        except BlockingIOError:
            return
        except ConnectionError:
            count = 0
        if not count:
            raise EOFError
        self._end += count
        self.received += count
        yield from self._complete()

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


# ----- checksums ------------------------------------------------------------------------------


LARGE_BYTES = 1 << 16
"""Less than that is not worth an import."""


def crc32(data: Any, start: int = 0) -> int:
    """Return the checksum of a buffer of bytes (RFC 1952), going on from ``start``."""
    if len(data) < LARGE_BYTES:
        return zlib.crc32(data, start)
    return _fastest()(data, start)


@cache
def _fastest() -> Callable[[Any, int], int]:
    """Return ISA-L's function, some ten times as fast, or zlib's where that is not installed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.crc32
    function: Callable[[Any, int], int] = isal_zlib.crc32
    return function


# ----- fragments ------------------------------------------------------------------------------


FRAGMENT_BYTES = min(4096, getattr(select, "PIPE_BUF", 512))
"""Bytes that are written into a pipe atomically (POSIX, ``write``)."""
_AT_ONCE = 64
"""Full fragments in one step where that keeps each of them whole."""
_HEAD = struct.Struct("<4sIHqQQII")
_ROOM = FRAGMENT_BYTES - _HEAD.size
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
"""A fragment that is as large as it can be."""


@cache
def fragments_at_once() -> int:
    """Return how many full fragments can be written in one step so that each stays whole.

    Linux fills pages of a pipe one after the other, and writes within a page do not interleave,
    which has room for a whole number of fragments. Others, like sandboxes that look like Linux,
    fill whatever room there is, also if it is not enough for a fragment. So this is tried.
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
    return 1 if written % FRAGMENT_BYTES else _AT_ONCE


def fragments(
    run: int, sender: int, number: int, pieces: Sequence[Any], at_once: int = 1
) -> Iterator[Any]:
    """Yield the bytes of the fragments of a message, up to ``at_once`` full ones together."""
    whole = b"".join([index_of(pieces), *pieces])
    checksum = crc32(whole)
    parts = -(-len(whole) // _ROOM)
    for first in range(0, parts - 1, at_once):
        count = min(at_once, parts - 1 - first)
        block = np.empty(count, _FULL)
        block["magic"], block["checksum"], block["length"] = MAGIC, checksum, _ROOM
        block["run"], block["sender"], block["number"] = run, sender, number
        block["part"], block["parts"] = np.arange(first, first + count), parts
        data = np.frombuffer(whole, np.uint8, count * _ROOM, first * _ROOM)
        block["data"] = data.reshape(count, _ROOM)
        yield block.data.cast("B")
    last = whole[(parts - 1) * _ROOM :]
    head = MAGIC, checksum, len(last), run, sender, number, parts - 1, parts
    yield _HEAD.pack(*head) + last


class Reassembled(NamedTuple):
    """A message that came in fragments."""

    run: int
    """-1 if that is unknown."""
    pieces: list[memoryview]
    error: FrameError | None = None
    """Why there are no pieces: the message was damaged in transit."""


class Reassembly:
    """Reassembles messages from the bytes of a pipe; fragments of senders may alternate."""

    def __init__(self) -> None:
        self._rest = b""
        """The beginning of a fragment."""
        self._begun: dict[int, tuple[int, list[bytes]]] = {}
        """Sender -> number and parts of its message."""

    def add(self, received: bytes) -> list[Reassembled]:
        """Add bytes read from the pipe; return the messages that are complete now.

        What a sender left incomplete is forgotten when it begins a new message.
        """
        if self._rest:
            received = self._rest + received
        complete = []
        start, end = 0, len(received)
        while end - start >= _HEAD.size:
            head = _HEAD.unpack_from(received, start)
            if head[0] != MAGIC or head[2] > _ROOM:
                error = FrameError("What came out of the pipe does not begin like a fragment.")
                complete.append(Reassembled(-1, [], error))
                found = received.find(MAGIC, start + 1)
                start = end if found < 0 else found
                continue
            first = start + _HEAD.size
            if end - first < head[2]:
                break
            start = first + head[2]
            message = self._take(head, received[first:start])
            if message is not None:
                complete.append(message)
        self._rest = received[start:]
        return complete

    def _take(self, head: tuple[Any, ...], data: bytes) -> Reassembled | None:
        """Add a fragment; return the message if it is the last one of it."""
        _, checksum, _, run, sender, expected, part, parts = head
        number, begun = self._begun.pop(sender, (0, [])) if part else (expected, [])
        fits = number == expected and part == len(begun)
        if fits:
            begun.append(data)
            self._begun[sender] = number, begun
        if part < parts - 1:
            return None  # a gap is reported once, with the last fragment
        self._begun.pop(sender, None)
        whole = data if parts == 1 else b"".join(begun)
        if not fits or crc32(whole) != checksum:
            error = FrameError(f"Message {expected} of process {sender} arrived damaged.")
            return Reassembled(run, [], error)
        return Reassembled(run, pieces_of(memoryview(whole)))


# ----- batches -----------------------------------------------------------------------------------


def encode_batch(dumps: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the body for several messages, as pieces.

    The first piece has the number of pieces of each message as unsigned 32-bit integers; the
    others are those of one message after the other.
    """
    counts = struct.pack(f"<{len(dumps)}I", *map(len, dumps))
    pieces = [counts, *chain.from_iterable(dumps)]
    return [index_of(pieces), *pieces]


def decode_batch(body: memoryview) -> list[list[memoryview]]:
    """Return the pieces of each message in a body.

    Raises
    ------
    ValueError
        The body is malformed.
    """
    try:
        pieces = pieces_of(body)
        counts = struct.unpack(f"<{len(pieces[0]) // 4}I", pieces[0])
        left = iter(pieces[1:])
        dumps = [list(islice(left, count)) for count in counts]
    except (struct.error, IndexError, MemoryError, OverflowError) as error:
        raise ValueError(f"This is not a message of a worker: {error}") from error
    if sum(map(len, pieces)) + 8 * (len(pieces) + 1) != len(body):
        raise ValueError("the lengths do not add up")
    return dumps
