"""Columns of the run table: arrays that grow, and that copies share until one of them writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.records.run_text import NOT_FINISHED, NOT_STARTED

_PLACEHOLDERS: dict[str, tuple[type, Any]] = {
    "completed": (np.int8, 0),
    "timestamp": (np.float64, NOT_STARTED),
    "finish_timestamp": (np.float64, NOT_FINISHED),
    "environment": (np.int32, -1),
    "changed": (np.bool_, True),
}
"""Type and value before the run, by column."""


class RunColumns:
    """What is known about runs, one row each; about 22 bytes a row.

    The arrays may be longer than ``size``: what is beyond is room to grow. Everybody who writes
    into an array calls `own` first.
    """

    __slots__ = (*_PLACEHOLDERS, "_shared", "size")

    changed: np.ndarray[Any, np.dtype[np.bool_]]
    completed: np.ndarray[Any, np.dtype[np.int8]]
    environment: np.ndarray[Any, np.dtype[np.int32]]
    finish_timestamp: np.ndarray[Any, np.dtype[np.float64]]
    timestamp: np.ndarray[Any, np.dtype[np.float64]]

    def __init__(self, size: int = 0) -> None:
        """Make ``size`` rows of runs that did not start."""
        self.size = size
        self._shared = False
        for name, (dtype, value) in _PLACEHOLDERS.items():
            setattr(self, name, np.full(size, value, dtype))

    def own(self) -> None:
        """Make the arrays writable without effect on copies."""
        if self._shared:
            for name in _PLACEHOLDERS:
                setattr(self, name, getattr(self, name).copy())
            self._shared = False

    def grow(self, size: int) -> None:
        """Append rows of runs that did not start, until there are ``size``."""
        self.own()
        capacity = len(self.completed)
        if size > capacity:
            # At least half as much again, so that many small expansions cost linear time.
            capacity = max(size, capacity + capacity // 2)
        for name, (dtype, value) in _PLACEHOLDERS.items():
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
        for name in _PLACEHOLDERS:
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
        # Written out for the old pickle protocols, which do not know slots.
        return None, {name: getattr(self, name) for name in self.__slots__}
