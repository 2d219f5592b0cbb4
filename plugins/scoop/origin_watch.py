"""Ending a worker whose main process is gone, or out of reach for so long that it is given up.

SCOOP ends its workers by a message. A worker that no message reaches, because the cable of its
host was cut, would stay there for ever, and go on to store runs that others execute again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from time import monotonic, sleep

from pypet.plugins._workers.lifetime import terminate_process

KNOCK_SECONDS = 20.0
"""Time between two attempts to reach the main process, and how long one may take."""
LOST_SECONDS = 90.0
"""After so long without contact a worker ends; its main process gives it up earlier."""
FEWEST_ATTEMPTS = 3
"""Fewer that are in vain say nothing: code of a run may have kept this thread from looking."""

_watched: tuple[int, tuple[str, int]] | None = None


def end_without(address: tuple[str, int]) -> None:
    """Let this process end when nobody can be reached at host and port any more."""
    global _watched
    key = os.getpid(), address  # a fork has the name, but not the thread
    if _watched == key:
        return
    _watched = key
    watch = threading.Thread(target=_watch, args=(address,), name="pypet-origin", daemon=True)
    watch.start()


def _watch(address: tuple[str, int]) -> None:
    missed, contact = 0, monotonic()
    while missed < FEWEST_ATTEMPTS or monotonic() < contact + LOST_SECONDS:
        if _stay_in_touch(address):
            missed, contact = 0, monotonic()
        else:
            missed += 1
        sleep(KNOCK_SECONDS)
    terminate_process(os.getpid())


def _stay_in_touch(address: tuple[str, int]) -> bool:
    """Return False if there is no connection to be had, True when there was one and it has ended.

    Systems answer each other also if the main process is stopped, or busy. ZeroMQ ends connections
    that say nothing after half a minute, the system those whose other side does not answer.
    """
    try:
        connection = socket.create_connection(address, KNOCK_SECONDS)
    except OSError:
        return False
    with connection, contextlib.suppress(OSError):
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        seconds = max(1, int(KNOCK_SECONDS))
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
        if hasattr(socket, "TCP_KEEPCNT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        while connection.recv(1024):
            pass
    return True
