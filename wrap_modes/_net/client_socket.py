"""The socket of a worker, which only talks to the server of its experiment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pypet.support.buffers import keep_freed_memory
from pypet.support.network import is_ipv6
from pypet.wrap_modes._net.keys import WorkerKey
from pypet.wrap_modes._net.server_socket import (
    ANSWER,
    FRAME_BYTES,
    HEADER,
    HEARTBEAT_MILLISECONDS,
    SESSION_BYTES,
    SILENCE_MILLISECONDS,
)

_CONNECT_MILLISECONDS = 2_000
_RECONNECT_MILLISECONDS = 50
_MAX_RECONNECT_MILLISECONDS = 1_000

_inherited: list[Any] = []
"""Sockets of a parent process: they may not be used here, not even to be closed."""


class OnePerProcess:
    """Keeps what a process has unpickled last: it has a connection, and tasks come many times.

    Whatever comes after something for another server ends that.
    """

    def __init__(self, make: Callable[[str, WorkerKey], Any]) -> None:
        self._make = make
        self._latest: Any = None
        self._key: WorkerKey | None = None
        self._pid = -1

    def get(self, url: str, key: WorkerKey) -> Any:
        """Return what this process has for a server."""
        latest = self._latest
        if latest is not None and self._pid == os.getpid():
            if latest.url == url and self._key == key:  # ports are used again
                return latest
            latest.close()
        self._latest, self._key, self._pid = self._make(url, key), key, os.getpid()
        return self._latest


class ClientSocket:
    """A connection that each process opens on first use. For one thread.

    Can be inherited.
    """

    def __init__(self, url: str, key: WorkerKey) -> None:
        self.url = url
        self.key = key
        self._socket: Any = None
        self._context: Any = None
        self._pid = -1
        self.session = b""
        """Names this process to the server, whatever connections it has."""

    def __del__(self) -> None:
        if self._socket is not None and self.is_mine():
            self.close()

    def is_mine(self) -> bool:
        """Return whether this process has begun a session."""
        return self._pid == os.getpid()

    def begin(self) -> None:
        """Begin a new session, with a connection of its own."""
        if self._socket is not None and not self.is_mine():
            _inherited.extend((self._socket, self._context))
            self._socket = self._context = None
        self.close()
        self.session = os.urandom(SESSION_BYTES)
        self._pid = os.getpid()
        self._connect()

    def send(self, number: int, frames: Sequence[Any]) -> None:
        """Send a body, as `in_frames` gives it; nothing says whether it will arrive.

        The frames are copied before this returns, and encrypted afterwards in another thread.
        """
        header = HEADER.pack(self.key.token, self.session, number)
        if len(frames) > 1:
            keep_freed_memory()
        self._socket.send_multipart([header, *frames])

    def receive(self, seconds: float) -> tuple[int, bytes] | None:
        """Return number and body of the next answer; None if there is none for so long."""
        socket = self._socket
        if not socket.poll(max(0, int(seconds * 1000))):
            return None
        answer = socket.recv()
        (number,) = ANSWER.unpack_from(answer)
        return number, answer[ANSWER.size :]

    def reconnect(self, seconds: float) -> bool:
        """Make a new connection; return whether the server has been there within ``seconds``.

        Its machine answers even if the server is busy. What was not answered is to be sent again.
        """
        zmq = _zmq()
        self._disconnect()
        self._open()
        monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        try:
            self._socket.connect(self.url)
            return bool(monitor.poll(int(seconds * 1000)))
        finally:
            self._socket.disable_monitor()
            monitor.close(0)

    def close(self) -> None:
        """End the session, if there is one."""
        self._disconnect()
        context, self._context = self._context, None
        if context is not None and self.is_mine():
            context.term()
        self._pid = -1

    def _connect(self) -> None:
        self._open()
        self._socket.connect(self.url)

    def _open(self) -> None:
        zmq = _zmq()
        if self._context is None:
            self._context = zmq.Context(1)
        self._socket = socket = self._context.socket(zmq.DEALER)
        self.key.secure(zmq, socket)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, 0),
            (zmq.IPV6, int(is_ipv6(self.url))),
            (zmq.CONNECT_TIMEOUT, _CONNECT_MILLISECONDS),
            (zmq.RECONNECT_IVL, _RECONNECT_MILLISECONDS),
            (zmq.RECONNECT_IVL_MAX, _MAX_RECONNECT_MILLISECONDS),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MILLISECONDS),
            (zmq.HEARTBEAT_TIMEOUT, SILENCE_MILLISECONDS),
        ):
            socket.setsockopt(option, value)

    def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close(0)


def in_frames(body: Iterable[Any], *, copies: bool) -> list[Any]:
    """Return the pieces of a body as few frames of the size that a server takes.

    With ``copies`` they do not change with the pieces; else large ones share their memory.
    """
    frames: list[Any] = []
    small: list[Any] = []
    size = 0
    for piece in body:
        length = len(piece)
        if size + length <= FRAME_BYTES:
            small.append(piece)
            size += length
            continue
        if small:
            frames.append(b"".join(small))
            small, size = [], 0
        if length <= FRAME_BYTES:
            small, size = [piece], length
            continue
        view = memoryview(piece)
        parts = [view[start : start + FRAME_BYTES] for start in range(0, length, FRAME_BYTES)]
        frames += map(bytes, parts) if copies else parts
    if small:
        frames.append(b"".join(small))
    return frames


def _zmq() -> Any:
    from pypet.support.optional import require

    return require("zmq", plugin="network wrap modes", extra="net")
