"""The process that says who may store."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from pypet.wrap_modes._net.addresses import Port
from pypet.wrap_modes._net.keys import ServerKey
from pypet.wrap_modes._net.server_socket import MALFORMED, Request, ServerSocket
from pypet.wrap_modes.netlock.lock_table import Claim, LockTable

ACQUIRE, RELEASE, RENEW = b"acquire", b"release", b"renew"
GRANTED, WAITING, RELEASED, LOST, PROBE = b"g", b"w", b"r", b"l", b"p"
SECONDS = struct.Struct("<d")
"""Follows `GRANTED`: for how long the owner may write without asking."""
_POLL_SECONDS = 0.5
_logger = logging.getLogger("pypet.wrap_modes")


class LockServerSetup(NamedTuple):
    """What the process is started with; can be inherited and pickled."""

    mode: str
    key: ServerKey
    port: Port
    reachable: bool
    timeout: float | None
    control: Connection
    helper_setup: Callable[[], Any] | None


def serve(setup: LockServerSetup) -> None:
    """Serve until the main process says that it is over, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if setup.helper_setup is not None:
        setup.helper_setup()
    socket = ServerSocket(setup.mode, setup.key)
    try:
        try:
            url = socket.bind(setup.port, reachable=setup.reachable)
        except OSError as error:
            setup.control.send(error)
            return
        setup.control.send(url)
        LockServer(socket, LockTable(setup.timeout)).run(setup.control)
    finally:
        socket.close()
        setup.key.withdraw()  # who made it may have been killed


class LockServer:
    """Answers claims, and notifies the owner when the lock passes on."""

    def __init__(self, socket: ServerSocket, table: LockTable) -> None:
        self._socket = socket
        self._table = table
        self._routes: dict[bytes, bytes] = {}

    def run(self, control: Connection) -> None:
        """Serve until ``control`` has something to say, or the main process is gone."""
        import zmq

        poller = zmq.Poller()
        for descriptor in self._socket.descriptors():
            poller.register(descriptor, zmq.POLLIN)
        parent = multiprocessing.parent_process()
        ends: list[Any] = [control] if parent is None else [control, parent.sentinel]
        if hasattr(control, "fileno") and not _is_windows():
            for end in ends:
                poller.register(end if isinstance(end, int) else end.fileno(), zmq.POLLIN)
        while not wait(ends, 0):
            left = self._table.seconds_to_next_look(time.monotonic())
            longest = _POLL_SECONDS if _is_windows() else 60.0
            poller.poll(int(1000 * (longest if left is None else min(left, longest))) + 1)
            self.look()

    def look(self) -> None:
        """Answer what has arrived, and take the lock from whom it is due."""
        for request in self._socket.receive():
            self._answer(request)
        table, now = self._table, time.monotonic()
        if not table.is_wanted:
            return
        owner = table.owner
        if owner is not None:
            lost = table.take_away(now, is_reachable=self._notify(owner, PROBE))
            if lost is not None:
                _logger.warning(
                    "A worker had the lock of the storage for too long, or is out of reach; the "
                    "lock passes to the next one."
                )
        self._grant_next(now)

    def _answer(self, request: Request) -> None:
        table, now = self._table, time.monotonic()
        claim = Claim(request.session, request.number)
        self._routes[request.session] = request.route
        command = bytes(request.body[:16])
        if command == ACQUIRE:
            if table.acquire(claim, now):
                self._notify_granted(claim, now)
            else:
                self._notify(claim, WAITING)
        elif command == RENEW:
            if table.renew(claim, now):
                self._notify_granted(claim, now)
            else:
                self._notify(claim, LOST)
        elif command == RELEASE:
            self._notify(claim, RELEASED if table.release(claim) else LOST)
            # Each claim comes with its route, and there may be a process for each of many runs.
            self._routes.pop(request.session, None)
            self._grant_next(now)
        else:
            self._socket.refusals.count(MALFORMED)

    def _grant_next(self, now: float) -> None:
        """Give a free lock to the first process that can be notified."""
        table = self._table
        while table.owner is None:
            claim = table.next_owner(now)
            if claim is None or self._notify_granted(claim, now):
                return
            table.forget(claim)

    def _notify_granted(self, claim: Claim, now: float) -> bool:
        return self._notify(claim, GRANTED + SECONDS.pack(self._table.lease(now)))

    def _notify(self, claim: Claim, what: bytes) -> bool:
        route = self._routes.get(claim.session)
        if route is not None and self._socket.answer(route, claim.number, what):
            return True
        self._routes.pop(claim.session, None)
        return False


def _is_windows() -> bool:
    import sys

    return sys.platform == "win32"
