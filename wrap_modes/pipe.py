"""Let one process store what workers send it through one pipe that all of them share."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import selectors
import socket
import struct
import sys
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar, NamedTuple

from pypet.errors import NotStoredError
from pypet.interfaces import Option, Outcome, StorageService, WrapMode
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.file_lock import FileLock
from pypet.wrap_modes._local.given_queue import GivenPipe, GivenQueueWriter, put_parcel
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable, dump, load
from pypet.wrap_modes._local.senders import Sender
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes._local.writer_process import WriterProcess, queue_length

PACKET_BYTES = 65536
MOST_UNANSWERED = 64
"""Messages on their way, at most; answers to so many fit into the pipe."""
_PACKET = struct.Struct("<4sIqQQII")
_ANSWER = struct.Struct("<4sQ")
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
        checksum = zlib.crc32(data)
        yield _PACKET.pack(frames.MAGIC, checksum, run, sender, number, part, parts) + data


class Assembly:
    """Puts messages together from packets; one at a time, as its sender holds the lock."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._owner: tuple[int, int] | None = None

    def add(self, packet: bytes) -> Parcel | None:
        """Take a packet; return the parcel when it is complete, one without content if damaged.

        Whatever a sender that died left incomplete is forgotten when the next one begins.
        """
        try:
            head = _Head(*_PACKET.unpack_from(packet))
        except struct.error:
            return Parcel(NO_RUN, Unreadable(frames.FrameError("What came is no packet.")))
        data = packet[_PACKET.size :]
        message = (head.sender, head.number)
        if head.part == 0:
            self._owner, self._parts = message, []
        intact = (
            head.magic == frames.MAGIC
            and zlib.crc32(data) == head.checksum
            and self._owner == message
            and head.part == len(self._parts)
        )
        if intact:
            self._parts.append(data)
        else:
            self._owner = None
        if head.part < head.parts - 1:
            return None
        whole, self._parts, self._owner = b"".join(self._parts), [], None
        try:
            if not intact:
                raise frames.FrameError(f"Message {head.number} arrived damaged.")
            return load(frames.decode_whole(whole).pieces)
        except frames.FrameError as error:
            return Parcel(head.run, Unreadable(error))


