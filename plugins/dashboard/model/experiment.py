"""One experiment as it is read again and again, while runs may still be stored in its file."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.catalog import experiment as read_progress
from pypet.plugins.dashboard.model.columns import GrowingColumns
from pypet.plugins.dashboard.model.leaves import UNREADABLE, in_a_line
from pypet.plugins.dashboard.model.polling import Poller
from pypet.plugins.dashboard.model.progress import (
    Progress,
    progress_in_table,
    progress_of,
)
from pypet.tables import RunTable, read_table

FIRST_RUNS = 50
"""Runs whose results are read first, so that a first page is complete at once."""
_BATCH_SECONDS = 0.25
"""The file is open for about so long at a time: commits of an experiment wait meanwhile."""
_OPENING_FACTOR = 3.0
_GROWTH = 8
_MOST_AT_ONCE = 20_000
POLL_SECONDS = 1.0
_COST_FACTOR = 10.0
"""What takes long is read again only after many times as long."""
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """What is known of an experiment at one moment."""

    path: str
    trajectory: str
    revision: int
    """Grows with everything that is read."""
    table: RunTable
    """All runs; results of those that are not read yet are missing."""
    progress: Progress
    results_read: int
    """Of so many runs results are read."""
    results_due: int
    """Of so many more they are still to be read."""
    problem: str = ""
    """Why the latest attempt to read it failed; the rest is from before."""


class ExperimentReader:
    """Reads one trajectory of a file, again and again only what is new; safe to use by threads.

    The file is opened for a fraction of a second at a time, as others that read a running
    experiment do: each time shows what was committed last, and no run has to wait for long.
    """

    def __init__(self, path: str, trajectory: str) -> None:
        """Nothing is read before `update`, or `watch`."""
        self.path = path
        self.trajectory = trajectory
        self._lock = threading.Lock()
        """Held by who reads."""
        self._results = GrowingColumns()
        self._read_until = np.zeros(0)
        """End of each run as its results were read; NaN for runs whose results were not."""
        self._signature: object = None
        self._base: RunTable | None = None
        self._progress: Progress | None = None
        self._progress_due = 0.0
        self._batch = FIRST_RUNS
        self._least_seconds = 0.0
        """How long it takes to read a few runs."""
        self._current: Experiment | None = None
        self._poller = Poller(f"pypet-reads-{trajectory}", self._poll)
        self._unreadable = ""

    @property
    def current(self) -> Experiment | None:
        """What was read so far; None before the first time."""
        return self._current

    @property
    def problem(self) -> str:
        """Why nothing can be read; empty if something was, or nobody has tried."""
        return self._unreadable

    # ----- reading -------------------------------------------------------------------------

    def update(self, seconds: float = 0.0) -> bool:
        """Read what is new; return whether there is more to read at once.

        The first time only the runs are read, without results. Later, results are read for about
        ``seconds``, of one batch of runs at least.
        """
        with self._lock:
            deadline = time.monotonic() + seconds
            try:
                self._update_runs()
                due = self._due_runs()
                if self._current is None:  # a page with all runs, before the rest takes a while
                    self._publish(len(due))
                    return True
                has_results = bool(np.isfinite(self._read_until).any())
                if has_results or not len(due):  # the first results are wanted sooner
                    self._update_progress()
                while len(due):
                    batch, due = due[: self._batch], due[self._batch :]
                    self._read_results(batch)
                    if time.monotonic() >= deadline:
                        break
                self._publish(len(due))
                return bool(len(due)) or self._progress is None
            except UNREADABLE as error:
                self._signature = None
                self._note(in_a_line(error))
                return False

    def _update_runs(self) -> None:
        signature = _signature(self.path)
        if self._base is not None and signature is not None and signature == self._signature:
            return
        self._base = read_table((self.path, self.trajectory), results=[])
        self._signature = signature
        rows = len(self._base)
        self._results.resize(rows)
        known = self._read_until[:rows]
        self._read_until = np.concatenate([known, np.full(rows - len(known), np.nan)])

    def _update_progress(self) -> None:
        """Read who executes the experiment, and how fast; seldom if that takes long."""
        began = time.monotonic()
        if self._progress is None or began >= self._progress_due:
            self._progress = progress_of(read_progress(self.path, self.trajectory))
            now = time.monotonic()
            self._progress_due = now + max(POLL_SECONDS, _COST_FACTOR * (now - began))

    def _due_runs(self) -> NDArray[np.int64]:
        """Return the positions of runs that have ended since their results were read."""
        assert self._base is not None
        ends = _ends(self._base)
        return np.flatnonzero(np.isfinite(ends) & (ends != self._read_until)).astype(np.int64)

    def _read_results(self, positions: NDArray[np.int64]) -> None:
        assert self._base is not None
        began = time.monotonic()
        part = read_table(
            (self.path, self.trajectory),
            parameters=[],
            runs=self._base.indices[positions].tolist(),
            objects=True,
        )
        # A run that is not there any more has no values.
        found = np.isin(self._base.indices[positions], part.indices)
        order = np.argsort(part.indices, kind="stable")
        self._results.fill(positions[found], {each.name: each.take(order) for each in part.results})
        self._read_until[positions] = _ends(self._base)[positions]
        seconds = max(time.monotonic() - began, 1e-4)
        if len(positions) <= FIRST_RUNS:
            self._least_seconds = seconds
        # To open the file takes longer the more runs there are, however few of them are read.
        allowed = max(_BATCH_SECONDS, _OPENING_FACTOR * self._least_seconds)
        grown = int(len(positions) * allowed / seconds)
        self._batch = max(FIRST_RUNS, min(_MOST_AT_ONCE, grown, _GROWTH * self._batch))

    def _publish(self, due: int) -> None:
        base = self._base
        assert base is not None
        progress = self._progress or progress_in_table(base)
        columns = {**base.columns, **_distinct(self._results.columns(), base)}
        former = self._current
        read = int(np.isfinite(self._read_until).sum())
        is_same = (
            former is not None
            and not former.problem
            and former.results_read == read
            and former.table.columns.keys() == columns.keys()
            and all(former.table.columns[name] is column for name, column in columns.items())
        )
        if is_same:
            assert former is not None
            if former.progress != progress:  # the pace, and the time that is left
                self._current = replace(former, progress=progress, revision=former.revision + 1)
            return
        self._unreadable = ""
        self._current = Experiment(
            self.path,
            self.trajectory,
            0 if former is None else former.revision + 1,
            replace(base, columns=columns),
            progress,
            read,
            due,
        )

    def _note(self, problem: str) -> None:
        former = self._current
        if former is None:
            self._unreadable = problem
        elif former.problem != problem:
            self._current = replace(former, problem=problem, revision=former.revision + 1)

    # ----- in the background ---------------------------------------------------------------

    def watch(self) -> Experiment | None:
        """Return what was read so far, and go on reading in the background for a while."""
        self._poller.ask()
        return self._current

    def close(self) -> None:
        """End reading in the background, and wait until it has ended."""
        self._poller.close()

    def _poll(self) -> float:
        # The pause lets a commit in that waits for readers.
        return _PAUSE_SECONDS if self.update() else POLL_SECONDS


def _ends(table: RunTable) -> NDArray[np.float64]:
    """Return what changes when there is more of a run; NaN for those that were not started.

    That is its end, or its start as long as it has no end: also of runs that failed or were killed,
    and of those in files without ends, something may be stored.
    """
    ends = np.full(len(table), np.nan)
    for name in ("timestamp", "finish_timestamp"):
        column = table[name]
        known = ~column.missing
        ends[known] = column.values[known]
    ends[table["completed"].values.astype(bool) & ~np.isfinite(ends)] = 0.0
    return ends


def _distinct(results: dict[str, Any], base: RunTable) -> dict[str, Any]:
    """Return results under names that no other column of the table has."""
    return {
        (f"results.{name}" if name in base.columns else name): column
        for name, column in results.items()
    }


def _signature(path: str) -> tuple[int, ...] | None:
    """Return what changes whenever a file does, None for a storage that is a folder."""
    if os.path.isdir(path):
        return None
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


class Readers:
    """The readers of a dashboard: one for each experiment, however many look at it."""

    def __init__(self) -> None:
        """There are none."""
        self._readers: dict[tuple[str, str], ExperimentReader] = {}
        self._lock = threading.Lock()

    def reader(self, path: str, trajectory: str) -> ExperimentReader:
        """Return the reader of an experiment."""
        key = os.path.abspath(path), trajectory
        with self._lock:
            reader = self._readers.get(key)
            if reader is None:
                reader = self._readers[key] = ExperimentReader(*key)
            return reader

    def close(self) -> None:
        """End all reading in the background."""
        with self._lock:
            readers: Sequence[ExperimentReader] = list(self._readers.values())
            self._readers.clear()
        for each in readers:
            each.close()
