"""The loop of a process that takes parcels and stores them."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import selectors
import signal
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces import StorageService
from pypet.wrap_modes._local.failures import Failure
from pypet.wrap_modes._local.parcels import Parcel
from pypet.wrap_modes._local.relay import Relay
from pypet.wrap_modes._local.storing import FLUSH_SECONDS, Store

REPORT, FINISH = "report", "finish"
MOST_RUNS_TOLD, MOST_FAILURES_TOLD = 2000, 20
"""A report fits into the buffer of a pipe, so that the writer never waits for its reader."""
SELECTS_ALL = sys.platform != "win32"
"""Whether a selector can look at pipes and processes, too, not only at sockets."""
_logger = logging.getLogger("pypet.wrap_modes")


class Report(NamedTuple):
    """What became of parcels since the last report."""

    durable: list[int]
    failures: list[Failure]
    is_last: bool = False


class Source(ABC):
    """Where parcels come from; lives in the writer process."""

    stores_between_looks: ClassVar[int] = 1
    """How many parcels may be stored before the source is looked at again."""

    @abstractmethod
    def register(self, selector: selectors.BaseSelector) -> None:
        """Register what becomes readable when there is something to `take`; data is a callable
        that takes the deque for parcels."""

    @abstractmethod
    def drain(self, parcels: deque[Parcel]) -> None:
        """Take everything that was sent so far."""

    @abstractmethod
    def close(self) -> None:
        """Stop listening."""


class WriterSetup(NamedTuple):
    """What a writer process is started with; can be inherited and pickled."""

    source: Source
    service: StorageService
    control: Connection
    maxsize: int
    """Parcels that may wait in memory; 0 for any number."""
    gc_interval: int | None
    helper_setup: Callable[[], Any] | None


def write(setup: WriterSetup) -> None:
    """Take and store parcels until told to finish, or until the main process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # runs are still ending then
    if setup.helper_setup is not None:
        setup.helper_setup()
    Writer(setup).run()


class Writer:
    """One thread that takes in and stores by turns."""

    def __init__(self, setup: WriterSetup) -> None:
        self._source = setup.source
        self._control = setup.control
        self._maxsize = setup.maxsize
        self._store = Store(setup.service, setup.gc_interval)
        self._parcels: deque[Parcel] = deque()
        self._finishing = False
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until told to finish."""
        selector = self._selector
        self._source.register(selector)
        things: dict[Any, Callable[[deque[Parcel]], None]] = {self._control: self._take_command}
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
        parcels = self._parcels
        is_full = 0 < self._maxsize <= len(parcels)
        if is_full:
            return
        timeout = 0.0 if parcels else (FLUSH_SECONDS if self._store.has_unflushed else None)
        ready = self._selector.select(timeout)
        if not ready and not parcels:
            self._store.flush_if_due(idle=True)
        for key, _ in ready:
            key.data(parcels)

    def _store_some(self) -> None:
        parcels, store = self._parcels, self._store
        for _ in range(min(len(parcels), self._source.stores_between_looks)):
            store.store(parcels.popleft())
        store.flush_if_due()

    # ----- what the main process says ------------------------------------------------------

    def _take_command(self, parcels: deque[Parcel]) -> None:
        try:
            command = self._control.recv()
        except (EOFError, OSError):
            self._finishing = True
            return
        if command == FINISH:
            self._finishing = True
        else:
            self._tell(self._next_report())

    def _take_orphaning(self, parcels: deque[Parcel]) -> None:
        _logger.error("The main process is gone; storing what was handed over, then ending.")
        self._finishing = True

    def _next_report(self) -> Report:
        store = self._store
        durable = store.durable[:MOST_RUNS_TOLD]
        failures = store.failures[:MOST_FAILURES_TOLD]
        del store.durable[:MOST_RUNS_TOLD], store.failures[:MOST_FAILURES_TOLD]
        return Report(durable, failures)

    def _finish(self) -> None:
        """Store everything that was sent, then tell what became of it."""
        store = self._store
        self._source.drain(self._parcels)
        while self._parcels:
            store.store(self._parcels.popleft())
        store.let_go()
        self._source.close()
        self._selector.close()
        self._tell(Report(store.durable, store.failures, is_last=True))

    def _tell(self, report: Report) -> None:
        with contextlib.suppress(OSError):  # nobody is there to be told
            self._control.send(report)
