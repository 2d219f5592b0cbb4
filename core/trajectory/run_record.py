"""Records of single runs: rows of the run table as dictionaries, or as live mappings."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from pypet.records.run_text import (
    NOT_FINISHED,
    NOT_YET,
    TEXT_COLUMNS,
    parameter_summaries,
    runtime,
    start_time,
)

if TYPE_CHECKING:
    from pypet.trajectory.run_table import RunTable

_NUMBERS = ("completed", "timestamp", "finish_timestamp")
KEYS = ("idx", "name", *_NUMBERS, *TEXT_COLUMNS, "short_environment_hexsha")


def read_record(table: RunTable, idx: int, row: int) -> dict[str, Any]:
    """Return everything about a run; text that was not read back is made now."""
    columns = table.columns
    kept = table.texts.get
    timestamp = columns.timestamp.item(row)
    finish_timestamp = columns.finish_timestamp.item(row)
    environment = columns.environment.item(row)
    summary = kept("parameter_summary", row)
    if summary is None:
        started = finish_timestamp != NOT_FINISHED
        summary = parameter_summaries(table.ranges(), [idx])[0] if started else NOT_YET
    return {
        "idx": idx,
        "name": table.name(idx),
        "completed": columns.completed.item(row),
        "timestamp": timestamp,
        "finish_timestamp": finish_timestamp,
        "time": kept("time", row) or start_time(timestamp),
        "runtime": kept("runtime", row) or runtime(timestamp, finish_timestamp),
        "parameter_summary": summary,
        "short_environment_hexsha": NOT_YET if environment < 0 else table.hexshas[environment],
    }


class RunRecord(MutableMapping[str, Any]):
    """Reads and changes the record of one run in place; entries cannot be added or removed."""

    __slots__ = ("_idx", "_table")

    def __init__(self, table: RunTable, idx: int) -> None:
        self._table = table
        self._idx = idx

    def __getitem__(self, key: str) -> Any:
        return self._table.record(self._idx)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Overwrite an entry; times as text follow from times as numbers.

        Raises
        ------
        KeyError
            A record has no such entry.
        TypeError
            Index and name of a run never change.
        """
        table = self._table
        row = table.row(self._idx)
        columns = table.columns
        if key in ("idx", "name"):
            raise TypeError(f"The {key!r} of run {self._idx} cannot be changed.")
        if key not in KEYS:
            raise KeyError(f"The record of run {self._idx} has no entry {key!r}.")
        columns.own()
        if key in _NUMBERS:
            getattr(columns, key)[row] = value
            table.texts.drop(row)
        elif key in TEXT_COLUMNS:
            table.texts.put(key, row, str(value))
        else:
            columns.environment[row] = -1 if value == NOT_YET else table.environment_of(value)
        columns.changed[row] = True

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"Entry {key!r} of the record of run {self._idx} cannot be removed.")

    def __iter__(self) -> Iterator[str]:
        return iter(KEYS)

    def __len__(self) -> int:
        return len(KEYS)

    def __repr__(self) -> str:
        return repr(dict(self))
