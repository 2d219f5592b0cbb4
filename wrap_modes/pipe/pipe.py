"""The pipe that all workers share: its two ends, and counts of what was sent and has arrived."""

from __future__ import annotations

import itertools
import mmap
import os
import selectors
import struct
from collections import deque
from typing import Any, ClassVar

from pypet.errors import NotStoredError
from pypet.services.messages import StoreMessage, Unreadable, dump, load
from pypet.support.buffers import enlarge_pipe
from pypet.wrap_modes._local.framing import Reassembled, Reassembly, fragments, fragments_at_once
from pypet.wrap_modes._local.writer import Source

CAPACITY_BYTES = 1 << 20
"""Capacity of the pipe: large enough that it is neither full nor empty while one side waits."""
MAX_CAPACITY_BYTES = 4 << 20
"""No pipe holds more than that."""
READ_BYTES = 1 << 16


def message_from(reassembled: Reassembled) -> StoreMessage:
    """Return the message; one without content if it was damaged."""
    if reassembled.error is not None:
        return StoreMessage(reassembled.run, Unreadable(reassembled.error))
    return load(reassembled.pieces)


def make_pipe() -> tuple[int, int]:
    """Return the reading and the writing end of a pipe that holds much, if that is allowed."""
    reading, writing = os.pipe()
    enlarge_pipe(writing, CAPACITY_BYTES)
    return reading, writing


class PipeWriter:
    """The workers' end of the pipe; the writer acknowledges what arrived in shared memory.

    Fragments of several processes may alternate, but each is written as a whole, or not at all if
    its process dies. Processes share the pipe by being forked. Pickles only name it, so they work
    in such processes only.
    """

    _shared: ClassVar[dict[int, PipeWriter]] = {}
    _keys = itertools.count()

    def __init__(self, writing: int, lock: Any, counts: MessageCounts) -> None:
        """Take over a descriptor."""
        self._writing = writing
        self._at_once = fragments_at_once()
        self.lock = lock
        self.counts = counts
        self._pid = -1
        self._place = 0
        self._number = 0
        self._key = next(self._keys)
        self._shared[self._key] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _shared_pipe, (self._key,)

    def put(self, message: StoreMessage) -> None:
        """Send a message; waits while the writer is behind.

        Raises
        ------
        NotStoredError
            There is no writer any more.
        """
        pieces = dump(message)
        pid = os.getpid()
        if self._pid != pid:
            with self.lock:
                self._place = self.counts.new_sender()
            self._pid = pid
        self._number += 1
        try:
            for some in fragments(message.run, pid, self._number, pieces, self._at_once):
                rest = memoryview(some)
                while rest:  # a signal lets a step end between two fragments
                    rest = rest[os.write(self._writing, rest) :]
        except OSError as error:
            raise NotStoredError(
                f"{message.what()} cannot be stored: the process that stores data for "
                f"wrap_mode='PIPE' is gone ({error}).",
                [message.run],
            ) from error
        self.counts.add_sent(self._place)

    def close(self) -> None:
        """Close the end of this process."""
        if self._shared.pop(self._key, None) is not None:
            os.close(self._writing)
            self.counts.close()


def _shared_pipe(key: int) -> PipeWriter | None:
    """Return the pipe of this key, None in processes that did not inherit it."""
    return PipeWriter._shared.get(key)


class PipeReader(Source):
    """The writer's end of the pipe."""

    stores_between_looks: ClassVar[int] = 16

    def __init__(self, reading: int, writing: int, counts: MessageCounts) -> None:
        """``writing`` is the other end, of which a fork leaves a copy here."""
        self._reading = reading
        self._writing = writing
        self._counts = counts
        self._reassembly = Reassembly()
        self._received = 0

    def register(self, selector: selectors.BaseSelector) -> None:
        """Register the end of the pipe."""
        os.close(self._writing)  # it would hide from this process that workers are gone
        os.set_blocking(self._reading, False)
        selector.register(self._reading, selectors.EVENT_READ, self._take)

    def drain(self, messages: deque[StoreMessage]) -> None:
        """Take what is in the pipe."""
        while self._take(messages):
            pass

    def sweep(self, messages: deque[StoreMessage]) -> None:
        """Take what the pipe holds, however fast others fill it again."""
        for _ in range(1 + MAX_CAPACITY_BYTES // READ_BYTES):
            if not self._take(messages):
                return

    def close(self) -> None:
        """Close the end."""
        os.close(self._reading)

    def _take(self, messages: deque[StoreMessage]) -> bool:
        """Take what there is, acknowledge what is complete, and return whether there was any."""
        try:
            received = os.read(self._reading, READ_BYTES)
        except BlockingIOError:
            return False
        complete = self._reassembly.add(received)
        if complete:
            messages.extend(map(message_from, complete))
            self._received += len(complete)
            self._counts.acknowledge(self._received)
        return bool(received)


# ----- counts ---------------------------------------------------------------------------------


MAX_SENDERS = 1 << 20
"""Processes that have a count of their own; more of them share."""
_COUNT = struct.Struct("<Q")


class MessageCounts:
    """How many messages every process sent, and how many arrived, in memory that all share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNT.size * (2 + MAX_SENDERS))
        """Count of what arrived, count of senders, counts of senders."""

    def new_sender(self) -> int:
        """Return the place of a new sender; to be called under a lock."""
        number: int = _COUNT.unpack_from(self._memory, _COUNT.size)[0]
        _COUNT.pack_into(self._memory, _COUNT.size, number + 1)
        place: int = _COUNT.size * (2 + number % MAX_SENDERS)
        return place

    def add_sent(self, place: int) -> None:
        """Count a message that was sent."""
        _COUNT.pack_into(self._memory, place, _COUNT.unpack_from(self._memory, place)[0] + 1)

    def acknowledge(self, received: int) -> None:
        """Note how many messages have arrived; for the writer only."""
        _COUNT.pack_into(self._memory, 0, received)

    @property
    def missing(self) -> int:
        """How many messages were sent but have not arrived."""
        senders = min(_COUNT.unpack_from(self._memory, _COUNT.size)[0], MAX_SENDERS)
        counts = struct.unpack_from(f"<{senders}Q", self._memory, 2 * _COUNT.size)
        missing: int = sum(counts) - _COUNT.unpack_from(self._memory)[0]
        return max(0, missing)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
