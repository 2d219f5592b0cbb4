"""Arrays, lists and tuples of a range as items of their own, each distinct one once.

The layout of `ArrayParameter`, which `Parameter` uses for ranges that cannot be one column of a
table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pypet.leaves.distinct import content_key, distinct
from pypet.leaves.exchange import Sink, Source
from pypet.pypetconstants import RUNS_PER_SET

IDENTIFIER = "__rr__"
DATA = f"data{IDENTIFIER}"
_INDEX_TABLE = f"explored_data{IDENTIFIER}"


def put(sink: Sink, data: Any, values: Sequence[Any]) -> None:
    """Write a value and the entries of a range, which may be empty."""
    sink.value(DATA, data)
    if values:
        entries, indices = distinct(values, content_key)
        for index, entry in enumerate(entries):
            sink.value(_entry_name(index), entry)
        sink.column(_INDEX_TABLE, "idx", indices)


def take(source: Source) -> tuple[Any, list[Any] | None]:
    """Return what `put` wrote; None as range if there is none."""
    data = source.value(DATA)
    if _INDEX_TABLE not in source:
        return data, None
    indices = source.column(_INDEX_TABLE, "idx")
    entries = {index: _take_entry(source, index) for index in set(indices)}
    return data, [entries[index] for index in indices]


def _entry_name(index: int) -> str:
    return f"explored{IDENTIFIER}.set_{index // RUNS_PER_SET:05d}.xa_{index:08d}"


def _take_entry(source: Source, index: int) -> Any:
    flat_name = f"xa{IDENTIFIER}{index:08d}"  # of files before 0.2b1
    return source.value(flat_name if flat_name in source else _entry_name(index))
