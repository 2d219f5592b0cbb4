"""Text of run records that was read back, and therefore is kept as it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pypet.records.run_text import TEXT_COLUMNS

BYTES = np.ndarray[Any, np.dtype[np.bytes_]]


class RunTexts:
    """UTF-8 columns ``time``, ``runtime`` and ``parameter_summary``, with gaps.

    A gap stands for text that follows from the numbers of the row and from the explored ranges.
    Rows beyond the end of a column are gaps. Copies share the arrays until one side writes.
    """

    __slots__ = ("_columns", "_given", "_shared")

    def __init__(self, columns: Mapping[str, BYTES] | None = None) -> None:
        """Take over full columns; None starts with gaps only."""
        self._columns: dict[str, BYTES] = {}
        self._given: dict[str, np.ndarray[Any, np.dtype[np.bool_]]] = {}
        self._shared = False
        for name, column in (columns or {}).items():
            self._columns[name] = _compact(column)
            self._given[name] = np.ones(len(column), np.bool_)

    def get(self, name: str, row: int) -> str | None:
        """Return the text of a row, None for a gap."""
        given = self._given.get(name)
        if given is None or row >= len(given) or not given[row]:
            return None
        return bytes(self._columns[name][row]).decode("utf8", "replace")

    def put(self, name: str, row: int, text: str) -> None:
        """Keep a text for a row."""
        self._own()
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
        """Turn the texts of a row into gaps."""
        for name, given in self._given.items():
            if row < len(given) and given[row]:
                self._own()
                self._given[name][row] = False

    def _own(self) -> None:
        if self._shared:
            self._columns = {name: column.copy() for name, column in self._columns.items()}
            self._given = {name: given.copy() for name, given in self._given.items()}
            self._shared = False

    def column(self, name: str, rows: Any, derived: Sequence[str]) -> BYTES:
        """Return the column of these row numbers, gaps filled from ``derived``."""
        cells = [
            text.encode("utf8") if (kept := self.get(name, row)) is None else kept.encode("utf8")
            for row, text in zip(rows.tolist(), derived, strict=True)
        ]
        return np.array(cells, np.bytes_) if cells else np.zeros(0, "S1")

    def whole(self, rows: Any) -> dict[str, BYTES] | None:
        """Return the columns of these row numbers if they have no gap."""
        if not all(name in self._given for name in TEXT_COLUMNS):
            return None
        if len(rows) and rows[-1] >= min(map(len, self._given.values())):
            return None
        if not all(self._given[name][rows].all() for name in TEXT_COLUMNS):
            return None
        return {name: self._columns[name][rows] for name in TEXT_COLUMNS}

    def any_given(self, rows: Any) -> bool:
        """Say whether any text of these row numbers is kept."""
        return any(bool(given[rows[rows < len(given)]].any()) for given in self._given.values())

    def only(self, row: int) -> RunTexts:
        """Return the texts of one row, which becomes row 0."""
        one = RunTexts()
        for name in self._columns:
            text = self.get(name, row)
            if text is not None:
                one.put(name, 0, text)
        return one

    def copy(self) -> RunTexts:
        """Return equal texts."""
        self._shared = True
        twin = RunTexts()
        twin._columns = dict(self._columns)
        twin._given = dict(self._given)
        twin._shared = True
        return twin

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Written out for the old pickle protocols, which do not know slots.
        return None, {name: getattr(self, name) for name in self.__slots__}


def _compact(column: BYTES) -> BYTES:
    """Return a copy as narrow as its longest text."""
    longest = int(np.char.str_len(column).max()) if len(column) else 0
    return column.astype(f"S{max(longest, 1)}")
