"""Let one process store what workers send it through one pipe that all of them share."""

from __future__ import annotations

import contextlib
import itertools
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
from pypet.wrap_modes._local.parcels import Parcel, dump, load
from pypet.wrap_modes._local.senders import Sender
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes._local.writer_process import WriterProcess

PACKET_BYTES = 65536
ATTEMPTS = 3
"""How often a message is sent that arrives damaged."""
_PACKET = struct.Struct("<4sIQQII")
_ANSWER = struct.Struct("<4sQQ?")
_KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
"""Keeps packets whole: one that was begun is either received, or was never sent."""


class _Head(NamedTuple):
    """The beginning of each packet of a message."""

    magic: bytes
    checksum: int
    """CRC-32 of what follows the head."""
    sender: int
    number: int
    part: int
    parts: int


def _packets(sender: int, number: int, pieces: list[Any]) -> Iterator[bytes]:
    """Yield the packets of a message; together they carry one frame."""
    whole = b"".join(frames.encode(number, pieces))
    room = PACKET_BYTES - _PACKET.size
    parts = -(-len(whole) // room)
    for part in range(parts):
        data = whole[part * room : (part + 1) * room]
        yield _PACKET.pack(frames.MAGIC, zlib.crc32(data), sender, number, part, parts) + data


class Assembly:
    """Puts messages together from packets; one at a time, as its sender holds the lock."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._owner: tuple[int, int] | None = None

    def add(self, packet: bytes) -> tuple[_Head, Parcel | None] | None:
        """Take a packet; return head and parcel when a message is complete.

        The parcel is None if the message arrived damaged. Whatever a sender that died left
        incomplete is forgotten when the next one begins.
        """
        try:
            head = _Head(*_PACKET.unpack_from(packet))
        except struct.error:
            return None
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
        if not intact:
            return head, None
        whole, self._parts, self._owner = b"".join(self._parts), [], None
        return head, _parcel(whole)


def _parcel(whole: bytes) -> Parcel | None:
    try:
        return load(frames.decode_whole(whole).pieces)
    except frames.FrameError:
        return None


class Pipe:
    """The workers' end of the pipe: one sends at a time, and waits until it is told to go on.

    Processes share it by being forked. Pickles only name it, so they work in such processes only.
    """

    _shared: ClassVar[dict[int, Pipe]] = {}
    _keys = itertools.count()

    def __init__(self, connection: socket.socket, lock: Any) -> None:
        self.connection = connection
        self.lock = lock
        self._number = 0
        self._key = next(self._keys)
        self._shared[self._key] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _shared_pipe, (self._key,)

    def put(self, parcel: Parcel) -> None:
        """Send a parcel; returns when it has arrived intact.

        Raises
        ------
        NotStoredError
            There is no writer any more, or the parcel never arrived intact.
        """
        pieces = dump(parcel)
        with self.lock:
            try:
                for _ in range(ATTEMPTS):
                    self._number += 1
                    for packet in _packets(os.getpid(), self._number, pieces):
                        self.connection.sendall(packet)
                    if self._is_accepted():
                        return
            except OSError as error:
                raise NotStoredError(
                    f"{parcel.what()} cannot be stored: the process that stores data for "
                    f"wrap_mode='PIPE' is gone ({error}).",
                    [parcel.run],
                ) from error
        raise NotStoredError(
            f"{parcel.what()} did not get through the pipe to the process that stores: it "
            f"arrived damaged {ATTEMPTS} times.",
            [parcel.run],
        )

    def close(self) -> None:
        """Close the end of this process."""
        self._shared.pop(self._key, None)
        self.connection.close()

    def _is_accepted(self) -> bool:
        """Wait for the answer to the message sent last; answers to others are of the dead."""
        own = (os.getpid(), self._number)
        while True:
            answer = self.connection.recv(_ANSWER.size)
            if not answer:
                raise ConnectionResetError("it ended without an answer")
            _, sender, number, accepted = _ANSWER.unpack(answer)
            if (sender, number) == own:
                return bool(accepted)


def _shared_pipe(key: int) -> Pipe | None:
    """Return the pipe of this key, None in processes that did not inherit it."""
    return Pipe._shared.get(key)


class PipeEnd(Source):
    """The writer's end of the pipe."""

    def __init__(self, connection: socket.socket, workers_end: socket.socket) -> None:
        self._connection = connection
        self._workers_end = workers_end
        self._assembly = Assembly()

    def register(self, selector: selectors.BaseSelector) -> None:
        """Register the end of the pipe."""
        # The fork left a copy here, which would hide from this process that workers are gone.
        self._workers_end.close()
        self._connection.setblocking(False)
        selector.register(self._connection, selectors.EVENT_READ, self._take)

    def drain(self, parcels: deque[Parcel]) -> None:
        """Take what is in the pipe."""
        while self._take(parcels):
            pass

    def close(self) -> None:
        """Close the end."""
        self._connection.close()

    def _take(self, parcels: deque[Parcel]) -> bool:
        """Take packets up to the end of a message, if they are there, and answer."""
        while True:
            try:
                packet = self._connection.recv(PACKET_BYTES)
            except (BlockingIOError, ConnectionError):
                return False
            if not packet:
                return False
            message = self._assembly.add(packet)
            if message is None:
                continue
            head, parcel = message
            if parcel is not None:
                parcels.append(parcel)
            answer = _ANSWER.pack(frames.MAGIC, head.sender, head.number, parcel is not None)
            with contextlib.suppress(OSError):  # nobody is left who waits for it
                self._connection.send(answer)
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
    """Workers send what they store to one process, one at a time, and wait for its receipt."""

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
                self.name, PipeEnd(theirs, ours), service, mp_context, self._options
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
        try:
            if writer is not None:
                writer.stop()
        finally:
            if sender is not None and isinstance(sender.pipe, Pipe):
                sender.pipe.close()
            if lock is not None:
                lock.remove()


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores what comes through a pipe."""
    return [PipeWrapMode]
