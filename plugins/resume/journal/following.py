"""Following the segments of a folder: which runs were committed since the last look."""

from __future__ import annotations

import mmap
import os
from typing import NamedTuple

from pypet.plugins.resume.journal.frames import IN_STORAGE, SIGNATURE, Frame, Kind, headers
from pypet.plugins.resume.journal.requests import (
    commit_in,
    has_more,
    joined,
    node_in,
    request_in,
)
from pypet.plugins.resume.journal.segments import SegmentReader, segment_paths
from pypet.records import CommitRun, StoreRequest

Attempt = tuple[int, float]
"""Index of a run, and when this attempt at it was started."""
Span = tuple[int, int]
"""Start and end of a frame in its segment, in bytes."""


class Committed(NamedTuple):
    """A committed run, and the spans of its data in a segment."""

    run: int
    started: float
    commit: CommitRun
    path: str
    spans: tuple[Span, ...]
    node: str | None = None
    """Set if large data went directly to the storage: the run is complete if this node exists."""

    @property
    def attempt(self) -> Attempt:
        """The committed attempt."""
        return self.run, self.started

    @property
    def size(self) -> int:
        """Size of its frames in bytes."""
        return sum(end - start for start, end in self.spans)

    def request(self) -> StoreRequest | None:
        """Read everything that the run stored; None if it stored nothing."""
        if not self.spans:
            return None
        with open(self.path, "rb") as file:
            return joined([_request_at(file.fileno(), span) for span in self.spans])


class Follower:
    """Reads the segments of a folder incrementally."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._readers: dict[str, SegmentReader] = {}
        self._spans: dict[tuple[str, Attempt], list[Span]] = {}
        self.discarded: set[Attempt] = set()
        """Committed attempts that were revoked or superseded later."""
        self.started: dict[int, float] = {}
        """Run -> time at which it was last submitted to a scheduler."""

    @property
    def readers(self) -> list[SegmentReader]:
        """Readers of all segments found so far."""
        return list(self._readers.values())

    def new_commits(self) -> list[Committed]:
        """Return the runs committed since the last call, in the order of segments.

        Attempts known to be discarded are left out, and so are commits whose data the disk lost.
        """
        found = []
        for path in segment_paths(self._folder):
            reader = self._readers.get(path)
            if reader is None:
                reader = self._readers[path] = SegmentReader(path)
            for frame in reader.frames():
                committed = self._take(path, frame)
                if committed is not None:
                    found.append(committed)
        return [each for each in found if each.attempt not in self.discarded]

    def _take(self, path: str, frame: Frame) -> Committed | None:
        kind, attempt = frame.kind, (frame.run, frame.started)
        key = path, attempt
        if kind is Kind.DATA:
            self._spans.setdefault(key, []).append((frame.position, frame.end))
        elif kind is Kind.COMMIT:
            spans = self._spans.pop(key, [])
            if len(spans) != frame.earlier:
                return None
            commit = commit_in(frame)
            if frame.flags & IN_STORAGE:
                return Committed(*attempt, commit, path, (), node_in(frame))
            if has_more(frame):
                spans.append((frame.position, frame.end))
            return Committed(*attempt, commit, path, tuple(spans))
        elif kind is Kind.STARTED:
            for run in memoryview(frame.payload).cast("q"):
                self.started[run] = frame.started
        elif kind is not Kind.REPEATED:
            self.discarded.add(attempt)
        return None


def repeated_runs(folder: str) -> set[int]:
    """Return the runs for which more than one attempt asked to be committed.

    Reads headers only, because it is called after each pass over the runs.
    """
    found: set[int] = set()
    for path in segment_paths(folder):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= len(SIGNATURE):
                continue
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
                found.update(
                    run
                    for kind, run in headers(content, len(SIGNATURE))
                    if kind in (Kind.SUPERSEDED, Kind.REPEATED)
                )
    return found


def _request_at(descriptor: int, span: Span) -> StoreRequest:
    start, end = span
    return request_in(os.pread(descriptor, end - start, start))
