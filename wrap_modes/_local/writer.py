"""The loop of a process that receives messages and stores them."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import selectors
import signal
import socket
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces import StorageService
from pypet.services.messages import NO_RUN, Failure, StatusRequest, StoreMessage
from pypet.wrap_modes._local.sink import FLUSH_SECONDS, StorageSink

FINISH = "finish"
MAX_FAILURES_PER_REPORT = 20
"""A report fits into the buffer of a pipe, so that the writer never waits for its reader."""
SELECTS_ALL = sys.platform != "win32"
"""Whether a selector can look at pipes and processes, too, not only at sockets."""
_logger = logging.getLogger("pypet.wrap_modes")


Take = Callable[[deque[StoreMessage]], None]
"""Takes what has arrived and appends it."""


class StatusReport(NamedTuple):
    """What became of messages since the last report."""

    durable: int
    """Everything is durable that is older than the request of this number, or is a failure
    that was reported."""
    failures: list[Failure]
    refusals: int
    """How many messages were refused since the last one that was stored."""
    has_lost_rows: bool = False
    """Whether rows of the run table were not stored, at any time."""
    is_last: bool = False


class Source(ABC):
    """Where messages come from; lives in the writer process."""

    stores_between_looks: ClassVar[int] = 1
    """How many messages may be stored before the source is looked at again."""

    @abstractmethod
    def register(self, selector: selectors.BaseSelector) -> None:
        """Register what becomes readable when there is something to `take`; data is a callable
        that takes the deque for messages."""

    @abstractmethod
    def drain(self, messages: deque[StoreMessage]) -> None:
        """Receive everything that was sent so far, and wait for messages in transit."""

    @abstractmethod
    def sweep(self, messages: deque[StoreMessage]) -> None:
        """Take everything that was sent so far, without waiting."""

    @abstractmethod
    def close(self) -> None:
        """Stop listening."""


class WriterSetup(NamedTuple):
    """What a writer process is started with; can be inherited and pickled."""

    source: Source
    service: StorageService
    control: Connection
    maxsize: int
    """Store messages that may wait in memory; 0 for any number."""
    gc_interval: int | None
    helper_setup: Callable[[], Any] | None


def write(setup: WriterSetup) -> None:
    """Receive and store messages until asked to finish, or until the main process is gone."""
    # Whoever ends a whole group of processes may do so while runs are still ending: the main
    # process sends the end, or is gone.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if setup.helper_setup is not None:
        setup.helper_setup()
    Writer(setup).run()


class Writer:
    """One thread that takes in and stores by turns."""

    def __init__(self, setup: WriterSetup) -> None:
        self._source = setup.source
        self._control = setup.control
        self._maxsize = setup.maxsize
        self._store = StorageSink(setup.service, setup.gc_interval)
        self._messages: deque[StoreMessage] = deque()
        self._reported_durable = 0
        self._finishing = False
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until asked to finish."""
        selector = self._selector
        self._source.register(selector)
        things: dict[Any, Take] = {self._control: self._take_command}
        parent = multiprocessing.parent_process()
        if parent is not None:
            things[parent.sentinel] = self._take_orphaning
        if not SELECTS_ALL:
            relay = Relay(things)
            things = {relay: relay.take}
        for thing, take in things.items():
            selector.register(thing, selectors.EVENT_READ, take)
        try:
            while not self._finishing:
                self._look()
                self._store_some()
        finally:
            self._finish()

    def _look(self) -> None:
        """Take what has arrived; wait for it if there is nothing to store."""
        messages = self._messages
        is_full = 0 < self._maxsize <= len(messages)
        if is_full:
            return
        timeout = 0.0 if messages else (FLUSH_SECONDS if self._store.has_unflushed else None)
        ready = self._selector.select(timeout)
        if not ready and not messages:
            self._store.flush_if_due(idle=True)
        for key, _ in ready:
            key.data(messages)

    def _store_some(self) -> None:
        for _ in range(min(len(self._messages), self._source.stores_between_looks)):
            self._store_next()
        self._store.flush_if_due()

    def _store_next(self) -> None:
        request = self._messages[0].content
        if not isinstance(request, StatusRequest):
            del request  # else the memory that it is in could not be used again
            self._store.store(self._messages.popleft())
            return
        self._messages.popleft()
        if request.rows is not None:
            self._store.store_rows(request.rows, request.known_failures)
        self._store.pass_mark(request.number)

    # ----- commands of the main process ------------------------------------------------------

    def _take_command(self, messages: deque[StoreMessage]) -> None:
        try:
            command = self._control.recv()
        except (EOFError, OSError):
            self._finishing = True
            return
        if command == FINISH:
            self._finishing = True
            return
        self._send_report(self._next_report())
        # What finished runs have handed over is here, or in a buffer: before the request.
        self._source.sweep(messages)
        messages.append(StoreMessage(NO_RUN, command))

    def _take_last_question(self) -> None:
        """Take a status request that the main process sent before it died."""
        with contextlib.suppress(EOFError, OSError):
            if self._control.poll(0):
                self._take_command(self._messages)

    def _take_orphaning(self, messages: deque[StoreMessage]) -> None:
        _logger.error("The main process is gone; storing what was handed over, then ending.")
        self._finishing = True

    def _next_report(self) -> StatusReport:
        store = self._store
        failures = store.failures[:MAX_FAILURES_PER_REPORT]
        del store.failures[:MAX_FAILURES_PER_REPORT]
        if not store.failures:
            self._reported_durable = store.durable_mark
        return StatusReport(self._reported_durable, failures, store.refusals, store.has_lost_rows)

    def _finish(self) -> None:
        """Store everything that was sent, then send the last report."""
        store = self._store
        self._take_last_question()
        self._source.drain(self._messages)
        while self._messages:
            self._store_next()
        store.close_on_exit()
        self._source.close()
        self._selector.close()
        last = StatusReport(
            store.durable_mark, store.failures, store.refusals, store.has_lost_rows, is_last=True
        )
        self._send_report(last)

    def _send_report(self, report: StatusReport) -> None:
        with contextlib.suppress(OSError):  # the main process is gone
            self._control.send(report)


# ----- platforms without a general select -----------------------------------------------------


class Relay:
    """Makes a socket readable when a connection or the sentinel of a process is ready.

    A thread waits for them, as long as the process lives. It goes on when `take` was called, so
    that nothing is reported twice.
    """

    def __init__(self, takers: Mapping[Any, Callable[..., None]]) -> None:
        """``takers``: called, with the arguments of `take`, when the key is ready."""
        self._takers = takers
        self._ready: list[Any] = []
        self._ours, self._theirs = socket.socketpair()
        threading.Thread(target=self._watch, daemon=True).start()

    def fileno(self) -> int:
        """Return the descriptor for a selector."""
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
