"""The two ends of the pipe: that of all workers, and that of the writer."""

from __future__ import annotations

import itertools
import os
import selectors
import socket
from collections import deque
from typing import Any, ClassVar

from pypet.errors import NotStoredError
from pypet.wrap_modes._local.parcels import Parcel, dump
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes.pipe.counts import Counts
from pypet.wrap_modes.pipe.packets import PACKET_BYTES, Assembly, packets


class Pipe:
    """The workers' end of the pipe; the writer acknowledges what arrived in shared memory.

    Packets of several processes may alternate, each is whole. Processes share the pipe by being
    forked. Pickles only name it, so they work in such processes only.
    """

    _shared: ClassVar[dict[int, Pipe]] = {}
    _keys = itertools.count()

    def __init__(self, connection: socket.socket, lock: Any, counts: Counts) -> None:
        self.connection = connection
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
            for packet in packets(parcel.run, pid, self._number, pieces):
                self.connection.sendall(packet)
        except OSError as error:
            raise NotStoredError(
                f"{parcel.what()} cannot be stored: the process that stores data for "
                f"wrap_mode='PIPE' is gone ({error}).",
                [parcel.run],
            ) from error
        self.counts.add_sent(self._place)

    def close(self) -> None:
        """Close the end of this process."""
        self._shared.pop(self._key, None)
        self.connection.close()
        self.counts.close()


def _shared_pipe(key: int) -> Pipe | None:
    """Return the pipe of this key, None in processes that did not inherit it."""
    return Pipe._shared.get(key)


class PipeEnd(Source):
    """The writer's end of the pipe."""

    stores_between_looks: ClassVar[int] = 16

    def __init__(
        self, connection: socket.socket, workers_end: socket.socket, counts: Counts, most: int
    ) -> None:
        """Take ``most`` messages at once, 0 for any number."""
        self._connection = connection
        self._workers_end = workers_end
        self._counts = counts
        self._most = min(most or self.stores_between_looks, self.stores_between_looks)
        self._buffer = bytearray(PACKET_BYTES)
        self._assembly = Assembly()
        self._received = 0

    def register(self, selector: selectors.BaseSelector) -> None:
        """Register the end of the pipe."""
        # The fork left a copy here, which would hide from this process that workers are gone.
        self._workers_end.close()
        self._connection.setblocking(False)
        selector.register(self._connection, selectors.EVENT_READ, self._take_some)

    def drain(self, parcels: deque[Parcel]) -> None:
        """Take what is in the pipe."""
        while self._take(parcels):
            pass

    def close(self) -> None:
        """Close the end."""
        self._connection.close()

    def _take_some(self, parcels: deque[Parcel]) -> None:
        while len(parcels) < self._most and self._take(parcels):
            pass

    def _take(self, parcels: deque[Parcel]) -> bool:
        """Take a packet if there is one, and acknowledge a message that is complete."""
        try:
            count = self._connection.recv_into(self._buffer)
        except (BlockingIOError, ConnectionError):
            return False
        if not count:
            return False
        parcel = self._assembly.add(bytes(memoryview(self._buffer)[:count]))
        if parcel is not None:
            parcels.append(parcel)
            self._received += 1
            self._counts.acknowledge(self._received)
        return True
