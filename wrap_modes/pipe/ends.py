"""The two ends of the pipe: that of all workers, and that of the writer."""

from __future__ import annotations

import itertools
import os
import selectors
from collections import deque
from typing import Any, ClassVar

from pypet.errors import NotStoredError
from pypet.support.buffers import enlarge_pipe
from pypet.wrap_modes._local.parcels import Parcel, dump
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes.pipe.counts import Counts
from pypet.wrap_modes.pipe.packets import Assembly, packets, packets_at_once

CAPACITY_BYTES = 1 << 20
"""What a pipe should hold: it must not be full, or empty, as soon as somebody has to wait."""
MOST_CAPACITY_BYTES = 4 << 20
"""No pipe holds more than that."""
READ_BYTES = 1 << 16


def make_pipe() -> tuple[int, int]:
    """Return the reading and the writing end of a pipe that holds much, if that is allowed."""
    reading, writing = os.pipe()
    enlarge_pipe(writing, CAPACITY_BYTES)
    return reading, writing


class Pipe:
    """The workers' end of the pipe; the writer acknowledges what arrived in shared memory.

    Packets of several processes may alternate, but each is written as a whole, or not at all if
    its process dies. Processes share the pipe by being forked. Pickles only name it, so they work
    in such processes only.
    """

    _shared: ClassVar[dict[int, Pipe]] = {}
    _keys = itertools.count()

    def __init__(self, writing: int, lock: Any, counts: Counts) -> None:
        """Take over a descriptor."""
        self._writing = writing
        self._at_once = packets_at_once()
        self.lock = lock
        self.counts = counts
        self._pid = -1
        self._place = 0
        self._number = 0
        self._key = next(self._keys)
        self._shared[self._key] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _shared_pipe, (self._key,)

    def put(self, parcel: Parcel) -> None:
        """Send a parcel; waits while the writer is behind.

        Raises
        ------
        NotStoredError
            There is no writer any more.
        """
        pieces = dump(parcel)
        pid = os.getpid()
        if self._pid != pid:
            with self.lock:
                self._place = self.counts.new_sender()
            self._pid = pid
        self._number += 1
        try:
            for some in packets(parcel.run, pid, self._number, pieces, self._at_once):
                rest = memoryview(some)
                while rest:  # a signal lets a step end between two packets
                    rest = rest[os.write(self._writing, rest) :]
        except OSError as error:
            raise NotStoredError(
                f"{parcel.what()} cannot be stored: the process that stores data for "
                f"wrap_mode='PIPE' is gone ({error}).",
                [parcel.run],
            ) from error
        self.counts.add_sent(self._place)

    def close(self) -> None:
        """Close the end of this process."""
        if self._shared.pop(self._key, None) is not None:
            os.close(self._writing)
            self.counts.close()


def _shared_pipe(key: int) -> Pipe | None:
    """Return the pipe of this key, None in processes that did not inherit it."""
    return Pipe._shared.get(key)


class PipeEnd(Source):
    """The writer's end of the pipe."""

    stores_between_looks: ClassVar[int] = 16

    def __init__(self, reading: int, writing: int, counts: Counts) -> None:
        """``writing`` is the other end, of which a fork leaves a copy here."""
        self._reading = reading
        self._writing = writing
        self._counts = counts
        self._assembly = Assembly()
        self._received = 0

    def register(self, selector: selectors.BaseSelector) -> None:
        """Register the end of the pipe."""
        os.close(self._writing)  # it would hide from this process that workers are gone
        os.set_blocking(self._reading, False)
        selector.register(self._reading, selectors.EVENT_READ, self._take)

    def drain(self, parcels: deque[Parcel]) -> None:
        """Take what is in the pipe."""
        while self._take(parcels):
            pass

    def sweep(self, parcels: deque[Parcel]) -> None:
        """Take what the pipe holds, however fast others fill it again."""
        for _ in range(1 + MOST_CAPACITY_BYTES // READ_BYTES):
            if not self._take(parcels):
                return

    def close(self) -> None:
        """Close the end."""
        os.close(self._reading)

    def _take(self, parcels: deque[Parcel]) -> bool:
        """Take what there is, acknowledge what is complete, and return whether there was any."""
        try:
            received = os.read(self._reading, READ_BYTES)
        except BlockingIOError:
            return False
        complete = self._assembly.add(received)
        if complete:
            parcels.extend(complete)
            self._received += len(complete)
            self._counts.acknowledge(self._received)
        return bool(received)
