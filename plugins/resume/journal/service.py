"""The storage service of resumable experiments: runs store into the journal first."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Self

from pypet.plugins.resume.journal.following import Attempt, Committed, Follower, Place
from pypet.plugins.resume.journal.frames import Kind, encode
from pypet.plugins.resume.journal.requests import (
    commit_frame,
    commit_frame_without_data,
    data_frame,
    joined,
    request_in,
)
from pypet.plugins.resume.journal.segments import SegmentWriter, SharedSegmentWriter
from pypet.records import (
    NO_RUN,
    ArrayItem,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    NodeRecord,
    PutNode,
    StoreRequest,
)
from pypet.records.compact import PickledRequest
from pypet.services import RecordStorageService
from pypet.services.backend import is_applied
from pypet.services.forwarding import ForwardingService
from pypet.services.overlay import Overlay
from pypet.services.request_builder import OUTSIDE, origin_of

_DELETIONS = frozenset((DeleteNode, DeleteItems, DeleteLink))
_LARGE_BYTES = 1 << 18
"""Data of a run from this size on is not written twice."""
MAX_RUNS_PER_REQUEST = 256
"""So many runs at the most are stored at once."""
MAX_BYTES_OF_JOINED_RUN = 16384
"""Runs that store more are stored one by one."""


class _Here:
    """What a service has in one process; children and copies begin anew."""

    def __init__(self, segment: SegmentWriter, committed: set[int], *, is_main: bool) -> None:
        self.pid = os.getpid()
        self.segment = segment
        self.committed = committed
        self.is_main = is_main
        """Whether the user's code is executed here, which may fork: there are no threads then."""
        self.pending: dict[Attempt, list[Place]] = {}
        """Where the data of attempts is that are not committed."""
        self.published: dict[Attempt, int] = {}
        """How many of their requests are in the storage already, for shared data."""
        self.void: dict[Attempt, Exception] = {}
        self.latest: Attempt | None = None
        """That which was committed here last."""
        self.synced_at = time.monotonic()


def _node_of_large(request: StoreRequest) -> str | None:
    """Return the last node of a request whose data is large, and that only adds nodes; else None.

    The storage takes a request as a whole, so that node tells whether all of it is there.
    """
    size, last = 0, None
    for operation in request.operations:
        if type(operation) is not PutNode or operation.overwrite is not False:
            return None
        if operation.is_leaf:
            last = operation.path
            for item in operation.items:
                if type(item) is ArrayItem:
                    size += item.value.nbytes
    return last if size >= _LARGE_BYTES else None


