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
from pypet.wrap_modes._local.parcels import NO_RUN, Parcel, Question
from pypet.wrap_modes._local.relay import Relay
from pypet.wrap_modes._local.storing import FLUSH_SECONDS, Store

FINISH = "finish"
MOST_FAILURES_TOLD = 20
"""A report fits into the buffer of a pipe, so that the writer never waits for its reader."""
SELECTS_ALL = sys.platform != "win32"
"""Whether a selector can look at pipes and processes, too, not only at sockets."""
_logger = logging.getLogger("pypet.wrap_modes")


class Report(NamedTuple):
    """What became of parcels since the last report."""

    durable: int
    """Everything is durable that is older than the question of this number, or is a failure that
    was told of."""
    failures: list[Failure]
    refusals: int
    """How many parcels were refused since the last one that was stored."""
    has_lost_rows: bool = False
    """Whether rows of the run table were not stored, at any time."""
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
        """Take everything that was sent so far, and wait for the rest of what is on its way."""

    @abstractmethod
    def sweep(self, parcels: deque[Parcel]) -> None:
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
    """Parcels that may wait in memory; 0 for any number."""
    gc_interval: int | None
    helper_setup: Callable[[], Any] | None


def write(setup: WriterSetup) -> None:
    """Take and store parcels until told to finish, or until the main process is gone."""
    # Whoever ends a whole group of processes may do so while runs are still ending: the main
    # process tells when it is over, or is gone.
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
        self._store = Store(setup.service, setup.gc_interval)
        self._parcels: deque[Parcel] = deque()
        self._told_durable = 0
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
        for _ in range(min(len(self._parcels), self._source.stores_between_looks)):
            self._store_next()
        self._store.flush_if_due()

    def _store_next(self) -> None:
        question = self._parcels[0].content
        if not isinstance(question, Question):
            del question  # else the memory that it is in could not be used again
            self._store.store(self._parcels.popleft())
            return
        self._parcels.popleft()
        if question.rows is not None:
            self._store.store_rows(question.rows, question.known_failures)
        self._store.pass_mark(question.number)

    # ----- what the main process says ------------------------------------------------------

    def _take_command(self, parcels: deque[Parcel]) -> None:
        try:
            command = self._control.recv()
        except (EOFError, OSError):
            self._finishing = True
            return
        if command == FINISH:
            self._finishing = True
            return
        self._tell(self._next_report())
        # What finished runs have handed over is here, or in a buffer: before the question.
        self._source.sweep(parcels)
        parcels.append(Parcel(NO_RUN, command))

    def _take_last_question(self) -> None:
        """Take what the main process has asked before it was gone."""
        with contextlib.suppress(EOFError, OSError):
            if self._control.poll(0):
                self._take_command(self._parcels)

    def _take_orphaning(self, parcels: deque[Parcel]) -> None:
        _logger.error("The main process is gone; storing what was handed over, then ending.")
        self._finishing = True

    def _next_report(self) -> Report:
        store = self._store
        failures = store.failures[:MOST_FAILURES_TOLD]
        del store.failures[:MOST_FAILURES_TOLD]
        if not store.failures:
            self._told_durable = store.durable_mark
        return Report(self._told_durable, failures, store.refusals, store.has_lost_rows)

    def _finish(self) -> None:
        """Store everything that was sent, then tell what became of it."""
        store = self._store
        self._take_last_question()
        self._source.drain(self._parcels)
        while self._parcels:
            self._store_next()
        store.let_go()
        self._source.close()
        self._selector.close()
        last = Report(
            store.durable_mark, store.failures, store.refusals, store.has_lost_rows, is_last=True
        )
        self._tell(last)

    def _tell(self, report: Report) -> None:
        with contextlib.suppress(OSError):  # nobody is there to be told
            self._control.send(report)
