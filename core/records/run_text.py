"""The text of run records: made from the other columns, or as read back from a storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pypet.records.meta import RunRows
from pypet.support.run_text import format_time, run_time_text

NOT_YET = "N/A"
"""Stands for every text about something that did not happen yet."""
NOT_STARTED = 42.0
"""``timestamp`` of a run that never started."""
NOT_FINISHED = 1.337
"""``finish_timestamp`` of a run that never finished."""
MAX_VALUE_LENGTH = 512
"""Longer representations of single values are cut in summaries."""

TEXT_COLUMNS = ("time", "runtime", "parameter_summary")


def start_time(timestamp: float) -> str:
    """Return when a run started, as text."""
    return NOT_YET if timestamp == NOT_STARTED else format_time(timestamp)


def runtime(timestamp: float, finish_timestamp: float) -> str:
    """Return how long a run took, as text."""
    if finish_timestamp == NOT_FINISHED or timestamp == NOT_STARTED:
        return NOT_YET
    return run_time_text(finish_timestamp - timestamp)


def parameter_summary(values: Iterable[tuple[str, Any]]) -> str:
    """Return ``'x: 2,   y: 3'`` for pairs of the full name of a parameter and its value.

    The full name is shown where the short one already occurs in the text.
    """
    text = ""
    for full_name, value in values:
        shown = repr(value)
        if len(shown) > MAX_VALUE_LENGTH:
            shown = shown[: MAX_VALUE_LENGTH - 3] + "..."
        name = full_name.rpartition(".")[2]
        if name in text:
            name = full_name
        text = f"{text},   {name}: {shown}" if text else f"{name}: {shown}"
    return text


def summary_of_run(explored: Mapping[str, Sequence[Any]], idx: int) -> str:
    """Return the summary of one run, given the ranges over all runs."""
    return parameter_summary((name, values[idx]) for name, values in explored.items())


def text_columns(rows: RunRows) -> dict[str, Sequence[str]]:
    """Return the columns ``time``, ``runtime`` and ``parameter_summary`` of these rows as str.

    To be called block by block (`RunRows.blocks`), so that a million runs need no million
    strings at once.
    """
    if rows.text is not None:
        return {
            name: [cell.decode("utf8", "replace") for cell in rows.text[name].tolist()]
            for name in TEXT_COLUMNS
        }
    started = rows.timestamp.tolist()
    finished = rows.finish_timestamp.tolist()
    explored = rows.explored
    return {
        "time": [start_time(time) for time in started],
        "runtime": [runtime(*times) for times in zip(started, finished, strict=True)],
        "parameter_summary": [
            NOT_YET if time == NOT_FINISHED else summary_of_run(explored, idx)
            for idx, time in zip(rows.idx.tolist(), finished, strict=True)
        ],
    }
