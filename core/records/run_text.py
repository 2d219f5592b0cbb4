"""The text of run records: made from the other columns, or as read back from a storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

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
        text = _extended(text, full_name.rpartition(".")[2], full_name, _shown(value))
    return text


def parameter_summaries(explored: Mapping[str, Sequence[Any]], indices: list[int]) -> list[str]:
    """Return the summaries of runs, given the ranges over all runs."""
    texts = [""] * len(indices)
    for full_name, values in explored.items():
        name = full_name.rpartition(".")[2]
        texts = [
            _extended(text, name, full_name, _shown(values[index]))
            for text, index in zip(texts, indices, strict=True)
        ]
    return texts


def _extended(text: str, name: str, full_name: str, shown: str) -> str:
    if not text:
        return f"{name}: {shown}"
    return f"{text},   {full_name if name in text else name}: {shown}"


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= MAX_VALUE_LENGTH else shown[: MAX_VALUE_LENGTH - 3] + "..."


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
    ended = [
        idx for idx, time in zip(rows.idx.tolist(), finished, strict=True) if time != NOT_FINISHED
    ]
    summaries = iter(parameter_summaries(rows.explored, ended))
    return {
        "time": [start_time(time) for time in started],
        "runtime": [runtime(*times) for times in zip(started, finished, strict=True)],
        "parameter_summary": [
            NOT_YET if time == NOT_FINISHED else next(summaries) for time in finished
        ],
    }


def self_contained(rows: RunRows) -> RunRows:
    """Return the same rows with their text, so that no explored ranges have to go along."""
    text = {
        name: np.array([cell.encode("utf8") for cell in column], dtype="S")
        for name, column in text_columns(rows).items()
    }
    return replace(rows, explored={}, text=text)
