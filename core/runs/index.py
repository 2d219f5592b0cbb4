"""`RunIndex`: which runs exist, which of them are known, and the row of each one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.pypetconstants import RUN_NAME
from pypet.runs.names import RunNames


class RunIndex:
    """The runs 0 to ``len - 1``, of which all or only some are known."""

    __slots__ = ("_known", "_length", "_names")

    _known: np.ndarray[Any, np.dtype[np.int64]] | None
    """Indices of the known runs, ascending; None if all are known."""
    _length: int
    _names: RunNames

    def __len__(self) -> int:
        """Return the number of runs, known or not."""
        return self._length

    @property
    def knows_all(self) -> bool:
        """Whether every run is known."""
        return self._known is None

    @property
    def indices(self) -> Sequence[int]:
        """Indices of the known runs, ascending."""
        return range(self._length) if self._known is None else self._known.tolist()

    @property
    def names(self) -> RunNames:
        """Names of the runs."""
        return self._names

    def row(self, idx: int) -> int:
        """Return the row of a run in the columns.

        Raises
        ------
        KeyError
            There is no such run, or it is not known.
        """
        if self._known is None:
            if 0 <= idx < self._length:
                return idx
            raise KeyError(f"There is no run with index {idx}; there are {self._length} runs.")
        row = int(self._known.searchsorted(idx))
        if row < len(self._known) and self._known[row] == idx:
            return row
        raise KeyError(
            f"There is no information about run {idx}: it is only known for {len(self._known)} of "
            f"{self._length} runs."
        )

    def indices_of_rows(
        self, rows: np.ndarray[Any, np.dtype[np.int64]]
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices of the runs in these rows."""
        return rows if self._known is None else self._known[rows]

    def knows(self, idx: int) -> bool:
        """Return whether there is such a run, and it is known."""
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
        """Return the index of the known run of this name, None if there is none."""
        names = self._names
        if names.are_default and not name.startswith(RUN_NAME):
            return None  # fast path: called for every node that is added outside of runs
        idx = names.find(name)
        if idx is None:
            return None
        return idx if self.knows(idx) else None
