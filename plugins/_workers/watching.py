"""Ending a process of somebody else's executor when the main process is gone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import sys
import threading
from time import sleep

LOOK_SECONDS = 1.0
"""Time between two looks at a process that cannot be waited for."""
GRACE_SECONDS = 5.0
"""How long this process may take to end when asked to."""

_watched: set[tuple[int, int]] = set()


def end_with(main: int) -> None:
    """Let this process end when the process of id ``main`` does, if it is a child of that.

    Workers wait for ever for what a main process sends that was killed. Those that belong to
    somebody else, to a cluster for instance, are left alone.
    """
    key = (os.getpid(), main)  # a fork inherits the set, but not the thread
    if key in _watched or not _is_child_of(main):
        return
    _watched.add(key)
    threading.Thread(
        target=_end_after, args=(main, os.getpid()), name="pypet-watch", daemon=True
    ).start()


def _is_child_of(main: int) -> bool:
    parent = multiprocessing.parent_process()  # also where a fork server is in between
    return os.getppid() == main or (parent is not None and parent.pid == main)


def _end_after(main: int, own: int) -> None:
    _wait_for(main)
    end_process(own)


def end_process(own: int) -> None:
    """Ask a process, which may be this one, to end, and see to it that it does."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(own, signal.SIGTERM)
        sleep(GRACE_SECONDS)
        os.kill(own, getattr(signal, "SIGKILL", signal.SIGTERM))


def _wait_for(main: int) -> None:
    """Wait until a process is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an old kernel, a sandbox, or it is gone already
            descriptor = os.pidfd_open(main)
            try:
                select.select([descriptor], [], [])
                return
            finally:
                os.close(descriptor)
    parent = multiprocessing.parent_process()
    while os.getppid() == main or (parent is not None and parent.is_alive()):
        sleep(LOOK_SECONDS)
