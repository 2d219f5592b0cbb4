"""Columns of the run table: arrays that grow, and that copies share until one of them writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED, TEXT_COLUMNS

BYTES = np.ndarray[Any, np.dtype[np.bytes_]]

STORED_COLUMNS = ("completed", "timestamp", "finish_timestamp", "environment")
_DEFAULTS: dict[str, tuple[type, Any]] = {
    "completed": (np.int8, 0),
    "timestamp": (np.float64, NOT_STARTED),
    "finish_timestamp": (np.float64, NOT_FINISHED),
    "environment": (np.int32, -1),
    "changed": (np.bool_, True),
}
"""dtype, and value before the run, by column."""


class RunColumns:
    """Numeric columns, one row per run; about 22 bytes per row.

    The arrays may be longer than ``size``; the rest is spare capacity. Call `unshare` before
    writing into an array.
    """

    __slots__ = (*_DEFAULTS, "_shared", "size")

    changed: np.ndarray[Any, np.dtype[np.bool_]]
    completed: np.ndarray[Any, np.dtype[np.int8]]
    environment: np.ndarray[Any, np.dtype[np.int32]]
    finish_timestamp: np.ndarray[Any, np.dtype[np.float64]]
    timestamp: np.ndarray[Any, np.dtype[np.float64]]

    def __init__(self, size: int = 0) -> None:
        """Create ``size`` rows of runs that have not started."""
        self.size = size
        self._shared = False
        for name, (dtype, value) in _DEFAULTS.items():
            setattr(self, name, np.full(size, value, dtype))

    def unshare(self) -> None:
        """Copy the arrays if copies of the table share them, so that they can be written."""
        if self._shared:
            for name in _DEFAULTS:
                setattr(self, name, getattr(self, name).copy())
            self._shared = False

    def grow(self, size: int) -> None:
        """Append rows of runs that have not started, up to ``size`` rows."""
        self.unshare()
        capacity = len(self.completed)
        if size > capacity:
            # At least half as much again, so that many small expansions cost linear time.
            capacity = max(size, capacity + capacity // 2)
        for name, (dtype, value) in _DEFAULTS.items():
            old = getattr(self, name)
            if capacity > len(old):
                longer: np.ndarray[Any, Any] = np.empty(capacity, dtype)
                longer[: self.size] = old[: self.size]
                setattr(self, name, longer)
            getattr(self, name)[self.size : size] = value
        self.size = size

    def take(self, rows: Any) -> RunColumns:
        """Return new columns with some of the rows."""
        taken = RunColumns()
        for name in _DEFAULTS:
            setattr(taken, name, getattr(self, name)[: self.size][rows].copy())
        taken.size = len(taken.completed)
        return taken

    def copy(self) -> RunColumns:
        """Return equal columns; the arrays are shared until either side writes."""
        self._shared = True
        twin = RunColumns.__new__(RunColumns)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Spelled out because pickle protocols 0 and 1 do not support slots.
        return None, {name: getattr(self, name) for name in self.__slots__}


class TextColumns:
    """UTF-8 columns ``time``, ``runtime`` and ``parameter_summary`` as read from a storage.

    A text is kept as it was written, because other writers format it differently. Rows without a
    text of their own, and rows beyond the end of a column, derive it from the numbers of the row
    and the explored ranges. Copies share the arrays until one of them writes.
    """

    __slots__ = ("_columns", "_given", "_shared")

    def __init__(self, columns: Mapping[str, BYTES] | None = None) -> None:
        """Start with these columns, each with a text in every row; None starts without text."""
        self._columns: dict[str, BYTES] = {}
        self._given: dict[str, np.ndarray[Any, np.dtype[np.bool_]]] = {}
        self._shared = False
        for name, column in (columns or {}).items():
            self._columns[name] = _narrowed(column)
            self._given[name] = np.ones(len(column), np.bool_)

    def get(self, name: str, row: int) -> str | None:
        """Return the text of a row, None if it has to be derived."""
        given = self._given.get(name)
        if given is None or row >= len(given) or not given[row]:
            return None
        return bytes(self._columns[name][row]).decode("utf8", "replace")

    def put(self, name: str, row: int, text: str) -> None:
        """Set the text of a row."""
        self._unshare()
        cell = text.encode("utf8")
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = np.zeros(0, f"S{max(len(cell), 1)}")
            self._given[name] = np.zeros(0, np.bool_)
        if len(cell) > column.itemsize:
            column = self._columns[name] = column.astype(f"S{len(cell)}")
        if row >= len(column):
            missing = (0, row + 1 - len(column))
            column = self._columns[name] = np.pad(column, missing)
            self._given[name] = np.pad(self._given[name], missing)
        column[row] = cell
        self._given[name][row] = True

    def drop(self, row: int) -> None:
        """Discard the texts of a row, which are derived from then on."""
        for name, given in self._given.items():
            if row < len(given) and given[row]:
                self._unshare()
                self._given[name][row] = False

    def _unshare(self) -> None:
        if self._shared:
            self._columns = {name: column.copy() for name, column in self._columns.items()}
            self._given = {name: given.copy() for name, given in self._given.items()}
            self._shared = False

    def filled(self, name: str, rows: Any, derived: Sequence[str]) -> BYTES:
        """Return the column of these row numbers, with ``derived`` where there is no text."""
        cells = [
            text.encode("utf8") if (kept := self.get(name, row)) is None else kept.encode("utf8")
            for row, text in zip(rows.tolist(), derived, strict=True)
        ]
        return np.array(cells, np.bytes_) if cells else np.zeros(0, "S1")

    def complete(self, rows: Any) -> dict[str, BYTES] | None:
        """Return the columns of these row numbers, None if a text is missing."""
        if not all(name in self._given for name in TEXT_COLUMNS):
            return None
        if len(rows) and rows[-1] >= min(map(len, self._given.values())):
            return None
        if not all(self._given[name][rows].all() for name in TEXT_COLUMNS):
            return None
        return {name: self._columns[name][rows] for name in TEXT_COLUMNS}

    def has_any(self, rows: Any) -> bool:
        """Return whether there is any text in these row numbers."""
        return any(bool(given[rows[rows < len(given)]].any()) for given in self._given.values())

    def restricted_to(self, row: int) -> TextColumns:
        """Return the texts of one row, which becomes row 0."""
        one = TextColumns()
        for name in self._columns:
            text = self.get(name, row)
            if text is not None:
                one.put(name, 0, text)
        return one

    def copy(self) -> TextColumns:
        """Return equal columns; the arrays are shared until either side writes."""
        self._shared = True
        twin = TextColumns()
        twin._columns = dict(self._columns)
        twin._given = dict(self._given)
        twin._shared = True
        return twin

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Spelled out because pickle protocols 0 and 1 do not support slots.
        return None, {name: getattr(self, name) for name in self.__slots__}


def _narrowed(column: BYTES) -> BYTES:
    """Return a copy as narrow as its longest text."""
    longest = int(np.char.str_len(column).max()) if len(column) else 0
    return column.astype(f"S{max(longest, 1)}")
