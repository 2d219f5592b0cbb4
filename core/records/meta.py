"""Records about the trajectory itself: who it is and what became of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from pypet.records.run_errors import RunError

FLOAT = np.ndarray[Any, np.dtype[np.float64]]
INT = np.ndarray[Any, np.dtype[np.int64]]


class Info(NamedTuple):
    """The trajectory's own data. ``timestamp`` is in seconds since the epoch, ``time`` the same
    as formatted local time, ``length`` the number of runs."""

    name: str
    time: str
    timestamp: float
    comment: str
    length: int
    version: str
    python: str


@dataclass(frozen=True, slots=True)
class RunRows:
    """Rows of the run table as columns of equal length, in ascending order of ``idx``.

    Text that follows from the other columns or from the explored ranges is only made when a
    backend asks for it, block by block, so that a million runs need no million strings.
    """

    idx: INT
    completed: np.ndarray[Any, np.dtype[np.int8]]
    timestamp: FLOAT
    finish_timestamp: FLOAT
    environment: np.ndarray[Any, np.dtype[np.int32]]
    """Index into ``hexshas``; -1 before the run."""
    hexshas: tuple[str, ...] = ()
    """First seven characters of the SHA-1 of the environments that executed runs."""
    explored: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Full name of each explored parameter -> its range over *all* runs."""
    names: Sequence[str] | None = None
    """Run names of these rows; None for the default names ``run_%08d``."""
    text: Mapping[str, np.ndarray[Any, Any]] | None = None
    """UTF-8 columns (dtype ``S``) ``time``, ``runtime`` and ``parameter_summary`` as read back
    from a storage; None if they are to be derived."""
    errors: Mapping[int, RunError] = field(default_factory=dict)
    """Index -> error of those of these runs that failed. Of the others nothing is known but what
    the columns say: a backend that keeps errors forgets an earlier one of theirs. A run that
    completed has none, whatever a storage says."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.idx)

    def blocks(self, size: int) -> Iterator[RunRows]:
        """Yield the rows in pieces of at most ``size``."""
        for start in range(0, len(self.idx), size):
            part = slice(start, start + size)
            yield replace(
                self,
                idx=self.idx[part],
                completed=self.completed[part],
                timestamp=self.timestamp[part],
                finish_timestamp=self.finish_timestamp[part],
                environment=self.environment[part],
                names=None if self.names is None else self.names[part],
                text=None
                if self.text is None
                else {name: column[part] for name, column in self.text.items()},
            )


class MetaRecord(NamedTuple):
    """What a storage service reads back about a trajectory."""

    info: Info
    annotations: Mapping[str, Any]
    explorations: tuple[str, ...]
    settings: Mapping[str, Any]
    runs: RunRows | None
    """None if run information was not asked for."""
