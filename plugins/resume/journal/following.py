"""Following the segments of a folder: which runs were committed since one looked last."""

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
Place = tuple[int, int]
"""Where a frame begins and ends in its segment."""


class Committed(NamedTuple):
    """A run that was committed, and where its data is."""

    run: int
    started: float
    commit: CommitRun
    path: str
    places: tuple[Place, ...]
    node: str | None = None
    """Large data went to the storage at once: the run is completed if this node is there."""

    @property
    def attempt(self) -> Attempt:
        """Which attempt at which run was committed."""
        return self.run, self.started

    @property
    def size(self) -> int:
        """How many bytes its frames have."""
        return sum(end - start for start, end in self.places)

    def request(self) -> StoreRequest | None:
        """Read everything that the run stored; None if that is nothing."""
        if not self.places:
            return None
        with open(self.path, "rb") as file:
            return joined([_request_at(file.fileno(), place) for place in self.places])


class Follower:
    """Reads what was appended to the segments of a folder, each time from where it stopped."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._readers: dict[str, SegmentReader] = {}
        self._places: dict[tuple[str, Attempt], list[Place]] = {}
        self.void: set[Attempt] = set()
        """Attempts that do not count although they were committed."""
        self.started: dict[int, float] = {}
        """Run -> when it was handed to a scheduler last."""

    @property
    def readers(self) -> list[SegmentReader]:
        """The segments that were found so far."""
        return list(self._readers.values())

    def new_commits(self) -> list[Committed]:
        """Return the runs that were committed since the last call, in the order of segments.

        Without attempts that are void as far as is known. A commit whose data is not there, as
        the disk lost it, is none.
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
        return [each for each in found if each.attempt not in self.void]

    def _take(self, path: str, frame: Frame) -> Committed | None:
        kind, attempt = frame.kind, (frame.run, frame.started)
        key = path, attempt
        if kind is Kind.DATA:
            self._places.setdefault(key, []).append((frame.position, frame.end))
        elif kind is Kind.COMMIT:
            places = self._places.pop(key, [])
            if len(places) != frame.earlier:
                return None
            commit = commit_in(frame)
            if frame.flags & IN_STORAGE:
                return Committed(*attempt, commit, path, (), node_in(frame))
            if has_more(frame):
                places.append((frame.position, frame.end))
            return Committed(*attempt, commit, path, tuple(places))
        elif kind is Kind.STARTED:
            for run in memoryview(frame.payload).cast("q"):
                self.started[run] = frame.started
        elif kind is not Kind.REPEATED:
            self.void.add(attempt)
        return None


def repeated_runs(folder: str) -> set[int]:
    """Return the runs that were to be committed more than once.

    Only headers are looked at, as this is asked after each round of runs.
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


def _request_at(descriptor: int, place: Place) -> StoreRequest:
    start, end = place
    return request_in(os.pread(descriptor, end - start, start))
