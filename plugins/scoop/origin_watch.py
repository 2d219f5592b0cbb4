"""Ending a worker whose main process is gone, or out of reach for so long that it is given up.

SCOOP ends its workers by a message. A worker that no message reaches, because the cable of its
host was cut, would stay there for ever, and go on to store runs that others execute again.
"""

from __future__ import annotations

import os
import socket
import threading
from time import monotonic, sleep

from pypet.plugins._workers.watching import end_process

KNOCK_SECONDS = 20.0
"""Time between two looks, and how long one may take."""
LOST_SECONDS = 90.0
"""After so long without contact a worker ends; its main process gives it up earlier."""
FEWEST_KNOCKS = 3
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
    while missed < FEWEST_KNOCKS or monotonic() < contact + LOST_SECONDS:
        sleep(KNOCK_SECONDS)
        if _is_there(address):
            missed, contact = 0, monotonic()
        else:
            missed += 1
    end_process(os.getpid())


def _is_there(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, KNOCK_SECONDS).close()
    except OSError:
        return False
    return True
