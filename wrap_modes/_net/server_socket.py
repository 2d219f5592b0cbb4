"""The socket of a server: encrypted, and closed to connections without the key of the experiment.

A message is a header (`HEADER`: token of the experiment, session of the sender, number), and a
body in frames of at most `FRAME_BYTES`. An answer is the number that it is about, and a body.
"""

from __future__ import annotations

import hmac
import logging
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pypet.support.buffers import keep_freed_memory
from pypet.wrap_modes._net.addresses import Port, bind
from pypet.wrap_modes._net.keys import TOKEN_BYTES, ServerKey

SESSION_BYTES = 16
HEADER = struct.Struct(f"<{TOKEN_BYTES}s{SESSION_BYTES}sQ")
ANSWER = struct.Struct("<Q")
FRAME_BYTES = 1 << 20
"""Larger bodies are cut, so that a foreign connection cannot take more memory than this."""
_MAX_FRAME_BYTES = FRAME_BYTES + 256
"""With what encryption adds to a frame."""
HANDSHAKE_MILLISECONDS = 5_000
"""Connections that have not proved by then that they have the key are closed."""
HEARTBEAT_MILLISECONDS = 2_000
SILENCE_MILLISECONDS = 10_000
"""A peer whose machine has not answered for so long is taken to be disconnected."""
BACKLOG = 1024

FOREIGN_CONNECTION = "a connection without the key of this experiment"
WRONG_TOKEN = "a message without the token of this experiment"
MALFORMED = "a malformed message"
REPEATED = "a message that was there already"


class Request(NamedTuple):
    """A message from a client with the key."""

    route: bytes
    """Where to send an answer to, as long as this connection lasts."""
    session: bytes
    """Of the sender; the same on all of its connections."""
    number: int
    body: memoryview


class ServerSocket:
    """Receives messages of workers and answers them; for one thread."""

    def __init__(self, mode: str, key: ServerKey) -> None:
        """``mode`` is the name of the wrap mode, for the log."""
        import zmq

        self._zmq = zmq
        self._token = key.token
        self.refusals = RefusalCounter(mode)
        self._context = zmq.Context(1)
        self._context.set(zmq.MAX_SOCKETS, 65_536)
        self._socket = socket = self._context.socket(zmq.ROUTER)
        key.secure(zmq, socket)
        for option, value in (
            (zmq.LINGER, 1000),
            (zmq.MAXMSGSIZE, _MAX_FRAME_BYTES),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MILLISECONDS),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MILLISECONDS),
            (zmq.HEARTBEAT_TIMEOUT, SILENCE_MILLISECONDS),
            (zmq.BACKLOG, BACKLOG),
            (zmq.ROUTER_MANDATORY, 1),
        ):
            socket.setsockopt(option, value)
        events = (
            zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        )
        self._monitor = socket.get_monitor_socket(events)
        self.url = ""

    def bind(self, port: Port, *, reachable: bool) -> str:
        """Listen; return the address for workers. Arguments and errors as for `bind`."""
        self.url = bind(self._socket, port, reachable=reachable)
        return self.url

    def descriptors(self) -> tuple[int, int]:
        """Return what becomes readable when there may be something to `receive`."""
        return self._socket.fileno(), self._monitor.fileno()

    def receive(self) -> Iterator[Request]:
        """Yield the requests that have arrived; what is none is counted and dropped.

        The descriptors only signal new messages once all others were received.
        """
        zmq, socket = self._zmq, self._socket
        while socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                continue
            request = self._read(frames)
            if request is not None:
                yield request
        self._take_events()

    def answer(self, route: bytes, number: int, body: bytes = b"") -> bool:
        """Send an answer; return False if this connection is gone."""
        zmq = self._zmq
        try:
            self._socket.send_multipart([route, ANSWER.pack(number) + body], zmq.NOBLOCK)
        except zmq.Again:
            return True  # he takes no answers, but he is there
        except zmq.ZMQError:
            return False
        return True

    def close(self) -> None:
        """Close everything and log what was refused."""
        self._take_events()
        self.refusals.summarize()
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
        self._context.term()

    def _read(self, frames: list[Any]) -> Request | None:
        route, *rest = frames
        if not rest or len(rest[0]) != HEADER.size:
            self.refusals.count(MALFORMED)
            return None
        token, session, number = HEADER.unpack(rest[0].buffer)
        if not hmac.compare_digest(token, self._token):
            self.refusals.count(WRONG_TOKEN)
            return None
        return Request(route.bytes, session, number, _joined([each.buffer for each in rest[1:]]))

    def _take_events(self) -> None:
        zmq, monitor = self._zmq, self._monitor
        while monitor.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            monitor.recv_multipart()
            self.refusals.count(FOREIGN_CONNECTION)


def _joined(parts: list[memoryview]) -> memoryview:
    """Return the parts of a body in one newly allocated buffer."""
    if len(parts) == 1:
        return parts[0]
    keep_freed_memory()
    body = np.empty(sum(map(len, parts)), np.uint8).data
    start = 0
    for part in parts:
        body[start : start + len(part)] = part
        start += len(part)
    return body


# ----- refused messages -----------------------------------------------------------------------


_logger = logging.getLogger("pypet.wrap_modes")


class RefusalCounter:
    """Counts refused connections and messages by reason, and logs the 1st, 10th, 100th, ..."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self.counts: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """Count one more for a reason, which is a short text."""
        self.counts[reason] += 1
        number = self.counts[reason]
        if _is_power_of_ten(number):
            _logger.warning(
                "The server of wrap_mode=%r refused %s (%d so far); the experiment continues.",
                self._mode,
                reason,
                number,
            )

    def summarize(self) -> None:
        """Log how many there were."""
        for reason, number in self.counts.items():
            _logger.warning(
                "The server of wrap_mode=%r refused %s: %d in all.", self._mode, reason, number
            )


def _is_power_of_ten(number: int) -> bool:
    while number >= 10 and number % 10 == 0:
        number //= 10
    return number == 1
