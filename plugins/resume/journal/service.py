"""The storage service of resumable experiments: a write-ahead journal in front of the storage."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Self

from pypet.plugins.resume.journal.following import Attempt, Committed, Follower, Span
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
"""Upper limit of the runs that are applied to the storage in one request."""
MAX_BYTES_OF_JOINED_RUN = 16384
"""Runs that store more than this are applied one by one."""


class _ProcessState:
    """The state of a service in one process; forked children and copies start with a new one."""

    def __init__(self, segment: SegmentWriter, committed: set[int], *, is_main: bool) -> None:
        self.pid = os.getpid()
        self.segment = segment
        self.committed = committed
        self.is_main = is_main
        """Whether user code runs in this process. It may fork, so no threads are started then."""
        self.pending: dict[Attempt, list[Span]] = {}
        """Attempt -> the spans of its data in the segment, until it is committed."""
        self.published: dict[Attempt, int] = {}
        """Attempt -> number of its requests that are in the storage already, for shared data."""
        self.failed: dict[Attempt, Exception] = {}
        """Attempt -> why its requests could not be written; all further ones raise this."""
        self.latest: Attempt | None = None
        """The last attempt that was committed in this process."""
        self.synced_at = time.monotonic()


def _node_of_large(request: StoreRequest) -> str | None:
    """Return the last leaf of a request that only adds nodes and whose data is large; else None.

    Requests are applied atomically: if the last leaf exists, the whole request was applied.
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
    """Journals requests of runs, and applies them to the storage once they are committed.

    Requests of a run are appended to a segment of the journal. Its last request commits the run,
    and only then are they applied: by the process that stores, or, if workers share the service,
    by the main process, which follows the segments. Requests from outside of runs are applied
    immediately.
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
        """Wrap ``service``.

        Parameters
        ----------
        folder
            Where new segments are created.
        segment
            The segment of the main process; with a ``follower``, of all processes of this host.
        committed
            Runs whose data the storage already has. The service adds the runs that it commits.
        follower
            Reads the segments of workers that share the service; None if one process stores.
        interval
            Seconds between two syncs of the segment to disk.
        """
        super().__init__(service)
        self._folder = folder
        self._segment_path = segment.path
        self._host = socket.gethostname()
        self._shared = follower is not None
        self._interval = interval
        state = _ProcessState(segment, committed, is_main=True)
        self._state: _ProcessState | None = self._attach(state)
        self._follower = follower
        self._failures: dict[int, Exception] = {}
        self._reader = OUTSIDE

    def __repr__(self) -> str:
        return f"<JournaledService of {self._inner!r}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_state": None, "_follower": None, "_failures": {}}

    def _attach(self, state: _ProcessState) -> _ProcessState:
        # Write-ahead rule: what is durable in the storage must be durable in the journal.
        self._inner.before_commit = self.sync
        return state

    # ----- runs ----------------------------------------------------------------------------

    def apply(self, request: StoreRequest) -> None:
        """Append the request of a run to the journal; if it commits the run, apply its requests.

        Raises
        ------
        OSError
            The journal cannot be written.
        Exception
            Raised by the storage; the run is not committed then.
        """
        if request.run == NO_RUN:
            self._apply_outside(request)
            return
        state = self._process_state()
        attempt = request.run, request.started
        if attempt in state.failed:
            raise state.failed[attempt]
        if type(request) is not PickledRequest:  # those were checked by the sending process
            self._check_deletions(state, attempt, request)
        try:
            if request.commit is None:
                self._append_data(state, attempt, request)
            elif request.run in state.committed or attempt == state.latest:
                # A message that was sent twice, or a run that was executed twice: the first counts.
                state.pending.pop(attempt, None)
                if attempt != state.latest:
                    state.segment.append(encode(Kind.REPEATED, run=attempt[0], started=attempt[1]))
            else:
                self._append_commit(state, attempt, request)
                self._sync_if_due(state)
        except OSError as error:
            # Otherwise the rest of the run could be committed without this request.
            state.failed.setdefault(attempt, error)
            raise

    def _check_deletions(
        self, state: _ProcessState, attempt: Attempt, request: StoreRequest
    ) -> None:
        """Raise within the run if something it deletes does not exist."""
        if any(type(each) in _DELETIONS for each in request.operations):
            Overlay(self._inner, self._unpublished(state, attempt)).check(request)

    def _append_data(self, state: _ProcessState, attempt: Attempt, request: StoreRequest) -> None:
        frame = data_frame(request)
        start = state.segment.append(frame)
        end = start + sum(map(len, frame))
        state.pending.setdefault(attempt, []).append((start, end))

    def _append_commit(self, state: _ProcessState, attempt: Attempt, request: StoreRequest) -> None:
        spans = state.pending.pop(attempt, None)
        node = None if self._shared or spans else _node_of_large(request)
        if node is None:
            state.segment.append(commit_frame(request, len(spans or ())))
        else:
            state.segment.append(commit_frame_without_data(request, node))
        state.latest = attempt
        if self._shared:
            return  # the follower adds it to `committed`, possibly in this very process
        state.committed.add(request.run)
        if spans:
            skip = state.published.pop(attempt, 0)
            request = joined([*self._requests_at(state, spans[skip:]), request])
        self._apply_committed_run(state, request)

    def abandon_run(self, run: int, started: float) -> None:
        """Drop the requests of a failed run of this process."""
        state = self._state
        if state is not None and state.pid == os.getpid():
            state.pending.pop((run, started), None)

    def _requests_at(self, state: _ProcessState, spans: Sequence[Span]) -> list[StoreRequest]:
        """Read back requests that this process has appended."""
        return [request_in(state.segment.read(*span)) for span in spans]

    def _apply_committed_run(self, state: _ProcessState, request: StoreRequest) -> None:
        """Apply the joined requests of a committed run; revoke its commit if they are refused."""
        if not request.operations:
            return
        try:
            self._inner.apply(request)
        except Exception as error:
            if is_applied(error):  # a later commit, or resuming, makes it durable
                raise
            run, started = request.run, request.started
            state.failed[run, started] = error
            state.committed.discard(run)
            state.segment.append(encode(Kind.ABORT, run=run, started=started))
            raise

    def _process_state(self) -> _ProcessState:
        """Return the state of this process, a new one in a forked child or an unpickled copy."""
        state = self._state
        pid = os.getpid()
        if state is not None and state.pid == pid:
            return state
        state = self._state = self._attach(
            _ProcessState(self._segment_of_process(), set(), is_main=False)
        )
        return state

    def _segment_of_process(self) -> SegmentWriter:
        if self._shared and socket.gethostname() == self._host:
            if self._state is not None:
                return self._state.segment  # inherited
            return SharedSegmentWriter.reopen(self._segment_path)
        return SegmentWriter(self._folder)

    # ----- outside of runs -----------------------------------------------------------------

    def _apply_outside(self, request: StoreRequest) -> None:
        if not self._follows():
            self._inner.apply(request)
            return
        # In one commit, so that readers never see a completed run without its data.
        with self._inner.kept_open(request.trajectory):
            self.apply_committed()
            self._inner.apply(request)

    def _follows(self) -> bool:
        """Return whether this is the main process and workers share the service."""
        return self._follower is not None and self._process_state().is_main

    def apply_committed(self) -> None:
        """In the main process, apply the requests of runs that workers have committed."""
        follower = self._follower
        if follower is None or not self._follows():
            return
        state = self._process_state()
        state.segment.sync()
        batch: list[Committed] = []
        for committed in follower.new_commits():
            run, started = committed.attempt
            if run in state.committed:
                state.segment.append(encode(Kind.SUPERSEDED, run=run, started=started))
                continue
            state.committed.add(run)
            batch.append(committed)
            if len(batch) >= MAX_RUNS_PER_REQUEST:
                self._apply_batch(state, batch)
                batch = []
        self._apply_batch(state, batch)

    def _apply_batch(self, state: _ProcessState, batch: Sequence[Committed]) -> None:
        """Apply several committed runs, in one request if they are small."""
        requests = [(each, request) for each in batch if (request := each.request()) is not None]
        small = [request for each, request in requests if each.size <= MAX_BYTES_OF_JOINED_RUN]
        is_applied = False
        if len(small) == len(requests) > 1:
            with suppress(Exception):  # applied one by one below, each with its own error
                self._inner.apply(joined(small))
                is_applied = True
        for each, request in () if is_applied else requests:
            try:
                self._apply_committed_run(state, request._replace(replayed=True))
            except Exception as error:
                self._failures[each.run] = error

    @property
    def is_shared(self) -> bool:
        """Whether workers have copies of the service."""
        return self._shared

    def take_failures(self) -> dict[int, Exception]:
        """Return run -> why the data of a committed run could not be stored, and forget them."""
        failures, self._failures = self._failures, {}
        return failures

    # ----- durability ----------------------------------------------------------------------

    def sync(self) -> None:
        """Sync everything that this process has appended to disk."""
        state = self._state
        if state is not None and state.pid == os.getpid():
            state.segment.sync()
            state.synced_at = time.monotonic()

    def _sync_if_due(self, state: _ProcessState) -> None:
        now = time.monotonic()
        if now - state.synced_at < self._interval:
            return
        state.synced_at = now
        if self._shared or state.is_main:
            state.segment.sync()
        else:
            state.segment.start_sync()

    def try_flush(self, *, durable: bool) -> bool:
        """Make stored data visible to others; always durable. See `RecordBackend`."""
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
        """Keep the storage open within a ``with`` block, and sync the journal at its end."""
        with self._inner.kept_open(trajectory_name):
            try:
                yield self
            finally:
                self.sync()

    def close_on_exit(self) -> None:
        """Sync the journal and release the storage; see `StorageService.close_on_exit`."""
        self.sync()
        self._inner.close_on_exit()

    # ----- reading -------------------------------------------------------------------------

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load. A run also sees its own pending requests, other callers all committed runs."""
        reader = origin_of(stuff_to_load)
        if reader == OUTSIDE:
            self.apply_committed()
        before, self._reader = self._reader, reader
        try:
            return super().load(msg, stuff_to_load, *args, **kwargs)
        finally:
            self._reader = before

    def _overlay(self) -> Overlay | None:
        """Return the storage with the pending requests of the reading run on top; None if none."""
        state = self._state
        if state is None or not state.pending or state.pid != os.getpid():
            return None
        requests = self._unpublished(state, self._reader)
        return Overlay(self._inner, requests) if requests else None

    def _unpublished(self, state: _ProcessState, attempt: Attempt) -> list[StoreRequest]:
        spans = state.pending.get(attempt, ())
        return self._requests_at(state, spans[state.published.get(attempt, 0) :])

    def read_nodes(self, trajectory: str, path: str, **choice: Any) -> Iterator[NodeRecord]:
        """Yield records, including those of the current run; see `RecordBackend.read_nodes`."""
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
        """Create, read or change shared data, which bypasses the journal.

        Pending requests of the run are applied first, because shared data needs its leaf.
        """
        self._publish()
        return self._inner.access_data(trajectory, path, item_name, request, args, kwargs)

    def _publish(self) -> None:
        state = self._state
        if state is None or state.pid != os.getpid():
            return
        for attempt, spans in state.pending.items():
            done = state.published.get(attempt, 0)
            for stored in self._requests_at(state, spans[done:]):
                self._inner.apply(stored)
            state.published[attempt] = len(spans)
