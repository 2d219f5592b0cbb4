"""Waiting for connections and processes where a selector only knows sockets, as on Windows."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from typing import Any


class Relay:
    """Makes a socket readable when a connection or the sentinel of a process is ready.

    A thread waits for them, as long as the process lives. It goes on when `take` was called, so
    that nothing is told twice.
    """

    def __init__(self, takers: Mapping[Any, Callable[..., None]]) -> None:
        """``takers`` says what is called, with the arguments of `take`, if a thing is ready."""
        self._takers = takers
        self._ready: list[Any] = []
        self._ours, self._theirs = socket.socketpair()
        threading.Thread(target=self._watch, daemon=True).start()

    def fileno(self) -> int:
        """Return what a selector can be told to look at."""
        return self._ours.fileno()

    def take(self, *args: Any) -> None:
        """Call the takers of what is ready."""
        self._ours.recv(1)
        for thing in self._ready:
            self._takers[thing](*args)
        self._ours.send(b"t")

    def _watch(self) -> None:
        while True:
            self._ready = list(wait(list(self._takers)))
            self._theirs.send(b"r")
            self._theirs.recv(1)
