"""Points at which a process is killed, put before and after functions of the product.

Installed in a process before it executes an experiment, and inherited by those that it forks.
Nothing of it is in the product.
"""

from __future__ import annotations

import functools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pypet.environment import experiment
from pypet.environment.input_storing import InputStoring
from pypet.environment.pipeline import PostProcessing
from pypet.environment.run_table_flusher import RunTableFlusher
from pypet.plugins.resume import experiment_journal, restoring
from pypet.plugins.resume.journal import segments, service, synced_file
from pypet.plugins.resume.snapshots import replacing
from pypet.storage_backends.hdf5.files import transactional_file

CALL = "system call"
MAIN, HELPER = "main", "helper"
_CALLS = ("pwrite", "pwritev", "ftruncate", "fsync", "fdatasync", "replace", "mkdir")
_REMOVALS = ("unlink", "rmdir", "rename")
_POINTS: tuple[tuple[str, Any, str], ...] = (
    ("append", segments.SegmentWriter, "append"),
    ("sync of a segment", synced_file, "fdatasync"),
    ("apply a run", service.JournaledService, "_apply_committed_run"),
    ("apply runs", service.JournaledService, "_apply_batch"),
    ("commit of the file", transactional_file.TransactionalFile, "commit"),
    ("redo log", transactional_file, "write_log"),
    ("pages", transactional_file, "write_pages"),
    ("taking the folder", experiment_journal.ExperimentJournal, "_take"),
    ("snapshot", experiment_journal.ExperimentJournal, "renew"),
    ("sync of the folder of the snapshot", replacing, "sync_folder"),
    ("begin", experiment_journal.ExperimentJournal, "begin"),
    ("run table flush", RunTableFlusher, "_flush"),
    ("settle", experiment_journal.ExperimentJournal, "settle"),
    ("post-processing", PostProcessing, "call"),
    ("storing an expansion", InputStoring, "store_after_expansion"),
    ("final store", experiment.Experiment, "_finish"),
    ("end", experiment_journal.ExperimentJournal, "end"),
    ("restore: load", restoring, "load"),
    ("restore: store commits", restoring, "_store_commits"),
    ("restore: remove uncommitted", restoring, "_remove_uncommitted"),
    ("restore: bring up to date", restoring, "_bring_up_to_date"),
    ("restore", experiment_journal.ExperimentJournal, "restore"),
)
RESTORING = tuple(
    f"{stage} {name}"
    for name, *_ in _POINTS
    if name.startswith("restore")
    for stage in ("before", "after")
)
"""Points that only who resumes comes to."""


class Kill(NamedTuple):
    """Where a process is killed: the ``at``-th time that one of this role comes to a point."""

    point: str
    at: int = 1
    role: str = MAIN
    half: bool = False
    """After half of the bytes are written, if bytes are written there."""
    group: bool = False
    """All processes together."""


class KillPoints:
    """Counts how often each process comes to each point, and kills at one of them.

    Without a kill, each point is noted in the file ``notes``; with one, that it happened.
    """

    def __init__(self, notes: Path, kill: Kill | None) -> None:
        self._main = os.getpid()
        self._kill = kill
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._process = 0
        self._counts: Counter[str] = Counter()
        self._calls = {name: getattr(os, name) for name in (*_CALLS, *_REMOVALS)}

    def install(self) -> None:
        """Put the points into their places, for the rest of the life of this process."""
        for name, owner, attribute in _POINTS:
            setattr(owner, attribute, self._around(name, getattr(owner, attribute)))
        synced_file.fdatasync = self._counting("fdatasync", synced_file.fdatasync)
        for name in (*_CALLS, *_REMOVALS):
            setattr(os, name, self._counting(name, self._calls[name]))

    def _around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._come_to(f"before {name}")
            returned = function(*args, **kwargs)
            self._come_to(f"after {name}")
            return returned

        return wrapped

    def _counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._come_to(CALL, functools.partial(self._write_half, name, args))
            if name in _REMOVALS:
                self._come_to("before removing")
            return call(*args, **kwargs)

        return counted

    def _write_half(self, name: str, args: tuple[Any, ...]) -> None:
        if name.startswith("pwrite"):
            descriptor, content, position = args
            content = bytes(content) if name == "pwrite" else b"".join(content)
            self._calls["pwrite"](descriptor, content[: len(content) // 2], position)

    def _come_to(self, point: str, write_half: Callable[[], None] | None = None) -> None:
        process = os.getpid()
        role = MAIN if process == self._main else HELPER
        kill = self._kill
        if kill is None:
            os.write(self._notes, f"{process}\t{role}\t{point}\n".encode())
            return
        if kill.point != point or kill.role != role:
            return
        if process != self._process:
            self._process = process
            self._counts.clear()
        self._counts[point] += 1
        if self._counts[point] != kill.at:
            return
        if kill.half and write_half is not None:
            write_half()
        os.write(self._notes, f"{process}\t{role}\t{point}\n".encode())
        if kill.group:
            os.killpg(0, signal.SIGKILL)
        os.kill(process, signal.SIGKILL)


def noted(notes: Path) -> Iterator[tuple[str, str, int]]:
    """Yield role, point, and how often a process came there, at the most."""
    most: dict[tuple[str, str], int] = {}
    counts = Counter(notes.read_text().splitlines())
    for line, count in counts.items():
        _, role, point = line.split("\t")
        most[role, point] = max(most.get((role, point), 0), count)
    for (role, point), count in sorted(most.items()):
        yield role, point, count
