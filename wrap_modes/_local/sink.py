"""The storage as the end of a queue: messages are stored one after the other, failures noted."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from pypet import pypetconstants as constants
from pypet.interfaces import StorageService, adapted
from pypet.records import StoreRequest
from pypet.services.backend import RecordBackend
from pypet.services.messages import NO_RUN, Failure, StoreMessage
from pypet.wrap_modes._local.run_tables import without_runs

FLUSH_SECONDS = 0.5
_logger = logging.getLogger("pypet.wrap_modes")


class GarbageCollection:
    """Collects garbage at the first of every ``interval`` operations; never for None."""

    def __init__(self, interval: int | None) -> None:
        self._interval = interval
        self._operations = 0

    def count(self) -> None:
        """Count an operation, and collect if it is time to."""
        if not self._interval:
            return
        if self._operations % self._interval == 0:
            _logger.debug("Collecting garbage after %d operations", self._operations)
            gc.collect()
        self._operations += 1


class StorageSink:
    """Stores messages with a service of its own; what fails is noted, not raised."""

    def __init__(self, service: StorageService, gc_interval: int | None) -> None:
        self._service = adapted(service)
        self._garbage = GarbageCollection(gc_interval)
        self._open = ExitStack()
        self._trajectory: str | None = None
        self._unflushed: set[int] = set()
        self._has_unflushed_rows = False
        self._flushed_at = time.monotonic()
        self._mark = 0
        self._refusals = 0
        self.failures: list[Failure] = []
        self.failed_runs: list[int] = []
        """The run of each failure so far, in the order of `failures`, which may be emptied."""
        self.durable_mark = 0
        """Everything is durable, or has failed, that came before this mark; see `pass_mark`."""
        self.has_lost_rows = False
        """Whether rows of the run table were not stored."""

    def store(self, message: StoreMessage) -> None:
        """Store a message."""
        run = message.run
        try:
            name = message.trajectory
            if name and name != self._trajectory:
                self._switch(name)
            message.store(self._service)
        except Exception as error:
            failure = Failure.of(message, error)
            self._fail([failure])
            _logger.error("Not stored: %s", failure, exc_info=error)
            return
        self._refusals = 0
        if run != NO_RUN:
            self._unflushed.add(run)
        self._garbage.count()

    def store_rows(self, request: StoreRequest, known_failures: int) -> None:
        """Store rows of the run table, except those of runs whose data was not stored.

        The first ``known_failures`` failures are taken into account in the rows already. That
        rows are not stored is not a failure: who sent them has them still.
        """
        failed = self.failed_runs[known_failures:]
        try:
            if request.trajectory != self._trajectory:
                self._switch(request.trajectory)
            self._service.apply(without_runs(request, failed))  # type: ignore[attr-defined]
        except Exception as error:
            self.has_lost_rows = True
            _logger.warning("Which runs are completed could not be stored yet: %r", error)
            return
        self._has_unflushed_rows = True

    def pass_mark(self, number: int) -> None:
        """Note that everything was stored that came before a mark; their numbers ascend."""
        self._mark = number
        if not self.has_unflushed:
            self.durable_mark = number

    @property
    def refusals(self) -> int:
        """How many messages were refused since the last one that was stored."""
        return self._refusals

    def flush_if_due(self, *, idle: bool = False) -> None:
        """Flush unless that was done less than `FLUSH_SECONDS` ago, or at once if ``idle``."""
        if self.has_unflushed and (idle or time.monotonic() - self._flushed_at > FLUSH_SECONDS):
            self._attempt("flush", self._flush)

    @property
    def has_unflushed(self) -> bool:
        """Whether a flush would do something."""
        return bool(self._unflushed) or self._has_unflushed_rows

    def close(self) -> None:
        """Write everything and close the storage."""
        self._attempt("close", self._close)

    def close_on_exit(self) -> None:
        """Write everything and leave the storage to others; the process is to end then."""
        self._attempt("close", self._close_on_exit)

    def _flush(self) -> None:
        if not isinstance(self._service, RecordBackend):
            self._service.store(constants.FLUSH, None, trajectory_name=self._trajectory)
        elif not self._service.try_flush(durable=True):
            self._flushed_at = time.monotonic()  # others are reading; it is tried again
            return
        self._mark_flushed()

    def _close(self) -> None:
        self._open.close()
        self._trajectory = None
        self._mark_flushed()

    def _close_on_exit(self) -> None:
        self._service.close_on_exit()
        self._close()

    def _mark_flushed(self) -> None:
        self._unflushed.clear()
        self._has_unflushed_rows = False
        self._flushed_at = time.monotonic()
        self.durable_mark = self._mark

    def _fail(self, failures: Sequence[Failure]) -> None:
        self.failures += failures
        self.failed_runs += [failure.run for failure in failures]
        self._refusals += sum(failure.is_general for failure in failures)

    def _switch(self, trajectory: str) -> None:
        self._close()
        self._open.enter_context(self._service.kept_open(trajectory))
        self._trajectory = trajectory

    def _attempt(self, what: str, action: Any) -> None:
        """Do something that concerns all runs since the last flush."""
        try:
            action()
        except Exception as error:
            _logger.error("The storage could not %s", what, exc_info=error)
            cause = f"{type(error).__name__}: {error}"
            runs = sorted(self._unflushed) or [NO_RUN]
            self._fail([Failure(run, f"{what} of the storage", cause, True) for run in runs])
            self.has_lost_rows = self.has_lost_rows or self._has_unflushed_rows
            self._mark_flushed()
