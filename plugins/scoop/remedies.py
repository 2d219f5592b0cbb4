"""What is put right in SCOOP 0.7.2, its last release, from within its own processes.

Its processes are running when pypet is first imported there, so nothing is exchanged that they
have begun to use: only settings that they read again, and names in modules.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

STATUS_REPORT_SECONDS = 10**8
MAIN = "__main__"
WORKER_MAIN = "SCOOP_WORKER"
"""Name under which workers import the main script."""


def stop_status_reports() -> None:
    """Let the thread that tells the broker which futures are under way go to sleep for good.

    It uses a socket that the main thread uses as well, which ZeroMQ forbids: the process aborts if
    both do at the same moment. It also iterates over a set that the main thread changes, and
    leaves out the future that is being executed, for which the broker then takes it as lost. Lost
    runs are found in another way, see `pypet.plugins.scoop.workforce.Workforce`.
    """
    import scoop

    scoop.TIME_BETWEEN_STATUS_REPORTS = STATUS_REPORT_SECONDS


class _SparingRequests:
    """Asks the broker for a future, but not after one that did not come from there."""

    def __init__(self, request: Callable[[], None]) -> None:
        self._request = request
        self.is_due = True

    def __call__(self) -> None:
        if self.is_due:
            self._request()
        self.is_due = True


def request_sparingly() -> None:
    """Let this worker have one request at the broker at a time, not one more for each batch.

    The broker keeps all of them, and hands out by them what the main script itself submits.
    """
    from scoop import _control

    queue: Any = _control.execQueue
    if not isinstance(queue.requestFuture, _SparingRequests):
        queue.requestFuture = _SparingRequests(queue.requestFuture)


def note_direct_future() -> None:
    """Note that the present future has not come from the broker.

    The request that follows it is left out, for it did not use one up. And if it waits for futures
    of its own, it is not asked for at the broker, which would take it as lost.
    """
    import scoop

    control: Any = getattr(scoop, "_control", None)
    queue = None if control is None else control.execQueue
    if queue is None:
        return
    queue.inprogress.add(control.current)
    if isinstance(queue.requestFuture, _SparingRequests):
        queue.requestFuture.is_due = False


def end_silent_connections(port: int, seconds: float) -> None:
    """Let connections to a port of this process end when the other side is silent for long.

    A host that vanishes does not close its connections, and SCOOP has not told ZeroMQ to find
    that out. Without this they end after a time of the system's, a quarter of an hour with Linux;
    so they do where the system is another one. Connections that are made later have it from the
    socket that listens.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for each in _own_sockets():
        if each.type == socket.SOCK_STREAM and each.getsockname()[1:2] == (port,):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * seconds))


def _own_sockets() -> Iterator[socket.socket]:
    """Yield the internet sockets of this process, whatever opened them."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            copy = os.dup(int(name))
        except OSError:  # closed meanwhile
            continue
        with socket.socket(fileno=copy) as own:
            if own.family in (socket.AF_INET, socket.AF_INET6):
                yield own


def name_main_script() -> None:
    """Let what the main script defines have the same full name in workers as in the origin.

    Otherwise classes of parameters and results would be stored under another name there, and what
    runs return would be pickled by a name that the main process does not know.
    """
    module = sys.modules.get(WORKER_MAIN)
    if isinstance(module, ModuleType):
        adopt(module)


def adopt(module: ModuleType) -> None:
    """Let what a module defines say that it belongs to the main script, and be found there."""
    main = sys.modules[MAIN]
    for name, thing in list(vars(module).items()):
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        try:
            thing.__module__ = MAIN
        except (AttributeError, TypeError):  # an object without attributes of its own
            continue
        if not hasattr(main, name):
            setattr(main, name, thing)


def know_worker_names() -> None:
    """Let the main process unpickle what workers pickle by their name of the main script."""
    sys.modules.setdefault(WORKER_MAIN, sys.modules[MAIN])
