"""State of the runs, from the rows of a run table."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.catalog.descriptions import Failure, Runs, Selection
from pypet.catalog.times import duration_statistics, known_times
from pypet.records import MetaRecord, RunRows
from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED
from pypet.runs.stretches import stretches
from pypet.support.time_format import iso_time


def described_runs(meta: MetaRecord) -> Runs:
    """Return the state of the runs of a trajectory."""
    rows = meta.runs
    assert rows is not None
    completed = rows.completed.astype(bool)
    failures = _failures(rows)
    failed = np.isin(rows.idx, [failure.run for failure in failures]) & ~completed
    started = rows.timestamp != NOT_STARTED
    finished = completed & (rows.finish_timestamp != NOT_FINISHED)
    starts = known_times(rows.timestamp[started])
    ends = known_times(rows.finish_timestamp[finished])
    return Runs(
        max(meta.info.length, len(rows)),
        int(completed.sum()),
        failures,
        _selection(rows.idx[started & ~completed & ~failed]),
        _selection(_and_beyond(rows.idx[~started & ~completed & ~failed], rows, meta)),
        iso_time(starts.min()) if len(starts) else None,
        iso_time(ends.max()) if len(ends) else None,
        duration_statistics(
            rows.finish_timestamp[finished & started] - rows.timestamp[finished & started]
        ),
    )


def _failures(rows: RunRows) -> tuple[Failure, ...]:
    """Return the runs that are known to have failed."""
    completed = frozenset(rows.idx[rows.completed.astype(bool)].tolist()) if rows.errors else ()
    return tuple(
        Failure(run, error.type, error.message, error.traceback)
        for run, error in sorted(rows.errors.items())
        if run not in completed
    )


def _and_beyond(indices: Any, rows: RunRows, meta: MetaRecord) -> Any:
    """Return indices, and those of runs that the table has no rows for."""
    return np.append(indices, np.arange(len(rows), meta.info.length))


def _selection(indices: Any) -> Selection:
    return Selection(len(indices), stretches(np.sort(indices)))