class JournaledService(ForwardingService):
    """Stands before the storage service of an experiment while its runs are executed.

    What a run stores is appended to a segment of the journal. With its commit it is complete, and
    only then the storage gets it: from the one process that stores, or, if the service is
    ``shared`` by workers, from the main process, which follows the segments. Everything that
    comes from outside of runs goes to the storage at once.
    """

    joins_runs: ClassVar[bool] = False

    def __init__(
        self,
        service: RecordStorageService,
        folder: str,
        segment: SegmentWriter,
        *,
        committed: set[int],
        follower: Follower | None,
        interval: float,
    ) -> None:
        """``segment`` is that of the main process, or of all processes of this host if shared.

        ``committed`` are the runs that the storage has already; others are added. ``follower``
        reads the segments of workers that share the service; None: one process stores.
        ``interval`` is in seconds: as often what was appended is made safe from a loss of power.
        """
        super().__init__(service)
        self._folder = folder
        self._segment_path = segment.path
        self._host = socket.gethostname()
        self._shared = follower is not None
        self._interval = interval
        self._here: _Here | None = self._take_up(_Here(segment, committed, is_main=True))
        self._follower = follower
        self._failures: dict[int, Exception] = {}
        self._reader = OUTSIDE

    def __repr__(self) -> str:
        return f"<JournaledService of {self._inner!r}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": None, "_follower": None, "_failures": {}}

    def _take_up(self, here: _Here) -> _Here:
        # Nothing may be durable in the storage that is not in the journal.
        self._inner.before_commit = self.sync
        return here

    # ----- runs ----------------------------------------------------------------------------

    def apply(self, request: StoreRequest) -> None:
        """Append the request of a run to the journal, and with its commit let the storage have it.

        Raises
        ------
        OSError
            The journal cannot be written.
        Exception
            Whatever the storage raises; the run does not count as committed then.
        """
        if request.run == NO_RUN:
            self._apply_outside(request)
            return
        here = self._at_hand()
        attempt = request.run, request.started
        if attempt in here.void:
            raise here.void[attempt]
        if type(request) is not PickledRequest:  # which came from another process
            self._check_deletions(here, attempt, request)
        try:
            if request.commit is None:
                self._append_data(here, attempt, request)
            elif request.run in here.committed or attempt == here.latest:
                here.pending.pop(attempt, None)  # sent again, or executed twice: one attempt counts
                if attempt != here.latest:
                    here.segment.append(encode(Kind.REPEATED, run=attempt[0], started=attempt[1]))
            else:
                self._append_commit(here, attempt, request)
                self._sync_if_due(here)
        except OSError as error:
            here.void.setdefault(attempt, error)  # or the rest could be committed without this
            raise

    def _check_deletions(self, here: _Here, attempt: Attempt, request: StoreRequest) -> None:
        """Raise now, in the run, if something to delete is not there."""
        if any(type(each) in _DELETIONS for each in request.operations):
            Overlay(self._inner, self._unpublished(here, attempt)).check(request)

    def _append_data(self, here: _Here, attempt: Attempt, request: StoreRequest) -> None:
        frame = data_frame(request)
        start = here.segment.append(frame)
        end = start + sum(map(len, frame))
        here.pending.setdefault(attempt, []).append((start, end))

    def _append_commit(self, here: _Here, attempt: Attempt, request: StoreRequest) -> None:
        places = here.pending.pop(attempt, None)
        node = None if self._shared or places else _node_of_large(request)
        if node is None:
            here.segment.append(commit_frame(request, len(places or ())))
        else:
            here.segment.append(commit_frame_without_data(request, node))
        here.latest = attempt
        if self._shared:
            return  # who follows counts it, maybe in this very process
        here.committed.add(request.run)
        if places:
            skip = here.published.pop(attempt, 0)
            request = joined([*self._requests_at(here, places[skip:]), request])
        self._fold(here, request)

    def abandon_run(self, run: int, started: float) -> None:
        """Forget what a run of this process has stored: it has failed."""
        here = self._here
        if here is not None and here.pid == os.getpid():
            here.pending.pop((run, started), None)

    def _requests_at(self, here: _Here, places: Sequence[Place]) -> list[StoreRequest]:
        """Read requests back that this process has appended."""
        return [request_in(here.segment.read(*place)) for place in places]

    def _fold(self, here: _Here, request: StoreRequest) -> None:
        """Let the storage have what a run has stored."""
        if not request.operations:
            return
        try:
            self._inner.apply(request)
        except Exception as error:
            if is_applied(error):  # it will be committed with what comes, or from the journal
                raise
            run, started = request.run, request.started
            here.void[run, started] = error
            here.committed.discard(run)
            here.segment.append(encode(Kind.ABORT, run=run, started=started))
            raise

    def _at_hand(self) -> _Here:
        """Return what is of this process, made anew in a child or a copy."""
        here = self._here
        pid = os.getpid()
        if here is not None and here.pid == pid:
            return here
        here = self._here = self._take_up(_Here(self._segment_of_process(), set(), is_main=False))
        return here

    def _segment_of_process(self) -> SegmentWriter:
        if self._shared and socket.gethostname() == self._host:
            if self._here is not None:
                return self._here.segment  # inherited
            return SharedSegmentWriter.reopen(self._segment_path)
        return SegmentWriter(self._folder)

    # ----- outside of runs -----------------------------------------------------------------

    def _apply_outside(self, request: StoreRequest) -> None:
        if not self._follows():
            self._inner.apply(request)
            return
        # Together, so that nobody sees a run that counts as completed without its data.
        with self._inner.kept_open(request.trajectory):
            self.fold()
            self._inner.apply(request)

    def _follows(self) -> bool:
        """Return whether this is the main process, and workers use the service by themselves."""
        return self._follower is not None and self._at_hand().is_main

    def fold(self) -> None:
        """Let the storage have what workers have committed, as far as this is the main process."""
        follower = self._follower
        if follower is None or not self._follows():
            return
        here = self._at_hand()
        here.segment.sync()
        batch: list[Committed] = []
        for committed in follower.new_commits():
            run, started = committed.attempt
            if run in here.committed:
                here.segment.append(encode(Kind.SUPERSEDED, run=run, started=started))
                continue
            here.committed.add(run)
            batch.append(committed)
            if len(batch) >= MAX_RUNS_PER_REQUEST:
                self._fold_together(here, batch)
                batch = []
        self._fold_together(here, batch)

    def _fold_together(self, here: _Here, batch: Sequence[Committed]) -> None:
        """Let the storage have what runs have committed, at once if it takes all of it."""
        requests = [(each, request) for each in batch if (request := each.request()) is not None]
        small = [request for each, request in requests if each.size <= MAX_BYTES_OF_JOINED_RUN]
        is_applied = False
        if len(small) == len(requests) > 1:
            with suppress(Exception):  # which one it is shows when each is applied alone
                self._inner.apply(joined(small))
                is_applied = True
        for each, request in () if is_applied else requests:
            try:
                self._fold(here, request._replace(replayed=True))
            except Exception as error:
                self._failures[each.run] = error

    @property
    def is_shared(self) -> bool:
        """Whether workers use copies of it by themselves."""
        return self._shared

    def take_failures(self) -> dict[int, Exception]:
        """Return why data of runs could not be stored that were committed, each once."""
        failures, self._failures = self._failures, {}
        return failures

    # ----- durability ----------------------------------------------------------------------

    def sync(self) -> None:
        """Make everything that this process has appended safe from a loss of power."""
        here = self._here
        if here is not None and here.pid == os.getpid():
            here.segment.sync()
            here.synced_at = time.monotonic()

    def _sync_if_due(self, here: _Here) -> None:
        now = time.monotonic()
        if now - here.synced_at < self._interval:
            return
        here.synced_at = now
        if self._shared or here.is_main:
            here.segment.sync()
        else:
            here.segment.start_sync()

    def try_flush(self, *, durable: bool) -> bool:
        """Let others see what is stored, which is durable at any rate; see `RecordBackend`."""
        self.sync()
        return self._inner.try_flush(durable=True)

    def flush(self) -> None:
        """Make everything durable."""
        self.sync()
        self._inner.flush()

    def close(self) -> None:
        """Make everything durable and close the storage."""
        self.sync()
        self._inner.close()

    @contextmanager
    def kept_open(self, trajectory_name: str) -> Iterator[Self]:
        """Keep the storage open within a ``with`` block; what it stored is durable afterwards."""
        with self._inner.kept_open(trajectory_name):
            try:
                yield self
            finally:
                self.sync()

    def close_on_exit(self) -> None:
        """Make everything durable and leave the storage; see `StorageService.close_on_exit`."""
        self.sync()
        self._inner.close_on_exit()

    # ----- reading -------------------------------------------------------------------------

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load; a run finds what it has stored, and who is in none what runs have committed."""
        reader = origin_of(stuff_to_load)
        if reader == OUTSIDE:
            self.fold()
        before, self._reader = self._reader, reader
        try:
            return super().load(msg, stuff_to_load, *args, **kwargs)
        finally:
            self._reader = before

    def _overlay(self) -> Overlay | None:
        """Return what the run that reads has stored and nobody else can see yet."""
        here = self._here
        if here is None or not here.pending or here.pid != os.getpid():
            return None
        requests = self._unpublished(here, self._reader)
        return Overlay(self._inner, requests) if requests else None

    def _unpublished(self, here: _Here, attempt: Attempt) -> list[StoreRequest]:
        places = here.pending.get(attempt, ())
        return self._requests_at(here, places[here.published.get(attempt, 0) :])

    def read_nodes(self, trajectory: str, path: str, **choice: Any) -> Iterator[NodeRecord]:
        """Yield records, those of the present run included; see `RecordBackend.read_nodes`."""
        return (self._overlay() or self._inner).read_nodes(trajectory, path, **choice)

    def read_intact_nodes(self, trajectory: str, path: str, **choice: Any) -> Iterator[NodeRecord]:
        """Yield records; see `RecordBackend.read_intact_nodes`."""
        return (self._overlay() or self._inner).read_intact_nodes(trajectory, path, **choice)

    def access_data(
        self,
        trajectory: str,
        path: str,
        item_name: str,
        request: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Any:
        """Create, read or change shared data, which is in the storage and not in the journal.

        What the run has stored goes there, too, as shared data needs its leaf.
        """
        self._publish()
        return self._inner.access_data(trajectory, path, item_name, request, args, kwargs)

    def _publish(self) -> None:
        here = self._here
        if here is None or here.pid != os.getpid():
            return
        for attempt, places in here.pending.items():
            done = here.published.get(attempt, 0)
            for stored in self._requests_at(here, places[done:]):
                self._inner.apply(stored)
            here.published[attempt] = len(places)
