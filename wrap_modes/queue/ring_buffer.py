"""Large buffers go through memory that a worker and the writer share: only places are sent.

To send megabytes through a socket, they are copied into the kernel and out of it again, page by
page. Here a worker copies them once into a file that is in memory only, and the writer stores
them from there. The file has no name: it is gone with the last process that has it open.

For each message the writer answers with one byte: its part of the memory is free again, or
somebody, like a service that gathers data, still uses what is there. That memory is then left to
him for good, and the worker makes new one. Or the writer could not open the memory: what comes
next is sent.
"""

from __future__ import annotations

import array
import errno
import mmap
import os
import socket
import struct
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

MIN_BYTES = 1 << 18
"""Fewer bytes are sent as quickly."""
MIN_CAPACITY, MAX_CAPACITY = 8 << 20, 256 << 20
MESSAGES = 2
"""There is room for so many messages like the first one, so that nobody waits for the other."""
MAX_UNRELEASED = 64
"""Answers to so many messages fit into the connection although nobody reads them."""
_PART = 1 << 30
"""The kernel takes two gigabytes at once, at most."""
_NUMBERS = "<{}Q"
_RELEASED, _KEPT, _REFUSED = b"r", b"k", b"x"

IS_POSSIBLE = hasattr(os, "memfd_create") and hasattr(socket, "send_fds")


class Placement(NamedTuple):
    """What is sent instead of buffers."""

    places: bytes
    """Size of new memory or 0, then start and length of each buffer, as unsigned integers of 64
    bits, little-endian."""
    descriptor: int | None
    """Of new memory."""


class RingBufferWriter:
    """The worker's side: a ring of memory whose parts are free again in order."""

    @staticmethod
    def is_worth_it() -> bool:
        """Return whether address space is not limited: the writer maps more than is stored."""
        import resource

        return resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY

    def __init__(self, connection: socket.socket) -> None:
        """The writer tells through ``connection`` what is free."""
        self._connection = connection
        self._descriptor = -1
        self._size = 0
        self._is_refused = False
        self._taken: deque[tuple[int, int]] = deque()
        """Start and end of what the writer has not released yet."""

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def put(self, buffers: Sequence[Any]) -> Placement | None:
        """Copy buffers to where the writer finds them; None if they had better be sent.

        Waits until there is room.

        Raises
        ------
        OSError
            There is no writer any more.
        """
        lengths = [len(buffer) for buffer in buffers]
        size = sum(lengths)
        if size < MIN_BYTES:
            return None
        with suppress(BlockingIOError):  # there is no answer
            self._wait(socket.MSG_DONTWAIT)
        is_new = False
        while (start := self._room_for(size)) is None:
            if not self._make(size):
                return None
            is_new = True
        place, places = start, []
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
        return Placement(packed, self._descriptor if is_new else None)

    def _make(self, size: int) -> bool:
        """Make new memory if there is so much; the writer keeps the old one while it needs it."""
        while self._taken and not self._is_refused:
            self._wait()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._size = -1, 0
        if self._is_refused:
            return False
        room = max(size, min(max(MESSAGES * size, MIN_CAPACITY), MAX_CAPACITY))
        try:
            self._descriptor = os.memfd_create("pypet-queue", os.MFD_CLOEXEC)
            os.ftruncate(self._descriptor, room)
        except OSError:
            return False
        self._size = room
        return True

    def _room_for(self, size: int) -> int | None:
        """Return where there is room, once there is; None if the memory is too small, or kept."""
        while size <= self._size:
            if not self._taken:
                return 0
            first, last = self._taken[0][0], self._taken[-1][1]
            if len(self._taken) < MAX_UNRELEASED:
                if last <= first:
                    if last + size <= first:
                        return last
                elif last + size <= self._size:
                    return last
                elif size <= first:
                    return 0
            self._wait()
        return None

    def _wait(self, flags: int = 0) -> None:
        """Wait until the writer answers; ``flags`` as for `socket.socket.recv`."""
        answers = self._connection.recv(MAX_UNRELEASED, flags)
        if not answers:
            raise ConnectionResetError("The writer has gone.")
        for _ in answers:
            self._taken.popleft()
        if _REFUSED in answers:
            self._is_refused = True
        if _KEPT in answers or self._is_refused:
            self._size = 0

    def _write(self, buffer: Any, place: int) -> None:
        view = memoryview(buffer)
        while view:
            written = os.pwrite(self._descriptor, view[:_PART], place)
            view, place = view[written:], place + written


class RingBufferReader:
    """The writer's side of the ring buffer of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._descriptors: deque[int] = deque()
        self._memory: mmap.mmap | None = None

    def receive_into(self, buffer: memoryview) -> int:
        """Read from the connection, and keep the descriptors that come along."""
        count, ancillary, flags, _ = self._connection.recvmsg_into([buffer], socket.CMSG_SPACE(16))
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        if flags & socket.MSG_CTRUNC and not descriptors:
            descriptors.append(-1)  # this process may not have more of them
        self._descriptors.extend(descriptors)
        return count

    def buffers(self, places: memoryview) -> tuple[list[memoryview], Callable[[], None]]:
        """Return the buffers at places, and what is to be called when they have been used.

        Raises
        ------
        OSError
            This process cannot have the memory.
        """
        new, *numbers = struct.unpack(_NUMBERS.format(len(places) // 8), places)
        if new:
            self._open(new)
        if self._memory is None:
            raise OSError(errno.ENOMEM, "The memory that a worker shares could not be opened")
        parts = [
            np.frombuffer(self._memory, np.uint8, length, start)
            for start, length in zip(numbers[::2], numbers[1::2], strict=True)
        ]
        release = partial(self._release, [weakref.ref(part) for part in parts])
        return [part.data for part in parts], release

    def _open(self, size: int) -> None:
        self._memory = None
        descriptor = self._descriptors.popleft()
        if descriptor < 0:
            raise OSError(errno.EMFILE, "Too many open files for memory that a worker shares")
        try:
            self._memory = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    def _release(self, parts: Sequence[weakref.ref[Any]]) -> None:
        """Tell that a message was used; everything that uses a part keeps that alive."""
        is_kept = any(part() is not None for part in parts)
        self._answer(_KEPT if is_kept else _RELEASED)

    def refuse(self) -> None:
        """Tell that the memory cannot be used."""
        self._answer(_REFUSED)

    def _answer(self, answer: bytes) -> None:
        try:
            self._connection.send(answer)
        except OSError:
            return  # the worker has gone, and does not wait

    def close(self) -> None:
        """Forget what came and was not used; buffers that are in use stay valid."""
        while self._descriptors:
            descriptor = self._descriptors.popleft()
            if descriptor >= 0:
                os.close(descriptor)
        self._memory = None
