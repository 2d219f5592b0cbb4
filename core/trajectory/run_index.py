"""`RunIndex`: which runs there are, which of them are known, and in which row each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.pypetconstants import RUN_NAME
from pypet.trajectory.run_names import RunNames


class RunIndex:
    """The runs 0 to ``len - 1``; of all of them, or only of some, something is known."""

    __slots__ = ("_known", "_length", "_names")

    _known: np.ndarray[Any, np.dtype[np.int64]] | None
    """Indices of the known runs, ascending; None if all are known."""
    _length: int
    _names: RunNames

    def __len__(self) -> int:
        """Return the number of runs, known or not."""
        return self._length

    @property
    def is_complete(self) -> bool:
        """Whether every run is known."""
        return self._known is None

    @property
    def indices(self) -> Sequence[int]:
        """Indices of the known runs, ascending."""
        return range(self._length) if self._known is None else self._known.tolist()

    @property
    def names(self) -> RunNames:
        """How runs are named."""
        return self._names

    def row(self, idx: int) -> int:
        """Return the row of a run in the columns.

        Raises
        ------
        KeyError
            There is no such run, or nothing is known about it.
        """
        if self._known is None:
            if 0 <= idx < self._length:
                return idx
            raise KeyError(f"There is no run with index {idx}; there are {self._length} runs.")
        row = int(self._known.searchsorted(idx))
        if row < len(self._known) and self._known[row] == idx:
            return row
        raise KeyError(
            f"There is no information about run {idx}: it is known of {len(self._known)} of "
            f"{self._length} runs."
        )

    def knows(self, idx: int) -> bool:
        """Say whether there is such a run and its record is known."""
        if self._known is None:
            return 0 <= idx < self._length
        row = int(self._known.searchsorted(idx))
        return row < len(self._known) and bool(self._known[row] == idx)

    def name(self, idx: int) -> str:
        """Return the name of a known run; KeyError for others."""
        if self._known is not None or not 0 <= idx < self._length:
            self.row(idx)
        return self._names.name(idx)

    def find(self, name: str) -> int | None:
        """Return the index of the known run of this name, None without."""
        names = self._names
        if names.are_default and not name.startswith(RUN_NAME):
            return None  # asked for every node that is added outside the groups of runs
        idx = names.find(name)
        if idx is None:
            return None
        return idx if self.knows(idx) else None
