"""What became of each run, as the run table of a file says."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.records import RunError, RunRows
from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED
from pypet.runs.states import ABANDONED, COMMITTED, FAILED, PENDING, STATES

CODES = {state: code for code, state in enumerate(STATES)}


class RunProgress:
    """What became of each run.

    ``table`` are the stored rows of the run table, None if there are none. Runs that somebody has
    started and that did not end are abandoned: the table does not tell whether they are going on.
    """

    def __init__(self, total: int, table: RunRows | None = None) -> None:
        self.states = np.full(total, CODES[PENDING], np.int8)
        """Positions in `STATES`, by index of the run."""
        self.started = np.full(total, np.nan)
        """When the last attempt at each run was started, in seconds since the epoch."""
        self.finished = np.full(total, np.nan)
        """When it was completed."""
        self.errors: dict[int, RunError] = {}
        """Of failed runs."""
        if table is not None:
            self._take_table(table)

    def _take_table(self, table: RunRows) -> None:
        inside = table.idx < len(self.states)
        idx = table.idx[inside]
        completed = table.completed[inside].astype(bool)
        started = table.timestamp[inside] != NOT_STARTED
        self.states[idx[started]] = CODES[ABANDONED]
        self.states[idx[completed]] = CODES[COMMITTED]
        self.started[idx[started]] = table.timestamp[inside][started]
        ended = completed & (table.finish_timestamp[inside] != NOT_FINISHED)
        self.finished[idx[ended]] = table.finish_timestamp[inside][ended]
        for run, error in table.errors.items():
            if run < len(self.states) and not self.is_committed(run):
                self.fail(run, error)

    def fail(self, run: int, error: RunError) -> None:
        """Note that a run has failed."""
        self.states[run] = CODES[FAILED]
        self.errors[run] = error

    def is_committed(self, run: int) -> bool:
        """Return whether a run is completed and stored."""
        return run < len(self.states) and self.states[run] == CODES[COMMITTED]

    # ----- questions -----------------------------------------------------------------------

    def count(self, state: str) -> int:
        """Return how many runs are in a state."""
        return int((self.states == CODES[state]).sum())

    def runs(self, state: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices of the runs in a state, ascending."""
        return np.flatnonzero(self.states == CODES[state])
