"""A server that stores what its clients send, as users make it themselves.

Requests are pickled: ``'SPACE'``, ``('DATA', what is to be stored)``, ``'PING'``, ``'DONE'``;
answers are text. To unpickle runs code, so whoever reaches the server can run code in it.
"""

from __future__ import annotations

import pickle
import queue
import threading
import time
from collections import deque
from typing import Any

from pypet.interfaces import StorageService
from pypet.wrap_modes._local.user_queue import DONE as LAST
from pypet.wrap_modes._local.user_queue import QueueStorageServiceWriter
from pypet.wrap_modes._net.plaintext import (
    CLOSED,
    DONE,
    PING,
    PONG,
    ForkAwareClient,
    ReliableClient,
    ZMQServer,
)

DEFAULT_URL = "tcp://127.0.0.1:22334"
SPACE, DATA = "SPACE", "DATA"
SPACE_AVAILABLE, SPACE_NOT_AVAILABLE, STORING = "SPACE_AVAILABLE", "SPACE_NOT_AVAILABLE", "STORING"
_PROMISE_SECONDS = 60.0
"""How long a place is kept for a client that asked and sent nothing."""


class QueuingServerMessageListener(ZMQServer):
    """Puts into a queue what clients send, as long as there is room."""

    def __init__(self, url: str, queue: Any, queue_maxsize: int = 0) -> None:
        """``queue_maxsize`` 0 means no limit."""
        super().__init__(url)
        self.queue = queue
        self.queue_maxsize = queue_maxsize
        self._promises: deque[float] = deque()

    def listen(self) -> None:
        """Serve until a client sends ``'DONE'``; then put the command that ends the queue.

        Raises
        ------
        RuntimeError
            A request is none of the protocol.
        """
        if self._socket is None:
            self._start()
        try:
            self._serve()
        finally:
            self.queue.put((LAST,))

    def _answer(self, received: bytes) -> str:
        try:
            request = pickle.loads(received)
        except Exception as error:
            raise RuntimeError(f"A request could not be unpickled: {error!r}") from error
        if isinstance(request, tuple) and len(request) == 2 and request[0] == DATA:
            if self._promises:
                self._promises.popleft()
            self.queue.put(request[1])
            return STORING
        if not isinstance(request, str) or request not in (SPACE, PING, DONE):
            raise RuntimeError(f"There is no request {request!r}.")
        if request == SPACE:
            return SPACE_AVAILABLE if self._promise() else SPACE_NOT_AVAILABLE
        return PONG if request == PING else CLOSED

    def _promise(self) -> bool:
        """Keep a place for a client, if there is one."""
        promises, now = self._promises, time.monotonic()
        while promises and now - promises[0] > _PROMISE_SECONDS:
            promises.popleft()
        if 0 < self.queue_maxsize <= self.queue.qsize() + len(promises):
            return False
        promises.append(now)
        return True


class QueuingServer:
    """Stores what clients send: `run` returns when one of them says that it is over."""

    def __init__(
        self,
        url: str,
        storage_service: StorageService,
        queue_maxsize: int = 0,
        gc_interval: int | None = None,
    ) -> None:
        """Warnings and errors as for `ZMQServer`; the other arguments as for the options."""
        self.queue: queue.Queue[Any] = queue.Queue()
        self._listener = QueuingServerMessageListener(url, self.queue, queue_maxsize)
        self._writer = QueueStorageServiceWriter(storage_service, self.queue, gc_interval)
        self._error: BaseException | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._listener.url

    def run(self) -> None:
        """Listen in a thread and store in this one.

        Raises
        ------
        NotStoredError
            Something could not be stored; everything else is.
        RuntimeError
            A request was none of the protocol; what had come before is stored.
        """
        self._listener._start()
        thread = threading.Thread(target=self._listen)
        thread.start()
        try:
            self._writer.run()
        finally:
            thread.join()
        if self._error is not None:
            raise self._error

    def _listen(self) -> None:
        try:
            self._listener.listen()
        except Exception as error:
            self._error = error


class QueuingClient(ReliableClient):
    """A queue whose other end is a `QueuingServer`; only `put` makes sense here."""

    def __init__(self, url: str = DEFAULT_URL) -> None:
        super().__init__(url)

    def put(self, data: Any, block: bool = True) -> None:
        """Send something to be stored.

        Waits for room; without ``block`` raises `queue.Full` if there is none.

        Raises
        ------
        RuntimeError
            The server does not answer.
        """
        while True:
            answer, _ = self._ask(SPACE)
            if answer == SPACE_AVAILABLE:
                break
            if not block:
                raise queue.Full(f"The queue of the server at {self.url} is full.")
            time.sleep(self.SLEEP)
        answer, _ = self._send(pickle.dumps((DATA, data), 5))
        if answer != STORING:
            raise RuntimeError(f"The server at {self.url} did not take data: {answer!r}.")

    def _request(self, text: str) -> bytes:
        return pickle.dumps(text)


class ForkAwareQueuingClient(ForkAwareClient, QueuingClient):
    """A `QueuingClient` that forked processes may use, too."""
