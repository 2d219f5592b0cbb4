"""Let one process store: it keeps the storage open and takes what workers send it."""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import secrets
import selectors
import socket
import sys
import time
from collections import deque
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.errors import NotStoredError
from pypet.interfaces import StorageService, WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.given_queue import (
    DONE,
    GivenQueueWriter,
    QueueStorageServiceWriter,
    put_parcel,
)
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Unreadable, dump, load
from pypet.wrap_modes._local.senders import Sender
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes._local.writer_mode import WriterMode
from pypet.wrap_modes._local.writer_process import WriterProcess

__all__ = [
    "Channel",
    "QueueStorageServiceSender",
    "QueueStorageServiceWriter",
    "QueueWrapMode",
    "pypet_register_wrap_modes",
]

_logger = logging.getLogger("pypet.wrap_modes")

SECRET_BYTES = 32
BACKLOG = 1024
DRAIN_SECONDS = 10.0
"""How long the end waits for the rest of what a worker is still sending."""


class Channel:
    """The way to the writer: each process that uses it has a connection of its own.

    So nobody waits for another one, and a process that dies while it sends breaks off its own
    connection only. Can be inherited and pickled; the connection is made when it is first used.
    """

    def __init__(self, family: int, address: Any, secret: bytes) -> None:
        self._family = family
        self._address = address
        self._secret = secret
        self._connection: socket.socket | None = None
        self._number = 0
        self._pid = -1
        self._is_bequeathed = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None, "_pid": -1, "_is_bequeathed": False}

    def bequeath(self) -> None:
        """Make a new connection, for processes forked from here that use it one by one."""
        self._connect()
        self._is_bequeathed = True

    def put(self, parcel: Parcel) -> None:
        """Send a parcel; waits while the writer is behind.

        Raises
        ------
        NotStoredError
            There is no writer any more.
        """
        pieces = dump(parcel)
        try:
            connection = self._connection
            if connection is None or (self._pid != os.getpid() and not self._inherit()):
                connection = self._connect()
            self._number += 1
            frames.send(connection, self._number, pieces)
        except OSError as error:
            self.close()
            raise NotStoredError(
                f"{parcel.what()} cannot be stored: the process that stores data for "
                f"wrap_mode='QUEUE' is gone ({error}).",
                [parcel.run],
            ) from error
        except BaseException:
            self.close()  # half a frame may be on its way; the next one begins afresh
            raise

    def close(self) -> None:
        """Close the connection of this process; it is made again when it is needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _inherit(self) -> bool:
        """Take over the connection of the parent process, if that does not use it itself."""
        if not self._is_bequeathed or self._pid != os.getppid():
            return False
        self._pid, self._is_bequeathed = os.getpid(), False
        return True

    def _connect(self) -> socket.socket:
        self.close()
        self._is_bequeathed = False
        connection = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            connection.connect(self._address)
            connection.sendall(self._secret)
        except BaseException:
            connection.close()
            raise
        self._connection, self._pid, self._number = connection, os.getpid(), 0
        return connection


class _Client(frames.Inbox):
    """One connection in the writer; nothing of it is believed before the secret has come."""

    def __init__(self, connection: socket.socket, secret: bytes) -> None:
        super().__init__(connection)
        self._secret = secret
        self._known = b""

    def receive_parcels(self) -> list[Parcel]:
        """Return the parcels that have arrived whole; raises EOFError and FrameError."""
        if len(self._known) < SECRET_BYTES and not self._introduce():
            return []
        return [load(frame.pieces) for frame in self.receive()]

    def _introduce(self) -> bool:
        try:
            received = self.connection.recv(SECRET_BYTES - len(self._known))
        except BlockingIOError:
            return False
        except ConnectionError:
            received = b""
        if not received:
            raise EOFError
        self._known += received
        if len(self._known) < SECRET_BYTES:
            return False
        if not hmac.compare_digest(self._known, self._secret):
            _logger.error("A stranger tried to hand over data; it was turned away.")
            raise EOFError
        return True


class Listener(Source):
    """Takes parcels from any number of connections."""

    stores_between_looks: ClassVar[int] = 16

    def __init__(self, listening: socket.socket, secret: bytes) -> None:
        self._listening = listening
        self._secret = secret
        self._clients: set[_Client] = set()
        self._selector: selectors.BaseSelector | None = None

    def register(self, selector: selectors.BaseSelector) -> None:
        """Register the socket that workers connect to."""
        self._selector = selector
        self._listening.setblocking(False)
        selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def drain(self, parcels: deque[Parcel]) -> None:
        """Take what is in the connections, also in those not accepted yet."""
        self._accept(parcels)
        until = time.monotonic() + DRAIN_SECONDS
        while True:
            before = len(parcels)
            for client in list(self._clients):
                self._take(client, parcels)
            if len(parcels) > before:
                continue
            if all(client.is_between_frames for client in self._clients):
                return
            if time.monotonic() > until:
                _logger.error("Gave up waiting for the rest of what a worker was sending.")
                return
            with selectors.DefaultSelector() as rest:
                for client in self._clients:
                    rest.register(client.connection, selectors.EVENT_READ)
                rest.select(until - time.monotonic())

    def close(self) -> None:
        """Close all connections."""
        for client in list(self._clients):
            self._drop(client)
        self._listening.close()

    def _accept(self, parcels: deque[Parcel]) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                client = _Client(self._listening.accept()[0], self._secret)
                self._clients.add(client)
                assert self._selector is not None

                def take(parcels: deque[Parcel], client: _Client = client) -> None:
                    self._take(client, parcels)

                self._selector.register(client.connection, selectors.EVENT_READ, take)
                take(parcels)  # who has connected has mostly something to say

    def _take(self, client: _Client, parcels: deque[Parcel]) -> None:
        try:
            parcels.extend(client.receive_parcels())
        except EOFError:
            if not client.is_between_frames:
                _logger.error("A worker died while it sent data; what it was sending is lost.")
            self._drop(client)
        except frames.FrameError as error:
            parcels.append(Parcel(NO_RUN, Unreadable(error)))
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        assert self._selector is not None
        self._selector.unregister(client.connection)
        client.connection.close()


class QueueStorageServiceSender(Sender):
    """What runs see with wrap mode QUEUE: stores through the queue, loads nothing."""

    mode: ClassVar[str] = "QUEUE"

    def __init__(self, queue: Any, service: StorageService | None = None) -> None:
        """Send to ``queue``: a `Channel`, or any queue that a `QueueStorageServiceWriter` reads."""
        super().__init__(service)
        self.queue = queue

    def deliver(self, parcel: Parcel) -> None:
        """Send a parcel to the writer."""
        if isinstance(self.queue, Channel):
            self.queue.put(parcel)
        else:
            put_parcel(self.queue, parcel)

    def bequeath(self) -> None:
        """Save the processes that are forked from here to connect to the writer."""
        if isinstance(self.queue, Channel):
            self.queue.bequeath()

    def send_done(self) -> None:
        """Tell the reader of a queue that nothing more will come."""
        self.queue.put((DONE,))


class QueueWrapMode(WriterMode[QueueStorageServiceSender]):
    """Workers send what they store to one process, and go on at once.

    A ``queue`` in the options is used instead of one of its own.
    """

    name: ClassVar[str] = "QUEUE"

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Start the writer process."""
        queue = self._options.get("queue")
        if queue is not None:
            self._writer = GivenQueueWriter(self.name, queue, service, mp_context, self._options)
            self._sender = QueueStorageServiceSender(queue, service)
            return
        secret = secrets.token_bytes(SECRET_BYTES)
        listening = _listen()
        try:
            address = listening.getsockname()
            self._sender = QueueStorageServiceSender(
                Channel(listening.family, address, secret), service
            )
            self._writer = WriterProcess(
                self.name, Listener(listening, secret), service, mp_context, self._options
            )
        finally:
            listening.close()

    def stop(self) -> None:
        """Let the writer store the rest; see `WrapMode.stop`."""
        sender, self._sender = self._sender, None
        writer, self._writer = self._writer, None
        if sender is not None and isinstance(sender.queue, Channel):
            sender.queue.close()
        if writer is not None:
            writer.stop()


def _listen() -> socket.socket:
    """Return a socket that only processes of this machine reach, and that leaves no file."""
    if sys.platform == "linux":
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind("")  # the kernel chooses a name that is no file
    else:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", 0))
    listening.listen(BACKLOG)
    return listening


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores in a process of its own."""
    return [QueueWrapMode]
