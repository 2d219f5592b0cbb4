"""The lock as workers have it."""

from __future__ import annotations

import os
import time
from typing import Any

from pypet.errors import LeaseLostError
from pypet.support import leases
from pypet.wrap_modes._net.client_socket import ClientSocket, OnePerProcess
from pypet.wrap_modes._net.keys import WorkerKey
from pypet.wrap_modes.netlock.server import (
    ACQUIRE,
    GRANTED,
    LOST,
    RELEASE,
    RELEASED,
    RENEW,
    SECONDS,
    WAITING,
)

PATIENCE_SECONDS = 3.0
"""After so long without an answer one asks again, then by a new connection."""
RECONNECT_SECONDS = 30.0
"""How long the server's machine may be out of reach."""


class NetworkLock:
    """A lock that processes on any host share by inheriting or unpickling it.

    An owner that is killed or unreachable loses the lock within some seconds if another one waits
    for it. Threads of one process are not kept apart: who has the lock may acquire it again, and
    it is free when it was released as often.
    """

    def __init__(self, url: str, key: WorkerKey) -> None:
        self._socket = ClientSocket(url, key)
        self._main_pid = os.getpid()
        self._number = 0
        self._lease_ends = 0.0
        self._depth = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _in_this_process, (self._socket.url, self._socket.key, self._main_pid)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return self._socket.url

    def acquire(self) -> bool:
        """Acquire the lock; return True.

        Raises
        ------
        LeaseLostError
            The server is unreachable, so the owner of the lock is unknown.
        """
        if not self._socket.is_mine():
            self._socket.begin()
            self._number = self._depth = 0
        if self._depth:
            self._depth += 1
            return True
        self._number += 1
        try:
            if not self._ask(ACQUIRE):
                raise LeaseLostError("The server of the lock has forgotten who waits for it.")
        except BaseException:
            self.close()  # whatever the server thinks: this process is another one from now on
            raise
        self._depth = 1
        leases.register(self, self.check)
        return True

    def release(self) -> None:
        """Give the lock back.

        Raises
        ------
        LeaseLostError
            It has passed to another process in the meantime.
        """
        if self._depth > 1:
            self._depth -= 1
            return
        self._depth = 0
        leases.unregister(self)
        try:
            if not self._ask(RELEASE):
                raise LeaseLostError(
                    "The lock of the storage was taken from this process before it gave it back; "
                    "see option `timeout`."
                )
        finally:
            if os.getpid() == self._main_pid:
                self.close()  # a connection has threads, and this process may be forked

    def check(self) -> None:
        """Make sure that the lock is still this process's, before something is written.

        Raises
        ------
        LeaseLostError
            It is not, or its owner is unknown.
        """
        if not self._socket.is_mine():
            return  # a fork of the owner
        if time.monotonic() < self._lease_ends:
            return
        if not self._ask(RENEW):
            raise LeaseLostError(
                "The lock of the storage has passed to another process, because this one had it "
                "for longer than `timeout` or was out of reach; nothing is written. Give a longer "
                "timeout, or none."
            )

    def close(self) -> None:
        """End the connection of this process."""
        leases.unregister(self)
        self._depth = 0
        if self._socket.is_mine():
            self._socket.close()

    def _ask(self, command: bytes) -> bool:
        """Return what the server answers: whether the lock is, or was, this process's."""
        socket, is_silent = self._socket, False
        asked = self._send(command)
        while True:
            answer = socket.receive(PATIENCE_SECONDS)
            if answer is None:
                if is_silent and not socket.reconnect(RECONNECT_SECONDS):
                    raise LeaseLostError(
                        f"The server of the lock at {socket.url} has been out of reach for "
                        f"{RECONNECT_SECONDS:g} seconds."
                    )
                is_silent = not is_silent
                asked = self._send(command)
                continue
            number, what = answer
            kind = what[:1]
            if number != self._number or (kind != WAITING and kind not in _ANSWERS[command]):
                continue  # to something older
            is_silent = False
            if kind == WAITING:
                command, asked = ACQUIRE, 0.0
                continue
            if kind == GRANTED and not asked:
                # It may have been under way for long: count from a question.
                command = RENEW
                asked = self._send(command)
                continue
            if kind == GRANTED:
                self._lease_ends = asked + SECONDS.unpack(what[1:])[0]
            return kind in (GRANTED, RELEASED)

    def _send(self, command: bytes) -> float:
        asked = time.monotonic()
        self._socket.send(self._number, [command])
        return asked


_ANSWERS = {
    ACQUIRE: (GRANTED,),
    RENEW: (GRANTED, LOST),
    RELEASE: (RELEASED, LOST),
}


def _in_this_process(url: str, key: WorkerKey, main_pid: int) -> NetworkLock:
    lock: NetworkLock = _locks.get(url, key)
    lock._main_pid = main_pid
    return lock


_locks = OnePerProcess(NetworkLock)
