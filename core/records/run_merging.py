"""Bringing a run table up to date with rows that changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pypet.records.meta import RunRows
from pypet.records.run_errors import RunError
from pypet.records.run_text import text_columns

_COLUMNS = ("completed", "timestamp", "finish_timestamp", "environment")


def merged(older: RunRows, newer: RunRows) -> RunRows:
    """Return the rows of ``older`` with those of ``newer`` put in place or appended.

    ``older`` holds all rows from index 0 on; ``newer`` any choice of rows.
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
    """Return the errors of all runs; what ``newer`` says of its runs is all there is."""
    if not older.errors:
        return newer.errors
    told = set(newer.idx.tolist())
    kept = {idx: error for idx, error in older.errors.items() if idx not in told}
    return {**kept, **newer.errors}


def _merged_text(older: RunRows, newer: RunRows, length: int) -> Mapping[str, Any] | None:
    """Return text columns if one of the tables has text of its own, None to derive all."""
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
