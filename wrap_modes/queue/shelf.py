"""Large buffers go through memory that a worker and the writer share: only places are sent.

To send megabytes through a socket, they are copied into the kernel and out of it again, page by
page. Here a worker copies them once into a file that is in memory only, and the writer stores
them from there. The file has no name: it is gone with the last process that has it open.
"""

from __future__ import annotations

import array
import mmap
import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

LEAST_BYTES = 1 << 18
"""Fewer bytes are sent as quickly."""
LEAST_ROOM, MOST_ROOM = 8 << 20, 256 << 20
MESSAGES = 2
"""There is room for so many messages like the first one, so that nobody waits for the other."""
_PART = 1 << 30
"""The kernel takes two gigabytes at once, at most."""
_NUMBERS = "<{}Q"
_RELEASED = b"r"

IS_POSSIBLE = hasattr(os, "memfd_create") and hasattr(socket, "send_fds")


class Placed(NamedTuple):
    """What is sent instead of buffers."""

    places: bytes
    """Size of new memory or 0, then start and length of each buffer, as unsigned integers of 64
    bits, little-endian."""
    descriptor: int | None
    """Of new memory."""


class Shelf:
    """The worker's side: a ring of memory whose parts are free again in order."""

    def __init__(self, connection: socket.socket) -> None:
        """The writer tells through ``connection`` what is free."""
        self._connection = connection
        self._descriptor = -1
        self._size = 0
        self._taken: deque[tuple[int, int]] = deque()
        """Start and end of what the writer has not released yet."""

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def put(self, buffers: Sequence[Any]) -> Placed | None:
        """Copy buffers to where the writer finds them; None if they had better be sent.

        Waits until there is room.

        Raises
        ------
        OSError
            There is no writer any more.
        """
        lengths = [len(buffer) for buffer in buffers]
        size = sum(lengths)
        if size < LEAST_BYTES:
            return None
        is_new = size > self._size
        if is_new and not self._make(size):
            return None
        start = place = self._room_for(size)
        places = []
        try:
            for buffer, length in zip(buffers, lengths, strict=True):
                self._write(buffer, place)
                places += [place, length]
                place += length
        except OSError:  # there is not as much memory as it seemed
            self._size = 0
            return None
        self._taken.append((start, start + size))
        numbers = [self._size if is_new else 0, *places]
        packed = struct.pack(_NUMBERS.format(len(numbers)), *numbers)
        return Placed(packed, self._descriptor if is_new else None)

    def _make(self, size: int) -> bool:
        """Make new memory if there is so much; the writer keeps the old one while it needs it."""
        while self._taken:
            self._wait()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._size = -1, 0
        room = max(size, min(max(MESSAGES * size, LEAST_ROOM), MOST_ROOM))
        try:
            self._descriptor = os.memfd_create("pypet-queue", os.MFD_CLOEXEC)
            os.ftruncate(self._descriptor, room)
        except OSError:
            return False
        self._size = room
        return True

    def _room_for(self, size: int) -> int:
        """Return where there is room, once there is."""
        while True:
            if not self._taken:
                return 0
            first, last = self._taken[0][0], self._taken[-1][1]
            if last > first:
                if last + size <= self._size:
                    return last
                if size <= first:
                    return 0
            elif last + size <= first:
                return last
            self._wait()

    def _wait(self) -> None:
        """Wait until the writer releases something."""
        released = self._connection.recv(256)
        if not released:
            raise ConnectionResetError("The writer has gone.")
        for _ in released:
            self._taken.popleft()

    def _write(self, buffer: Any, place: int) -> None:
        view = memoryview(buffer)
        while view:
            written = os.pwrite(self._descriptor, view[:_PART], place)
            view, place = view[written:], place + written


class Shelved:
    """The writer's side of the shelf of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._descriptors: deque[int] = deque()
        self._memory: mmap.mmap | None = None

    def receive_into(self, buffer: memoryview) -> int:
        """Read from the connection, and keep the descriptors that come along."""
        count, ancillary, _, _ = self._connection.recvmsg_into([buffer], socket.CMSG_SPACE(16))
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors = array.array("i")
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
                self._descriptors.extend(descriptors)
        return count

    def buffers(self, places: memoryview) -> list[memoryview]:
        """Return the buffers at places; valid until they are released."""
        new, *numbers = struct.unpack(_NUMBERS.format(len(places) // 8), places)
        if new:
            descriptor = self._descriptors.popleft()
            try:
                self._memory = mmap.mmap(descriptor, new)
            finally:
                os.close(descriptor)
        assert self._memory is not None
        memory = memoryview(self._memory)
        return [
            memory[start : start + length]
            for start, length in zip(numbers[::2], numbers[1::2], strict=True)
        ]

    def release(self) -> None:
        """Tell that the buffers of the next message are not needed any more."""
        try:
            self._connection.send(_RELEASED)
        except OSError:
            return  # the worker has gone, and does not wait

    def close(self) -> None:
        """Forget what came and was not used; buffers that are in use stay valid."""
        while self._descriptors:
            os.close(self._descriptors.popleft())
        self._memory = None
