"""Let one process store what workers send it through one pipe that all of them share."""

from __future__ import annotations

import itertools
import mmap
import os
import selectors
import socket
import struct
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar, NamedTuple

from pypet.errors import NotStoredError
from pypet.interfaces import StorageService, WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.checksums import crc32
from pypet.wrap_modes._local.file_lock import FileLock
from pypet.wrap_modes._local.given_queue import GivenPipe, GivenQueueWriter, put_parcel
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable, dump, load
from pypet.wrap_modes._local.senders import Sender
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes._local.writer_mode import WriterMode
from pypet.wrap_modes._local.writer_process import WriterProcess, queue_length

PACKET_BYTES = 65536
MOST_SENDERS = 1 << 20
"""Processes that have a count of their own; more of them share."""
_PACKET = struct.Struct("<4sIqQQII")
_COUNT = struct.Struct("<Q")
_KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
"""Keeps packets whole: one that was begun is either received, or was never sent."""


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


def _packets(run: int, sender: int, number: int, pieces: list[Any]) -> Iterator[bytes]:
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


class Counts:
    """How many messages every process sent, and how many arrived, in memory that all share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNT.size * (2 + MOST_SENDERS))
        """Count of what arrived, count of senders, counts of senders."""

    def new_sender(self) -> int:
        """Return the place of a new sender; to be called under a lock."""
        number: int = _COUNT.unpack_from(self._memory, _COUNT.size)[0]
        _COUNT.pack_into(self._memory, _COUNT.size, number + 1)
        place: int = _COUNT.size * (2 + number % MOST_SENDERS)
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
        senders = min(_COUNT.unpack_from(self._memory, _COUNT.size)[0], MOST_SENDERS)
        counts = struct.unpack_from(f"<{senders}Q", self._memory, 2 * _COUNT.size)
        missing: int = sum(counts) - _COUNT.unpack_from(self._memory)[0]
        return max(0, missing)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


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
            for packet in _packets(parcel.run, pid, self._number, pieces):
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


class PipeStorageServiceSender(Sender):
    """What runs see with wrap mode PIPE: stores through the pipe, loads nothing."""

    mode: ClassVar[str] = "PIPE"

    def __init__(
        self, pipe: Pipe | GivenPipe | None, service: StorageService | None = None
    ) -> None:
        super().__init__(service)
        self.pipe = pipe

    def deliver(self, parcel: Parcel) -> None:
        """Send a parcel to the writer."""
        if self.pipe is None:
            raise NotStoredError(
                f"{parcel.what()} cannot be stored: wrap_mode='PIPE' works only in processes "
                "that are forked while it is active.",
                [parcel.run],
            )
        if isinstance(self.pipe, Pipe):
            self.pipe.put(parcel)
        else:
            put_parcel(self.pipe, parcel)


class PipeWrapMode(WriterMode[PipeStorageServiceSender]):
    """Workers send what they store to one process, one at a time, and are told what arrived."""

    name: ClassVar[str] = "PIPE"
    needs_fork: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read how many messages may wait, and when the writer collects garbage.

        A pair of connections as ``queue`` in ``options`` is used instead of a pipe of its own,
        with ``lock`` if that is given, too.
        """
        super().__init__(options)
        self._lock: FileLock | None = None

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Start the writer process.

        Raises
        ------
        ValueError
            Processes are not forked.
        """
        if mp_context.get_start_method() != "fork":
            raise ValueError(
                f"wrap_mode='PIPE' needs processes that are forked, not start_method="
                f"{mp_context.get_start_method()!r}; use start_method='fork' or "
                "wrap_mode='QUEUE'."
            )
        if self._options.get("queue") is not None:
            self._start_given(self._options["queue"], service, mp_context)
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, _KIND)
        self._lock, counts = FileLock.make(), Counts()
        pipe = Pipe(ours, self._lock, counts)
        self._sender = PipeStorageServiceSender(pipe, service)
        end = PipeEnd(theirs, ours, counts, queue_length(self._options))
        try:
            self._writer = WriterProcess(self.name, end, service, mp_context, self._options)
        except BaseException:
            self.stop()
            raise
        finally:
            theirs.close()

    def _start_given(
        self, connections: Any, service: StorageService, mp_context: BaseContext
    ) -> None:
        lock = self._options.get("lock")
        if lock is None:
            lock = self._lock = FileLock.make()
        pipe = GivenPipe(connections, lock)
        self._writer = GivenQueueWriter(self.name, pipe, service, mp_context, self._options)
        self._sender = PipeStorageServiceSender(pipe, service)

    def stop(self) -> None:
        """Let the writer store the rest; see `WrapMode.stop`."""
        sender, self._sender = self._sender, None
        writer, self._writer = self._writer, None
        lock, self._lock = self._lock, None
        pipe = sender.pipe if sender is not None and isinstance(sender.pipe, Pipe) else None
        missing = 0
        try:
            if writer is not None:
                writer.stop()
            missing = 0 if pipe is None else pipe.counts.missing
        finally:
            if pipe is not None:
                pipe.close()
            if lock is not None:
                lock.remove()
        if missing:
            raise NotStoredError(
                f"With wrap_mode={self.name!r} {missing} messages got lost on their way to the "
                "process that stores."
            )


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores what comes through a pipe."""
    return [PipeWrapMode]