class Pipe:
    """The workers' end of the pipe: one sends at a time; the writer tells what has arrived.

    A sender waits while `MOST_UNANSWERED` messages, of whomever, are without an answer. Processes
    share the pipe by being forked. Pickles only name it, so they work in such processes only.
    """

    _shared: ClassVar[dict[int, Pipe]] = {}
    _keys = itertools.count()

    def __init__(self, connection: socket.socket, lock: Any) -> None:
        self.connection = connection
        self.lock = lock
        self._number = 0
        self._sent = mmap.mmap(-1, _COUNT.size)
        self._arrived = mmap.mmap(-1, _COUNT.size)
        """Counts of all processes, changed only by the holder of the lock."""
        self._key = next(self._keys)
        self._shared[self._key] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _shared_pipe, (self._key,)

    @property
    def sent(self) -> int:
        """How many messages all processes sent completely."""
        count: int = _COUNT.unpack_from(self._sent)[0]
        return count

    def put(self, parcel: Parcel) -> None:
        """Send a parcel; waits while the writer is behind.

        Raises
        ------
        NotStoredError
            There is no writer any more.
        """
        pieces = dump(parcel)
        with self.lock:
            try:
                self._take_answers()
                self._number += 1
                for packet in _packets(parcel.run, os.getpid(), self._number, pieces):
                    self.connection.sendall(packet)
            except OSError as error:
                raise NotStoredError(
                    f"{parcel.what()} cannot be stored: the process that stores data for "
                    f"wrap_mode='PIPE' is gone ({error}).",
                    [parcel.run],
                ) from error
            _COUNT.pack_into(self._sent, 0, self.sent + 1)

    def close(self) -> None:
        """Close the end of this process."""
        self._shared.pop(self._key, None)
        self.connection.close()
        self._sent.close()
        self._arrived.close()

    def _take_answers(self) -> None:
        """Take the answers that are there, and wait for more while too many are missing."""
        sent = self.sent
        while True:
            waits = sent - _COUNT.unpack_from(self._arrived)[0] >= MOST_UNANSWERED
            try:
                answer = self.connection.recv(_ANSWER.size, 0 if waits else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not answer:
                raise ConnectionResetError("it ended without an answer")
            # Answers count everything that arrived, so that it does no harm if one is lost with
            # a process that took it and died.
            _COUNT.pack_into(self._arrived, 0, _ANSWER.unpack(answer)[1])


def _shared_pipe(key: int) -> Pipe | None:
    """Return the pipe of this key, None in processes that did not inherit it."""
    return Pipe._shared.get(key)


class PipeEnd(Source):
    """The writer's end of the pipe."""

    stores_between_looks: ClassVar[int] = MOST_UNANSWERED // 4

    def __init__(self, connection: socket.socket, workers_end: socket.socket, most: int) -> None:
        """Take ``most`` messages at once, 0 for any number."""
        self._most = min(most or self.stores_between_looks, self.stores_between_looks)
        self._buffer = bytearray(PACKET_BYTES)
        self._connection = connection
        self._workers_end = workers_end
        self._assembly = Assembly()
        self.received = 0
        self._answered = 0

    def register(self, selector: selectors.BaseSelector) -> None:
        """Register the end of the pipe."""
        # The fork left a copy here, which would hide from this process that workers are gone.
        self._workers_end.close()
        self._connection.setblocking(False)
        selector.register(self._connection, selectors.EVENT_READ, self._take_some)

    def idle(self) -> None:
        """Answer: each answer may wake a worker, and that takes time from this process."""
        if self._answered == self.received:
            return
        self._answered = self.received
        with contextlib.suppress(OSError):  # nobody is left who waits for it
            self._connection.send(_ANSWER.pack(frames.MAGIC, self.received))

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
        """Take packets up to the end of a message, if they are there, and answer."""
        while True:
            try:
                count = self._connection.recv_into(self._buffer)
            except (BlockingIOError, ConnectionError):
                return False
            if not count:
                return False
            parcel = self._assembly.add(bytes(memoryview(self._buffer)[:count]))
            if parcel is None:
                continue
            self.received += 1
            parcels.append(parcel)
            if self.received - self._answered >= MOST_UNANSWERED // 4:
                self.idle()
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


class PipeWrapMode(WrapMode):
    """Workers send what they store to one process, one at a time, and are told what arrived."""

    name: ClassVar[str] = "PIPE"
    needs_fork: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = established("queue_maxsize", "gc_interval")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read how many messages may wait, and when the writer collects garbage.

        A pair of connections as ``queue`` in ``options`` is used instead of a pipe of its own,
        with ``lock`` if that is given, too.
        """
        super().__init__(options)
        self._options = options
        self._writer: WriterProcess | GivenQueueWriter | None = None
        self._lock: FileLock | None = None
        self._sender: PipeStorageServiceSender | None = None

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
        try:
            self._writer = WriterProcess(
                self.name,
                PipeEnd(theirs, ours, queue_length(self._options)),
                service,
                mp_context,
                self._options,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._lock = FileLock.make()
        self._sender = PipeStorageServiceSender(Pipe(ours, self._lock), service)

    def _start_given(
        self, connections: Any, service: StorageService, mp_context: BaseContext
    ) -> None:
        lock = self._options.get("lock")
        if lock is None:
            lock = self._lock = FileLock.make()
        pipe = GivenPipe(connections, lock)
        self._writer = GivenQueueWriter(self.name, pipe, service, mp_context, self._options)
        self._sender = PipeStorageServiceSender(pipe, service)

    def worker_service(self) -> StorageService:
        """Return the sender.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._sender is None:
            raise RuntimeError("Wrap mode 'PIPE' was not started; call `start` first.")
        return self._sender

    def accept(self, outcome: Outcome) -> None:
        """Raise if it is known that the run could not be stored; see `WrapMode.accept`."""
        if self._writer is not None:
            self._writer.accept(outcome)

    def check(self) -> None:
        """Raise if the writer has died, or can store nothing any more; see `WrapMode.check`."""
        if self._writer is not None:
            self._writer.check()

    def stop(self) -> None:
        """Let the writer store the rest; see `WrapMode.stop`."""
        sender, self._sender = self._sender, None
        writer, self._writer = self._writer, None
        lock, self._lock = self._lock, None
        own = sender.pipe if sender is not None and isinstance(sender.pipe, Pipe) else None
        try:
            if isinstance(writer, WriterProcess):
                writer.stop(sent=0 if own is None else own.sent)
            elif writer is not None:
                writer.stop()
        finally:
            if own is not None:
                own.close()
            if lock is not None:
                lock.remove()


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores what comes through a pipe."""
    return [PipeWrapMode]
