"""A lock server and its clients that users make themselves.

A request is ``COMMAND:::LOCKNAME:::CLIENTID:::REQUESTID`` in UTF-8; the first field of an answer,
which ``:::`` separates from others, says what happened.
"""

from __future__ import annotations

import os
import socket
import time
from typing import NamedTuple

from pypet.wrap_modes._net.plaintext import (
    CLOSED,
    DONE,
    PING,
    PONG,
    ForkAwareClient,
    ReliableClient,
    ZMQServer,
)

DEFAULT_URL = "tcp://127.0.0.1:7777"
DEFAULT_LOCK = "_DEFAULT_"
DELIMITER = ":::"
LOCK, UNLOCK = "LOCK", "UNLOCK"
GO, WAIT, LOCK_ERROR = "GO", "WAIT", "LOCK_ERROR"
RELEASED, RELEASE_ERROR, MSG_ERROR = "RELEASED", "RELEASE_ERROR", "MSG_ERROR"


class _Owner(NamedTuple):
    client: str
    since: float


class LockerServer(ZMQServer):
    """Gives locks by name, each to one client at a time."""

    def __init__(self, url: str = DEFAULT_URL) -> None:
        super().__init__(url)
        self._owners: dict[str, _Owner] = {}

    def run(self) -> None:
        """Serve until a client sends ``DONE``."""
        self._start()
        self._serve()

    def _answer(self, received: bytes) -> str:
        try:
            command, name, client, _ = received.decode().split(DELIMITER)
        except ValueError:  # of decoding, too
            return f"{MSG_ERROR}{DELIMITER}A request has four fields in UTF-8."
        if command == DONE:
            return CLOSED
        if command == PING:
            return PONG
        if command == LOCK:
            return self._lock(name, client)
        if command == UNLOCK:
            return self._unlock(name, client)
        return f"{MSG_ERROR}{DELIMITER}There is no command {command!r}."

    def _lock(self, name: str, client: str) -> str:
        owner = self._owners.get(name)
        if owner is None:
            self._owners[name] = _Owner(client, time.monotonic())
            return GO
        if owner.client == client:
            return f"{LOCK_ERROR}{DELIMITER}The client has lock {name!r} already."
        return WAIT

    def _unlock(self, name: str, client: str) -> str:
        owner = self._owners.get(name)
        if owner is None or owner.client != client:
            return f"{RELEASE_ERROR}{DELIMITER}The client does not have lock {name!r}."
        del self._owners[name]
        return RELEASED


class TimeOutLockerServer(LockerServer):
    """Gives a lock to the next client if its owner has had it for ``timeout`` seconds."""

    def __init__(self, url: str = DEFAULT_URL, timeout: float = 10.0) -> None:
        super().__init__(url)
        self.timeout = timeout
        self._timed_out: set[tuple[str, str]] = set()
        """(lock, client) for each client that lost a lock and was not notified yet."""

    def _lock(self, name: str, client: str) -> str:
        owner, now = self._owners.get(name), time.monotonic()
        if owner is not None and owner.client != client and now - owner.since >= self.timeout:
            self._timed_out.add((name, owner.client))
            self._timed_out.discard((name, client))
            self._owners[name] = _Owner(client, now)
            return f"{GO}{DELIMITER}Client {owner.client!r} had lock {name!r} for too long."
        answer = super()._lock(name, client)
        if answer == GO:
            self._timed_out.discard((name, client))
        return answer

    def _unlock(self, name: str, client: str) -> str:
        if (name, client) in self._timed_out:
            self._timed_out.discard((name, client))
            return f"{RELEASE_ERROR}{DELIMITER}The client had lock {name!r} for too long."
        return super()._unlock(name, client)


class LockerClient(ReliableClient):
    """A lock that a `LockerServer` gives; can be used wherever a lock can."""

    def __init__(self, url: str = DEFAULT_URL, lock_name: str = DEFAULT_LOCK) -> None:
        super().__init__(url)
        self.lock_name = lock_name
        self._id = ""

    @property
    def client_id(self) -> str:
        """What the server knows this process by."""
        return self._id or f"{socket.getfqdn()}__{os.getpid()}"

    def start(self, test_connection: bool = True) -> None:
        """Connect; see `ReliableClient.start`."""
        self._id = f"{socket.getfqdn()}__{os.getpid()}"
        super().start(test_connection)

    def acquire(self) -> bool:
        """Acquire the lock; return True.

        Raises
        ------
        RuntimeError
            This process has it already, or the server does not answer.
        """
        while True:
            answer, repeated = self._ask(LOCK)
            kind = answer.split(DELIMITER)[0]
            # After a repeated question the error is about the answer that got lost.
            if kind == GO or (kind == LOCK_ERROR and repeated):
                return True
            if kind != WAIT:
                raise RuntimeError(f"The lock cannot be had: {answer}")
            time.sleep(self.SLEEP)

    def release(self) -> None:
        """Give the lock back.

        Raises
        ------
        RuntimeError
            This process does not have it, perhaps for it had it for too long.
        """
        answer, repeated = self._ask(UNLOCK)
        kind = answer.split(DELIMITER)[0]
        if kind != RELEASED and not (kind == RELEASE_ERROR and repeated):
            raise RuntimeError(f"The lock could not be released: {answer}")

    def _request(self, text: str) -> bytes:
        fields = (text, self.lock_name, self.client_id, str(time.time()))
        return DELIMITER.join(fields).encode()

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_id": ""}


class ForkAwareLockerClient(ForkAwareClient, LockerClient):
    """A `LockerClient` that forked processes may use, too."""
