"""State of the runs, from the rows of a run table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from pypet.catalog.descriptions import Failure, Runs, Selection, Stretches
from pypet.records import MetaRecord, RunRows
from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED


def described_runs(meta: MetaRecord) -> Runs:
    """Return the state of the runs of a trajectory."""
    rows = meta.runs
    assert rows is not None
    completed = rows.completed.astype(bool)
    failures = _failures(rows)
    failed = np.isin(rows.idx, [failure.run for failure in failures]) & ~completed
    started = rows.timestamp != NOT_STARTED
    finished = completed & (rows.finish_timestamp != NOT_FINISHED)
    known_times = rows.timestamp[started & ~_is_odd(rows.timestamp)]
    known_ends = rows.finish_timestamp[finished & ~_is_odd(rows.finish_timestamp)]
    return Runs(
        max(meta.info.length, len(rows)),
        int(completed.sum()),
        failures,
        _selection(rows.idx[started & ~completed & ~failed]),
        _selection(_and_beyond(rows.idx[~started & ~completed & ~failed], rows, meta)),
        _iso(known_times.min()) if len(known_times) else None,
        _iso(known_ends.max()) if len(known_ends) else None,
        _seconds(rows.finish_timestamp[finished & started] - rows.timestamp[finished & started]),
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


def _is_odd(times: Any) -> Any:
    """Return which numbers are no times: what a damaged row, or an old file, has in their place."""
    return ~((times > 0) & (times < _MOST_SECONDS))


_MOST_SECONDS = 253_000_000_000.0
"""Roughly the year 9987, the last that `datetime` knows everywhere."""


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(float(timestamp)).isoformat(timespec="seconds")


def _seconds(durations: Any) -> tuple[float, float, float] | None:
    durations = durations[np.isfinite(durations) & (durations >= 0)]
    if not len(durations):
        return None
    return float(durations.min()), float(np.median(durations)), float(durations.max())


def _selection(indices: Any) -> Selection:
    return Selection(len(indices), stretches(np.sort(indices)))


def stretches(indices: Sequence[int] | np.ndarray[Any, Any]) -> Stretches:
    """Return first and last of each stretch of neighbouring indices, which are in order."""
    array = np.asarray(indices, np.int64)
    if not len(array):
        return ()
    ends = np.flatnonzero(np.diff(array) != 1)
    firsts = array[[0, *(ends + 1)]].tolist()
    lasts = array[[*ends, len(array) - 1]].tolist()
    return tuple(zip(firsts, lasts, strict=True))
