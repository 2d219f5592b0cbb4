"""The writer's side: connections of workers, and what comes through them."""

from __future__ import annotations

import contextlib
import hmac
import logging
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import ClassVar

from pypet.services.messages import NO_RUN, StoreMessage, Unreadable, load
from pypet.wrap_modes._local import framing
from pypet.wrap_modes._local.writer import Source

_logger = logging.getLogger("pypet.wrap_modes")

SECRET_BYTES = 32
BACKLOG = 1024
MAX_BUFFERED_BYTES = 16 << 20
"""More than the unread data that any connection can hold."""
DRAIN_SECONDS = 10.0
"""How long the end waits for the rest of what a worker is still sending."""


def listen() -> socket.socket:
    """Return a socket that only processes of this machine reach, and that leaves no file."""
    if sys.platform == "linux":
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind("")  # the kernel chooses a name that is not a file
    else:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", 0))
    listening.listen(BACKLOG)
    return listening


class _Client(framing.Inbox):
    """One connection in the writer; nothing of it is believed before the secret has come."""

    def __init__(self, connection: socket.socket, secret: bytes) -> None:
        super().__init__(connection)
        self._secret = secret
        self._known = b""

    def receive_messages(self) -> Iterator[StoreMessage]:
        """Yield the messages that have arrived whole; raises EOFError and FrameError."""
        if len(self._known) < SECRET_BYTES and not self._introduce():
            return
        for frame in self.receive():
            yield load(frame.pieces)

    def close(self) -> None:
        """Close the connection; messages that came through it stay readable."""
        self.connection.close()

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
    """Takes messages from any number of connections."""

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

    def drain(self, messages: deque[StoreMessage]) -> None:
        """Take what is in the connections, also in those not accepted yet."""
        self._accept(messages)
        until = time.monotonic() + DRAIN_SECONDS
        while True:
            before = len(messages)
            for client in list(self._clients):
                self._take(client, messages)
            if len(messages) > before:
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

    def sweep(self, messages: deque[StoreMessage]) -> None:
        """Take what is in the connections, without waiting for the rest of a frame."""
        self._accept(messages)
        for client in list(self._clients):
            former, enough = -1, client.received + MAX_BUFFERED_BYTES
            while client in self._clients and former < client.received < enough:
                former = client.received
                self._take(client, messages)

    def close(self) -> None:
        """Close all connections."""
        for client in list(self._clients):
            self._drop(client)
        self._listening.close()

    def _accept(self, messages: deque[StoreMessage]) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                client = _Client(self._listening.accept()[0], self._secret)
                self._clients.add(client)
                assert self._selector is not None

                def take(messages: deque[StoreMessage], client: _Client = client) -> None:
                    if client in self._clients:  # or a sweep has found out that it is gone
                        self._take(client, messages)

                self._selector.register(client.connection, selectors.EVENT_READ, take)
                take(messages)  # who has connected has mostly something to say

    def _take(self, client: _Client, messages: deque[StoreMessage]) -> None:
        try:
            messages.extend(client.receive_messages())
        except EOFError:
            if not client.is_between_frames:
                _logger.error("A worker died while it sent data; what it was sending is lost.")
            self._drop(client)
        except framing.FrameError as error:
            messages.append(StoreMessage(NO_RUN, Unreadable(error)))
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        assert self._selector is not None
        self._selector.unregister(client.connection)
        client.close()
