"""Records of single runs: rows of the run table as dictionaries, or as live mappings.

A record has the established entries, and where something is not known yet, the established
placeholders, numbers among them. Without placeholders it has None instead, and entries of its own
about what became of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from pypet.records.run_text import (
    NOT_FINISHED,
    NOT_STARTED,
    NOT_YET,
    TEXT_COLUMNS,
    parameter_summaries,
    runtime,
    start_time,
)

if TYPE_CHECKING:
    from pypet.trajectory.run_table import RunTable

_NUMBERS = ("completed", "timestamp", "finish_timestamp")
_DERIVED = ("state", "error")
KEYS = ("idx", "name", *_NUMBERS, *TEXT_COLUMNS, "short_environment_hexsha")


def read_record(
    table: RunTable, idx: int, row: int, *, placeholders: bool = True
) -> dict[str, Any]:
    """Return everything about a run; text that was not read back is made now.

    Without ``placeholders`` None stands for what is not known yet, and there are the entries
    ``state`` and ``error``.
    """
    columns = table.columns
    kept = table.texts.get
    timestamp = columns.timestamp.item(row)
    finish_timestamp = columns.finish_timestamp.item(row)
    environment = columns.environment.item(row)
    summary = kept("parameter_summary", row)
    if summary is None:
        started = finish_timestamp != NOT_FINISHED
        summary = parameter_summaries(table.ranges(), [idx])[0] if started else NOT_YET
    record = {
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
    if not placeholders:
        record.update(_unknown(table, record), state=table.stage(idx), error=table.error(idx))
    return record


def _unknown(table: RunTable, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to say in place of placeholders.

    They are told by the numbers: other writers have other texts. Only the summary of parameters
    can be made before the run, too.
    """
    entries: dict[str, Any] = {}
    if record["timestamp"] == NOT_STARTED:
        entries.update(timestamp=None, time=None, runtime=None)
    if record["finish_timestamp"] == NOT_FINISHED:
        summary = parameter_summaries(table.ranges(), [record["idx"]])[0]
        entries.update(finish_timestamp=None, runtime=None, parameter_summary=summary or None)
    if table.columns.environment[table.row(record["idx"])] < 0:
        entries["short_environment_hexsha"] = None
    return entries


class RunRecord(MutableMapping[str, Any]):
    """Reads and changes the record of one run in place; entries cannot be added or removed."""

    __slots__ = ("_idx", "_placeholders", "_table")

    def __init__(self, table: RunTable, idx: int, *, placeholders: bool = True) -> None:
        self._table = table
        self._idx = idx
        self._placeholders = placeholders

    def __getitem__(self, key: str) -> Any:
        return self._table.record(self._idx, placeholders=self._placeholders)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Overwrite an entry; times as text follow from times as numbers.

        Raises
        ------
        KeyError
            A record has no such entry.
        TypeError
            Index and name of a run never change, and what became of it follows from the rest.
        """
        table = self._table
        row = table.row(self._idx)
        columns = table.columns
        if key in ("idx", "name", *_DERIVED):
            raise TypeError(f"The {key!r} of run {self._idx} cannot be changed.")
        if key not in KEYS:
            raise KeyError(f"The record of run {self._idx} has no entry {key!r}.")
        columns.own()
        if key in _NUMBERS:
            getattr(columns, key)[row] = value
            table.texts.drop(row)
            if key == "completed" and value:
                table.errors.pop(self._idx, None)
        elif key in TEXT_COLUMNS:
            table.texts.put(key, row, str(value))
        else:
            columns.environment[row] = -1 if value == NOT_YET else table.environment_of(value)
        columns.changed[row] = True

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"Entry {key!r} of the record of run {self._idx} cannot be removed.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def _keys(self) -> tuple[str, ...]:
        return KEYS if self._placeholders else (*KEYS, *_DERIVED)

    def __repr__(self) -> str:
        return repr(dict(self))
