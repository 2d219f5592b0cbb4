"""How far an experiment is: runs by state, pace, and the time that is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pypet.catalog import Experiment, pace_of
from pypet.catalog.experiments import RUNNING
from pypet.runs.states import COMMITTED, FAILED, PENDING
from pypet.tables import RunTable

READING = "reading"
"""State of an experiment of which only the run table is read yet."""
UNKNOWN = "not known to be running"
"""State of an experiment of which nothing tells whether a process executes it."""

ENDED = "ended with failed runs"
"""State of an experiment that executed all runs, of which some failed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is. Moments are in seconds since the epoch."""

    state: str
    """``'running'``, ``'interrupted'``, ``'complete'``, `ENDED`, `UNKNOWN` or `READING`."""
    total: int
    completed: int
    failed: int
    pending: int
    """Runs that were not started."""
    began: float | None
    """When the first run was started; None if none was."""
    latest: float | None
    """When a run was completed last."""
    run_seconds: float | None
    """Median time of a completed run; None if there is none."""
    per_second: float | None
    """Completed runs per second; None unless it is running."""
    seconds_left: float | None
    """Until all runs have ended at that pace; None unless it is running."""
    problems: tuple[str, ...] = ()
    """What is there of the experiment but cannot be read."""

    @property
    def started(self) -> int:
        """Runs that were started and have neither completed nor failed."""
        return self.total - self.completed - self.failed - self.pending


def progress_of(experiment: Experiment) -> Progress:
    """Return the progress of an experiment."""
    progress, pace = experiment.progress, pace_of(experiment)
    state = experiment.state or UNKNOWN
    if state != RUNNING and progress.count(FAILED):
        is_over = progress.count(FAILED) + progress.count(COMMITTED) == len(progress.states)
        state = ENDED if is_over else state
    return Progress(
        state,
        len(progress.states),
        progress.count(COMMITTED),
        progress.count(FAILED),
        progress.count(PENDING),
        pace.started,
        pace.finished,
        None if pace.seconds is None else pace.seconds[1],
        pace.per_second,
        pace.seconds_left,
        experiment.problems,
    )


def progress_in_table(table: RunTable) -> Progress:
    """Return what a table of all runs tells of the progress."""
    states = table["state"].values
    runtimes = table["runtime"].values[~table["runtime"].missing]
    starts = table["timestamp"].values[~table["timestamp"].missing]
    ends = table["finish_timestamp"].values[~table["finish_timestamp"].missing]
    return Progress(
        READING,
        len(table),
        int((states == COMMITTED).sum()),
        int((states == FAILED).sum()),
        int((states == PENDING).sum()),
        float(starts.min()) if len(starts) else None,
        float(ends.max()) if len(ends) else None,
        float(np.median(runtimes)) if len(runtimes) else None,
        None,
        None,
    )
