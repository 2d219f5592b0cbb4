"""Servers and clients that users make themselves, without a key.

They speak the established protocols, which know no encryption: whoever reaches such a server can
use it. So they listen on the loopback device only. Environments never use them.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from pypet.errors import UnprotectedServerWarning
from pypet.support.network import is_ipv6
from pypet.support.optional import require

PING, PONG, DONE, CLOSED = "PING", "PONG", "DONE", "CLOSED"
_LOOPBACK = ("tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://", "inproc://")
_logger = logging.getLogger("pypet.wrap_modes")

_inherited: list[Any] = []
"""Sockets of a parent process: they may not be used here, not even to be closed."""


def _zmq() -> Any:
    return require("zmq", plugin="servers of pypet.utils.mpwrappers", extra="net")


class ForkDetector:
    """Notices that this process was forked since it looked last."""

    _pid: int | None = None

    def _detect_fork(self) -> bool:
        """Return whether another process than this one has called this first, or last."""
        pid = os.getpid()
        was_forked = self._pid is not None and self._pid != pid
        self._pid = pid
        return was_forked


class ZMQServer(ABC):
    """Answers requests one after the other until it is asked to end."""

    def __init__(self, url: str) -> None:
        """Serve at ``url``, which only this machine may reach.

        Warns that every program on this machine can use the server.

        Raises
        ------
        ValueError
            Other machines might reach it.
        """
        if not url.startswith(_LOOPBACK):
            raise ValueError(
                f"url={url!r}: a {type(self).__name__} made by hand has no key, so that everybody "
                "who reaches it can use it. Give an address of this machine only, like "
                "'tcp://127.0.0.1:7777'; for other hosts use wrap_mode='NETLOCK' or 'NETQUEUE' of "
                "an environment or a MultiprocContext."
            )
        warnings.warn(
            f"Every program on this machine can use the {type(self).__name__} at {url}, for its "
            "protocol has no key. Environments and MultiprocContext use encrypted servers instead.",
            UnprotectedServerWarning,
            stacklevel=3,
        )
        self.url = url
        self._context: Any = None
        self._socket: Any = None

    def _start(self) -> None:
        """Listen; raises `zmq.ZMQError` if the port is in use."""
        zmq = _zmq()
        self._context = zmq.Context(1)
        self._socket = self._context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 1000)
        self._socket.setsockopt(zmq.IPV6, int(is_ipv6(self.url)))
        try:
            self._socket.bind(self.url)
        except BaseException:
            self._close()
            raise

    @abstractmethod
    def _answer(self, received: bytes) -> str:
        """Return the answer to a request: `CLOSED` if it is the last one."""

    def _serve(self) -> None:
        """Answer until the last request, then listen no more."""
        try:
            answer = ""
            while answer != CLOSED:
                answer = self._answer(self._socket.recv())
                self._respond(answer)
        finally:
            self._close()

    def _close(self) -> None:
        socket, self._socket = self._socket, None
        context, self._context = self._context, None
        if socket is not None:
            socket.close()
        if context is not None:
            context.term()

    def _pre_respond_hook(self, response: str) -> bool:
        """Return whether to answer; for tests, which override it."""
        return True

    def _respond(self, response: str) -> None:
        if self._pre_respond_hook(response):
            self._socket.send_string(response)
            return
        # A REP socket takes nothing before it has answered: let this question be forgotten.
        zmq = _zmq()
        self._socket.close(0)
        self._socket = self._context.socket(zmq.REP)
        self._socket.setsockopt(zmq.IPV6, int(is_ipv6(self.url)))
        deadline = time.monotonic() + 5
        while True:
            try:
                self._socket.bind(self.url)
                return
            except zmq.ZMQError:  # the former socket is closed in the background
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


class ReliableClient:
    """Asks a server, again and again if there is no answer. Pickles lose the connection."""

    RETRIES: ClassVar[int] = 9
    TIMEOUT: ClassVar[int] = 2222
    """Milliseconds to wait for an answer before asking again."""
    SLEEP: ClassVar[float] = 0.01
    """Seconds between two questions, where one asks until something is so."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._context: Any = None
        self._socket: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_context": None, "_socket": None}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.finalize()

    def start(self, test_connection: bool = True) -> None:
        """Connect, if that was not done.

        Raises
        ------
        RuntimeError
            With ``test_connection``, there is no answer.
        """
        if self._socket is not None:
            return
        self._connect()
        if test_connection:
            try:
                self.test_ping()
            except BaseException:
                self.finalize()
                raise

    def finalize(self) -> None:
        """Close the connection."""
        socket, self._socket = self._socket, None
        context, self._context = self._context, None
        if socket is not None:
            socket.close(0)
        if context is not None:
            context.term()

    def test_ping(self) -> None:
        """Raise RuntimeError unless the server answers."""
        answer, _ = self._ask(PING)
        if answer != PONG:
            raise RuntimeError(f"The server at {self.url} answered {answer!r} to a ping.")

    def send_done(self) -> None:
        """Stop the server."""
        self.start(test_connection=False)
        self._ask(DONE)

    def _request(self, text: str) -> bytes:
        """Return a request as it is sent."""
        return text.encode()

    def _ask(self, text: str) -> tuple[str, int]:
        """Return the answer, and how often the question was repeated."""
        return self._send(self._request(text))

    def _send(self, request: bytes) -> tuple[str, int]:
        """Send a request; raises RuntimeError if there is no answer after all retries."""
        self.start(test_connection=False)
        for repeated in range(self.RETRIES + 1):
            self._socket.send(request)
            if self._socket.poll(self.TIMEOUT):
                return self._socket.recv_string(), repeated
            _logger.debug("No answer from %s; asking again", self.url)
            self._socket.close(0)
            self._open()
        raise RuntimeError(
            f"The server at {self.url} does not answer, after {self.RETRIES} more attempts."
        )

    def _connect(self) -> None:
        self._context = _zmq().Context(1)
        self._open()

    def _open(self) -> None:
        zmq = _zmq()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IPV6, int(is_ipv6(self.url)))
        self._socket.connect(self.url)

    def _leave_to_parent(self) -> None:
        """Forget a connection that was inherited from a parent process."""
        _inherited.extend((self._socket, self._context))
        self._socket = self._context = None


class ForkAwareClient(ForkDetector, ReliableClient):
    """A client that forked processes may use, too; to be inherited before another client."""

    def start(self, test_connection: bool = True) -> None:
        """Connect, separately in each process; see `ReliableClient.start`."""
        if self._detect_fork() and self._socket is not None:
            self._leave_to_parent()
        super().start(test_connection)

    def _ask(self, text: str) -> tuple[str, int]:
        self.start(test_connection=False)
        return super()._ask(text)
