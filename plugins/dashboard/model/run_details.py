"""All about one run: state, parameters, results, error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pypet.plugins.dashboard.model.leaves import (
    UNREADABLE,
    Entry,
    groups_in,
    in_a_line,
    read_entries,
    reading_service,
)
from pypet.pypetconstants import FORMATTED_RUN_NAME
from pypet.records import RunError
from pypet.records.run_rows import runtime, start_time

_RUN_BRANCHES = ("derived_parameters", "results")


@dataclass(frozen=True, slots=True)
class RunDetails:
    """One run as it is stored."""

    index: int
    name: str
    state: str
    """``'completed'``, ``'failed'``, ``'started'`` or ``'not started'``."""
    started: str
    runtime: str
    environment: str
    """Short hash of the environment that executed it; empty if none did."""
    parameters: tuple[Entry, ...]
    """With the values of this run."""
    results: tuple[Entry, ...]
    """And derived parameters."""
    error: RunError | None
    problem: str
    """What could not be read; empty if all could."""


def read_run(path: str, trajectory: str, index: int) -> RunDetails:
    """Read all that is stored of a run.

    Raises
    ------
    OSError, ValueError, StorageFormatError
        The file or the trajectory cannot be read at all.
    IndexError
        The trajectory has no such run.
    """
    service = reading_service(path)
    meta, _ = service.inspect_meta(trajectory)
    if not 0 <= index < meta.info.length:
        raise IndexError(f"{trajectory} has {meta.info.length} runs, and none with index {index}.")
    encoding = str(meta.settings.get("encoding", "utf8"))
    rows = meta.runs
    found = np.flatnonzero(rows.idx == index)
    row = int(found[0]) if len(found) else None
    name = FORMATTED_RUN_NAME % index
    if row is not None and rows.names is not None:
        name = str(rows.names[row])
    problems: list[str] = []
    parameters: list[Entry] = []
    results: list[Entry] = []
    try:
        found_parameters = read_entries(service, trajectory, "parameters", encoding)
        parameters.extend(_of_run(entry, index) for entry in found_parameters)
        for branch in _RUN_BRANCHES:
            for group in groups_in(service, trajectory, branch):
                place = f"{group}.{name}"
                results.extend(read_entries(service, trajectory, place, encoding))
    except UNREADABLE as unreadable:
        problems.append(in_a_line(unreadable))
    error = rows.errors.get(index)
    return RunDetails(
        index,
        name,
        _state(rows, row, error),
        "" if row is None else start_time(float(rows.timestamp[row])),
        ""
        if row is None
        else runtime(float(rows.timestamp[row]), float(rows.finish_timestamp[row])),
        "" if row is None or rows.environment[row] < 0 else rows.hexshas[rows.environment[row]],
        tuple(parameters),
        tuple(results),
        error,
        "; ".join(problems),
    )


def _of_run(entry: Entry, index: int) -> Entry:
    """Return a parameter with the value that it has in a run."""
    if entry.values is None or index >= len(entry.values):
        return entry
    return Entry(entry.name, entry.values[index], entry.comment, values=entry.values)


def _state(rows: Any, row: int | None, error: RunError | None) -> str:
    if row is None:
        return "not started"
    if rows.completed[row]:
        return "completed"
    if error is not None:
        return "failed"
    return "not started" if start_time(float(rows.timestamp[row])) == "N/A" else "started"
