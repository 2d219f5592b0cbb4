"""Rows of the run table, the text that follows from them, and updating stored ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pypet.records.run_errors import RunError
from pypet.support.readable import shortened
from pypet.support.time_format import format_duration, format_time

FLOAT = np.ndarray[Any, np.dtype[np.float64]]
INT = np.ndarray[Any, np.dtype[np.int64]]

NOT_YET = "N/A"
"""Placeholder for text about something that did not happen yet."""
NOT_STARTED = 42.0
"""Placeholder for the ``timestamp`` of a run that never started."""
NOT_FINISHED = 1.337
"""Placeholder for the ``finish_timestamp`` of a run that never finished."""
MAX_VALUE_LENGTH = 512
"""Longer representations of single values are truncated in summaries."""

RunSelection = Callable[[int], INT | None]
"""From the number of runs to the indices of those that are wanted, ascending; None for all."""

TEXT_COLUMNS = ("time", "runtime", "parameter_summary")
_COLUMNS = ("completed", "timestamp", "finish_timestamp", "environment")


@dataclass(frozen=True, slots=True)
class RunRows:
    """Rows of the run table as columns of equal length, in ascending order of ``idx``.

    Text that follows from the other columns or from the explored ranges is made by `text_columns`,
    block by block, so that a million runs need no million strings.
    """

    idx: INT
    completed: np.ndarray[Any, np.dtype[np.int8]]
    timestamp: FLOAT
    finish_timestamp: FLOAT
    environment: np.ndarray[Any, np.dtype[np.int32]]
    """Index into ``hexshas``; -1 before the run."""
    hexshas: tuple[str, ...] = ()
    """First seven characters of the SHA-1 of the environments that executed runs."""
    explored: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Full name of each explored parameter -> its range over *all* runs."""
    names: Sequence[str] | None = None
    """Run names of these rows; None for the default names ``run_%08d``."""
    text: Mapping[str, np.ndarray[Any, Any]] | None = None
    """UTF-8 columns (dtype ``S``) ``time``, ``runtime`` and ``parameter_summary`` as read back
    from a storage; None if they are to be derived."""
    errors: Mapping[int, RunError] = field(default_factory=dict)
    """Index -> error of the failed ones of these runs. A backend that keeps errors discards earlier
    ones of all other rows. Completed runs have no error, even if a storage has one."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.idx)

    def blocks(self, size: int) -> Iterator[RunRows]:
        """Yield the rows in blocks of at most ``size``."""
        for start in range(0, len(self.idx), size):
            part = slice(start, start + size)
            yield replace(
                self,
                idx=self.idx[part],
                completed=self.completed[part],
                timestamp=self.timestamp[part],
                finish_timestamp=self.finish_timestamp[part],
                environment=self.environment[part],
                names=None if self.names is None else self.names[part],
                text=None
                if self.text is None
                else {name: column[part] for name, column in self.text.items()},
            )


# ----- text ------------------------------------------------------------------------------


def start_time(timestamp: float) -> str:
    """Return when a run started, as text."""
    return NOT_YET if timestamp == NOT_STARTED else format_time(timestamp)


def runtime(timestamp: float, finish_timestamp: float) -> str:
    """Return how long a run took, as text."""
    if finish_timestamp == NOT_FINISHED or timestamp == NOT_STARTED:
        return NOT_YET
    return format_duration(finish_timestamp - timestamp)


def parameter_summary(values: Iterable[tuple[str, Any]]) -> str:
    """Return ``'x: 2,   y: 3'`` for pairs of the full name of a parameter and its value.

    The full name is shown where the short one already occurs in the text.
    """
    text = ""
    for full_name, value in values:
        text = _extended(text, full_name.rpartition(".")[2], full_name, _shown(value))
    return text


def parameter_summaries(explored: Mapping[str, Sequence[Any]], indices: list[int]) -> list[str]:
    """Return the summaries of the runs ``indices``; ``explored`` has the ranges over all runs."""
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
    return shortened(repr(value), MAX_VALUE_LENGTH)


def text_columns(rows: RunRows) -> dict[str, Sequence[str]]:
    """Return the columns ``time``, ``runtime`` and ``parameter_summary`` of these rows as str.

    Call it block by block (`RunRows.blocks`), so that a million runs need no million strings at
    once.
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
    """Return the same rows with their text and without explored ranges, which may be large."""
    text = {
        name: np.array([cell.encode("utf8") for cell in column], dtype="S")
        for name, column in text_columns(rows).items()
    }
    return replace(rows, explored={}, text=text)


# ----- updates ---------------------------------------------------------------------------


def merged_rows(older: RunRows, newer: RunRows) -> RunRows:
    """Return the rows of ``older``, updated and extended by those of ``newer``.

    ``older`` holds all rows from index 0 on; ``newer`` any of them.
    """
    length = max(len(older), int(newer.idx[-1]) + 1 if len(newer) else 0)
    columns = {
        name: _replaced(getattr(older, name), getattr(newer, name), newer.idx, length)
        for name in _COLUMNS
    }
    names = None
    if newer.names is not None:
        names = _replaced(np.array(older.names or (), object), newer.names, newer.idx, length)
    return RunRows(
        idx=np.arange(length),
        **columns,
        hexshas=newer.hexshas,
        explored=newer.explored,
        names=None if names is None else names.tolist(),
        text=_merged_text(older, newer, length),
        errors=_merged_errors(older, newer),
    )


def _merged_errors(older: RunRows, newer: RunRows) -> Mapping[int, RunError]:
    """Return the errors of all runs; those of ``newer`` replace all earlier ones of its rows."""
    if not older.errors:
        return newer.errors
    updated = set(newer.idx.tolist())
    kept = {idx: error for idx, error in older.errors.items() if idx not in updated}
    return {**kept, **newer.errors}


def _merged_text(older: RunRows, newer: RunRows, length: int) -> Mapping[str, Any] | None:
    """Return text columns if one of the tables has text from a storage, None to derive all."""
    if older.text is None and newer.text is None:
        return None
    before, after = text_columns(older), text_columns(newer)
    merged_columns = {}
    for name, column in before.items():
        cells = _replaced(np.array(column, object), after[name], newer.idx, length)
        merged_columns[name] = np.array([(cell or "").encode("utf8") for cell in cells])
    return merged_columns


def _replaced(before: Any, after: Any, rows: Any, length: int) -> Any:
    column = np.empty(length, before.dtype)
    column[: len(before)] = before
    column[rows] = after
    return column
