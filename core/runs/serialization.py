"""The run table as the record that storage services write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.records import RunRows
from pypet.records.run_rows import text_columns

if TYPE_CHECKING:
    from pypet.runs.table import RunTable


def to_rows(table: RunTable, *, changed_only: bool = False) -> RunRows:
    """Return the known runs as plain arrays, or only those that changed since they were stored."""
    columns, names, errors = table.columns, table.names, table.errors
    numbers = table.changed_rows() if changed_only else np.arange(columns.size)
    idx = table.indices_of_rows(numbers)
    part = columns.take(numbers)
    rows = RunRows(
        idx=idx,
        completed=part.completed,
        timestamp=part.timestamp,
        finish_timestamp=part.finish_timestamp,
        environment=part.environment,
        hexshas=tuple(table.hexshas),
        explored=table.explored_ranges(),
        names=None if names.are_default else [names.name(index) for index in idx.tolist()],
        errors={each: errors[each] for each in idx.tolist() if each in errors} if errors else {},
    )
    text = _text(table, numbers, rows)
    return rows if text is None else replace(rows, text=text)


def _text(table: RunTable, numbers: Any, rows: RunRows) -> dict[str, Any] | None:
    """Return the text columns if a storage had text for any row, None if all is derived."""
    texts = table.texts
    if not texts.has_any(numbers):
        return None
    complete = texts.complete(numbers)
    if complete is not None:
        return complete
    return {
        name: texts.filled(name, numbers, derived) for name, derived in text_columns(rows).items()
    }
