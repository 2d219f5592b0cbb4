"""Information about single runs: rows of the run table as dictionaries, or as live mappings.

It has the established entries, with the established placeholders, numbers among them, for what is
not known yet. Without placeholders these are None, and there are two more entries, about the state
of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from pypet.records.run_rows import (
    NOT_FINISHED,
    NOT_STARTED,
    NOT_YET,
    TEXT_COLUMNS,
    parameter_summaries,
    runtime,
    start_time,
)

if TYPE_CHECKING:
    from pypet.runs.table import RunTable

_NUMBERS = ("completed", "timestamp", "finish_timestamp")
_DERIVED = ("state", "error")
KEYS = ("idx", "name", *_NUMBERS, *TEXT_COLUMNS, "short_environment_hexsha")


def run_information(table: RunTable, idx: int, *, placeholders: bool = True) -> dict[str, Any]:
    """Return all information about a run; text that no storage had is made now.

    Without ``placeholders`` what is not known yet is None, and there are the entries ``state`` and
    ``error``. KeyError for unknown runs.
    """
    row = table.row(idx)
    columns = table.columns
    kept = table.texts.get
    timestamp = columns.timestamp.item(row)
    finish_timestamp = columns.finish_timestamp.item(row)
    environment = columns.environment.item(row)
    summary = kept("parameter_summary", row)
    if summary is None:
        has_finished = finish_timestamp != NOT_FINISHED
        summary = _summary(table, idx) if has_finished else NOT_YET
    information = {
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
        information.update(
            _without_placeholders(table, information),
            state=table.detailed_state(idx),
            error=table.error(idx),
        )
    return information


def _without_placeholders(table: RunTable, information: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that replace placeholders.

    The numbers decide which ones: other writers have other texts. Only the summary of the
    parameters can be made before the run, too.
    """
    entries: dict[str, Any] = {}
    idx = information["idx"]
    if information["timestamp"] == NOT_STARTED:
        entries.update(timestamp=None, time=None, runtime=None)
    if information["finish_timestamp"] == NOT_FINISHED:
        summary = _summary(table, idx) or None
        entries.update(finish_timestamp=None, runtime=None, parameter_summary=summary)
    if table.columns.environment[table.row(idx)] < 0:
        entries["short_environment_hexsha"] = None
    return entries


def _summary(table: RunTable, idx: int) -> str:
    return parameter_summaries(table.explored_ranges(), [idx])[0]


class RunInformation(MutableMapping[str, Any]):
    """The information about one run as a live mapping; entries cannot be added or removed."""

    __slots__ = ("_idx", "_placeholders", "_table")

    def __init__(self, table: RunTable, idx: int, *, placeholders: bool = True) -> None:
        table.row(idx)  # KeyError for unknown runs
        self._table = table
        self._idx = idx
        self._placeholders = placeholders

    def __getitem__(self, key: str) -> Any:
        return run_information(self._table, self._idx, placeholders=self._placeholders)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Set an entry; times as text are derived from those as numbers.

        Raises
        ------
        KeyError
            There is no such entry.
        TypeError
            Index and name of a run never change, and its state is derived from the other entries.
        """
        table = self._table
        row = table.row(self._idx)
        columns = table.columns
        if key in ("idx", "name", *_DERIVED):
            raise TypeError(f"The {key!r} of run {self._idx} cannot be changed.")
        if key not in KEYS:
            raise KeyError(f"The information about run {self._idx} has no entry {key!r}.")
        columns.unshare()
        if key in _NUMBERS:
            getattr(columns, key)[row] = value
            table.texts.drop(row)
            if key == "completed" and value:
                table.errors.pop(self._idx, None)
        elif key in TEXT_COLUMNS:
            table.texts.put(key, row, str(value))
        else:
            columns.environment[row] = -1 if value == NOT_YET else table.environment_number(value)
        columns.changed[row] = True

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"Entry {key!r} of run {self._idx} cannot be removed.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def _keys(self) -> tuple[str, ...]:
        return KEYS if self._placeholders else (*KEYS, *_DERIVED)

    def __repr__(self) -> str:
        return repr(dict(self))
