"""The writer's side: what workers send, each message once and in order."""

from __future__ import annotations

import contextlib
import selectors
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import ClassVar

from pypet.services.messages import NO_RUN, StoreMessage, Unreadable, load
from pypet.wrap_modes._local.framing import decode_batch
from pypet.wrap_modes._local.writer import Source
from pypet.wrap_modes._net.addresses import Port
from pypet.wrap_modes._net.keys import ServerKey
from pypet.wrap_modes._net.server_socket import MALFORMED, REPEATED, Request, ServerSocket

_MAX_SESSIONS = 100_000
"""Workers of which it is remembered what they have sent; the latest ones."""


class NetworkListener(Source):
    """Takes messages from workers that have the key, and answers what it has.

    An answer says up to which number messages of a worker have been taken: one answer for many.
    """

    stores_between_looks: ClassVar[int] = 16

    def __init__(self, mode: str, key: ServerKey, port: Port, reachable: bool, replies: Connection):
        """Listen once registered; send the address, or the error, to ``replies``."""
        self._mode = mode
        self._key = key
        self._port = port
        self._reachable = reachable
        self._replies = replies
        self._taken: OrderedDict[bytes, int] = OrderedDict()
        self._server: ServerSocket | None = None
        self._unregister: list[Callable[[], object]] = []

    def register(self, selector: selectors.BaseSelector) -> None:
        """Listen, and register what becomes readable then.

        Raises
        ------
        SystemExit
            It cannot listen; the error was sent.
        """
        server = ServerSocket(self._mode, self._key)
        try:
            url = server.bind(self._port, reachable=self._reachable)
        except OSError as error:
            self._replies.send(error)
            server.close()
            raise SystemExit(1) from error
        self._server = server
        for descriptor in server.descriptors():
            selector.register(descriptor, selectors.EVENT_READ, self.sweep)
            self._unregister.append(partial(selector.unregister, descriptor))
        self._replies.send(url)
        self._replies.close()

    def sweep(self, messages: deque[StoreMessage]) -> None:
        """Take everything that has arrived and answer it."""
        server = self._server
        assert server is not None
        routes: dict[bytes, bytes] = {}
        while True:
            for request in server.receive():
                self._take(request, messages)
                routes[request.session] = request.route
            if not routes:
                return
            # Answering may have received messages that are no longer signalled, so check again.
            for session, route in routes.items():
                server.answer(route, self._taken.get(session, 0))
            routes.clear()

    def drain(self, messages: deque[StoreMessage]) -> None:
        """Take everything: a worker has no answer for what is not here, and reports no run."""
        self.sweep(messages)

    def close(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        for unregister in self._unregister:
            with contextlib.suppress(KeyError, ValueError):
                unregister()
        if server is not None:
            server.close()
        self._key.withdraw()  # who made it may have been killed

    def _take(self, request: Request, messages: deque[StoreMessage]) -> None:
        taken, server = self._taken, self._server
        assert server is not None
        latest = taken.get(request.session, 0)
        if request.number <= latest:
            server.refusals.count(REPEATED)
            return
        if request.number > latest + 1:
            return  # one before it was lost; both will be sent again
        try:
            found = list(map(load, decode_batch(request.body)))
        except ValueError as error:
            # It comes from a worker, so something is lost, unlike with a foreign message.
            server.refusals.count(MALFORMED)
            found = [StoreMessage(NO_RUN, Unreadable(error))]
        messages.extend(found)
        taken[request.session] = request.number
        taken.move_to_end(request.session)
        if len(taken) > _MAX_SESSIONS:
            taken.popitem(last=False)
