"""`RunTable`: state, times and errors of the runs of a trajectory, as columns of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.records import RunError, RunRows
from pypet.records.run_rows import NOT_STARTED, parameter_summary
from pypet.runs.columns import STORED_COLUMNS, RunColumns, TextColumns
from pypet.runs.index import RunIndex
from pypet.runs.names import RunNames
from pypet.runs.states import ABANDONED, COMMITTED, COMPLETED, FAILED, NOT_RUN, PENDING, RUNNING

if TYPE_CHECKING:
    from pypet.tree.wildcards import Wildcards

HEXSHA_LENGTH = 7
_NO_RUN = -1


class RunTable(RunIndex):
    """All runs of a trajectory, without a Python object per run.

    The table has a length, the number of runs, and contains rows of all runs or only of some: after
    loading without run information, or in a worker, whose copy has its own run only. Asking for
    a run that is not known raises KeyError.
    """

    __slots__ = (
        "_active",
        "_explored",
        "_is_batch",
        "_selected",
        "columns",
        "errors",
        "hexshas",
        "texts",
    )

    _active: int
    """Index of the run that is being executed here, -1 if there is none."""
    _explored: Mapping[str, Any]
    _is_batch: bool
    """Whether other processes execute the runs that are not selected."""
    _selected: np.ndarray[Any, np.dtype[np.int64]] | None
    """Indices of the runs to execute here, ascending; None for all."""
    columns: RunColumns
    errors: dict[int, RunError]
    """Errors of failed runs by index."""
    hexshas: list[str]
    """Short hashes of the environments that executed runs."""
    texts: TextColumns

    def __init__(self, names: RunNames, explored: Mapping[str, Any], length: int = 1) -> None:
        """Create a table of ``length`` runs that have not started.

        ``explored`` is the live dictionary of explored parameters by full name, with None for
        those that are not in memory; the parameter summaries of runs are made from their ranges.
        """
        self._explored = explored
        self._names = names
        self.reset(length)

    # ----- number of runs, and which of them to execute ------------------------------------

    def reset(self, length: int) -> None:
        """Replace all runs by ``length`` runs that have not started.

        Raises
        ------
        RuntimeError
            The user's function of run names returns a name twice, or the dummy name.
        """
        names = self._names.computed()
        names.check(length)
        self._names = names
        self._length = length
        self.columns = RunColumns(length)
        self.errors = {}
        self._active = _NO_RUN
        self._selected = None
        self._is_batch = False
        self._known = None
        self.hexshas = []
        self.texts = TextColumns()

    def reset_unknown(self, length: int) -> None:
        """Replace all runs by ``length`` runs of which none is known."""
        self.reset(0)
        self._length = length
        if length:
            self._known = np.zeros(0, np.int64)

    def expand(self, length: int) -> None:
        """Append runs that have not started, up to ``length`` runs.

        Raises
        ------
        RuntimeError
            The user's function of run names returns a name twice, or the dummy name. Or the
            selected runs are a batch: other batches could append runs under the same names.
        """
        if self._is_batch:
            raise RuntimeError(
                "No runs can be added to a batch: other batches would add runs of the same names. "
                "Merge the batches and expand the whole trajectory."
            )
        added = np.arange(self._length, length)
        self._names.check(length)
        self.columns.grow(self.columns.size + len(added))
        if self._known is not None:
            self._known = np.append(self._known, added)
        if self._selected is not None:
            self._selected = np.append(self._selected, added)
        self._length = length

    def admit(self, idx: int) -> None:
        """Make a run known that was added to the trajectory in another process.

        Runs before it that were added there, too, count as known and not started.
        """
        if not self.knows(idx):
            self.expand(max(self._length, idx + 1))
        self.row(idx)

    def truncate(self, length: int) -> None:
        """Remove the last runs, which have not started; all runs have to be known."""
        self.columns = self.columns.take(slice(length))
        if self._selected is not None:
            self._selected = self._selected[self._selected < length]
        self._length = length

    def select(
        self, indices: Sequence[int] | np.ndarray[Any, Any], *, is_batch: bool = False
    ) -> None:
        """Restrict execution to some runs; the others never count as pending.

        Runs that are appended later are selected, too. With ``is_batch`` other processes execute
        the other runs, and no runs can be appended.
        """
        self._selected = np.unique(np.asarray(indices, np.int64))
        self._is_batch = is_batch

    @property
    def is_batch(self) -> bool:
        """Whether the selected runs are a batch."""
        return self._is_batch

    @property
    def selected(self) -> Sequence[int]:
        """Indices of the runs to execute here, ascending, whether they are completed or not."""
        return range(self._length) if self._selected is None else self._selected.tolist()

    @property
    def selected_count(self) -> int:
        """Number of the runs to execute here, whether they are completed or not."""
        return self._length if self._selected is None else len(self._selected)

    # ----- changes of state ----------------------------------------------------------------

    def start(self, idx: int, timestamp: float) -> None:
        """Record the start of a run, in seconds since the epoch; the run is active."""
        row = self.row(idx)
        columns = self.columns
        columns.unshare()
        columns.timestamp[row] = timestamp
        columns.changed[row] = True
        self.texts.drop(row)
        self._active = idx

    def deactivate(self) -> None:
        """Record that no run is being executed here any more."""
        self._active = _NO_RUN

    def mark_abandoned(self, idx: int, timestamp: float) -> None:
        """Record a run that was started elsewhere, in seconds since the epoch, and never ended."""
        self.start(idx, timestamp)
        self._active = _NO_RUN

    def finish(self, idx: int, finish_timestamp: float, hexsha: str | None = None) -> None:
        """Record that a run completed; ``hexsha`` is that of its environment, None without one.

        If the explored ranges are not in memory (in a copy for this run alone), the parameter
        summary is made now, from the current values of the parameters.
        """
        row = self.row(idx)
        columns = self.columns
        columns.unshare()
        columns.completed[row] = 1
        columns.finish_timestamp[row] = finish_timestamp
        columns.environment[row] = -1 if hexsha is None else self.environment_number(hexsha)
        columns.changed[row] = True
        self._active = _NO_RUN
        if self.errors:
            self.errors.pop(idx, None)
        self.texts.drop(row)
        for parameter in self._explored.values():
            if parameter is not None and not parameter.f_has_range():
                self.texts.put("parameter_summary", row, self._summary_of_values(idx))
                return

    def complete(
        self, idx: int, timestamp: float, finish_timestamp: float, hexsha: str | None = None
    ) -> None:
        """Record start and end of a run that completed elsewhere."""
        self.start(idx, timestamp)
        self.finish(idx, finish_timestamp, hexsha)

    def fail(self, idx: int, error: BaseException, timestamp: float) -> None:
        """Record that a run failed, with the time in seconds since the epoch."""
        row = self.row(idx)
        columns = self.columns
        columns.unshare()
        columns.completed[row] = 0
        columns.changed[row] = True
        self.errors[idx] = RunError.of(error, timestamp)

    def mark_completed(self, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
        """Record that runs completed after all, without changing their times."""
        self.columns.unshare()
        for idx in indices:
            row = self.row(idx)
            self.columns.completed[row] = 1
            self.columns.changed[row] = True
            self.errors.pop(idx, None)

    def mark_incomplete(self, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
        """Record that runs did not complete after all, without changing their times."""
        columns = self.columns
        columns.unshare()
        for row in map(self.row, indices):
            columns.completed[row] = 0
            columns.changed[row] = True
            self.texts.drop(row)

    def append_from(self, other: RunTable, runs: Sequence[int]) -> None:
        """Append runs of another table.

        Names and parameter summaries are those of the new runs; runs that ``other`` does not know
        count as not started.
        """
        first = self._length
        self.expand(first + len(runs))
        self._copy_rows(other, runs, range(first, self._length))

    def update_from(self, other: RunTable, runs: Sequence[int]) -> None:
        """Overwrite runs with the same runs of another table; KeyError for unknown runs."""
        self._copy_rows(other, runs, runs)
        for idx in runs:
            self.texts.drop(self.row(idx))

    def _copy_rows(self, other: RunTable, runs: Sequence[int], targets: Sequence[int]) -> None:
        """Copy ``runs`` of another table to the runs ``targets`` of this one."""
        columns, source = self.columns, other.columns
        columns.unshare()
        rows = np.array([self.row(idx) for idx in targets], np.int64)
        known = np.arange(other._length) if other._known is None else other._known
        wanted = np.asarray(runs, np.int64)
        is_known = np.isin(wanted, known)
        from_rows = np.searchsorted(known, wanted[is_known])
        to_rows = rows[is_known]
        for name in ("completed", "timestamp", "finish_timestamp"):
            getattr(columns, name)[to_rows] = getattr(source, name)[from_rows]
        # The additional entry at the end is for -1: no environment.
        environments = np.array([*map(self.environment_number, other.hexshas), -1])
        columns.environment[to_rows] = environments[source.environment[from_rows]]
        columns.changed[to_rows] = True
        if not (other.errors or self.errors):
            return
        for target, run in zip(targets, runs, strict=True):
            self.errors.pop(target, None)
            if run in other.errors:
                self.errors[target] = other.errors[run]

    # ----- states --------------------------------------------------------------------------

    def state(self, idx: int) -> str:
        """Return `COMPLETED`, `FAILED` or `NOT_RUN`; KeyError for unknown runs."""
        if self.completed(idx):
            return COMPLETED
        return FAILED if idx in self.errors else NOT_RUN

    def detailed_state(self, idx: int) -> str:
        """Return the state of a run, one of `pypet.runs.states.STATES`.

        KeyError for unknown runs. A run that was started, and neither completed nor failed, is
        abandoned unless it is the active one.
        """
        row = self.row(idx)
        columns = self.columns
        if columns.completed[row]:
            return COMMITTED
        if idx == self._active:
            return RUNNING
        if idx in self.errors:
            return FAILED
        return PENDING if columns.timestamp[row] == NOT_STARTED else ABANDONED

    def error(self, idx: int) -> RunError | None:
        """Return the error of a failed run, None for others; KeyError for unknown runs."""
        self.row(idx)
        return self.errors.get(idx)

    def start_timestamp(self, idx: int) -> float:
        """Return the time of the last start of a run, in seconds since the epoch."""
        return float(self.columns.timestamp[self.row(idx)])

    def completed(self, idx: int) -> int:
        """Return 1 if a run completed, else 0; KeyError for unknown runs."""
        return int(self.columns.completed[self.row(idx)])

    def completed_indices(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices of the known runs that completed, ascending."""
        return self.indices_of_rows(np.flatnonzero(self.columns.completed[: self.columns.size]))

    def any_completed(self) -> bool:
        """Return whether any known run completed."""
        return bool(self.columns.completed[: self.columns.size].any())

    def all_completed(self) -> bool:
        """Return whether all runs to execute here are known and completed."""
        return self._known is None and not len(self.pending())

    def pending(self, start: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices, from ``start`` on and ascending, of known runs that did not complete.

        Runs that are not to be executed here are left out.
        """
        rows = np.flatnonzero(self.columns.completed[: self.columns.size] == 0)
        indices = self.indices_of_rows(rows)
        if self._selected is not None:
            indices = np.intersect1d(indices, self._selected, assume_unique=True)
        return indices[indices >= start]

    def environment_number(self, hexsha: str) -> int:
        """Return the number of an environment in the column ``environment``; add it if needed."""
        short = hexsha[:HEXSHA_LENGTH]
        if short not in self.hexshas:
            self.hexshas = [*self.hexshas, short]
        return self.hexshas.index(short)

    # ----- parameter summaries -------------------------------------------------------------

    def explored_ranges(self) -> dict[str, Sequence[Any]]:
        """Return the ranges that are in memory, by full name of the explored parameter."""
        return {
            name: parameter.f_get_range(copy=False)
            for name, parameter in self._explored.items()
            if parameter is not None and parameter.f_has_range()
        }

    def _summary_of_values(self, idx: int) -> str:
        values = []
        for name, parameter in self._explored.items():
            if parameter is None:
                continue
            if parameter.f_has_range():
                values.append((name, parameter.f_get_range(copy=False)[idx]))
            elif not parameter.f_is_empty():
                values.append((name, parameter.f_get()))
        return parameter_summary(values)

    # ----- storage -------------------------------------------------------------------------

    def changed_rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the numbers of the rows that changed since they were stored."""
        return np.flatnonzero(self.columns.changed[: self.columns.size])

    def mark_stored(self) -> None:
        """Record that all rows are stored as they are now."""
        if self.columns.changed[: self.columns.size].any():
            self.columns.unshare()
            self.columns.changed[:] = False

    def mark_changed(self, rows: Any = slice(None), changed: bool = True) -> None:
        """Record whether some rows, by default all, differ from what is stored."""
        self.columns.unshare()
        self.columns.changed[rows] = changed

    def load_rows(self, rows: RunRows, length: int | None = None) -> None:
        """Replace all runs by those that a storage had; ``length`` is needed if rows are missing.

        The selection of runs stays.
        """
        selected, is_batch = self._selected, self._is_batch
        self.reset_unknown(len(rows) if length is None else length)
        self._selected, self._is_batch = selected, is_batch
        self._names.check(self._length)
        if len(rows) and rows.idx[-1] >= self._length:  # rows from before the trajectory shrank
            kept = int(np.searchsorted(rows.idx, self._length))
            if not kept:
                return
            rows = next(rows.blocks(kept))
        knows_all = len(rows) == self._length and (
            not len(rows) or (rows.idx[0] == 0 and rows.idx[-1] == len(rows) - 1)
        )
        self._known = None if knows_all else np.array(rows.idx, np.int64)
        self.columns = columns = RunColumns(len(rows))
        for name in STORED_COLUMNS:
            getattr(columns, name)[:] = getattr(rows, name)
        columns.changed[:] = False
        self.hexshas = list(rows.hexshas)
        self.texts = TextColumns(rows.text)
        self.errors = {
            idx: error
            for idx, error in rows.errors.items()
            if self.knows(idx) and not self.completed(idx)
        }
        if rows.names is not None:
            self._names.load(zip(rows.idx.tolist(), rows.names, strict=True))

    # ----- copies --------------------------------------------------------------------------

    def copy(self) -> RunTable:
        """Return an equal table; `bind` it if it is for another trajectory."""
        twin = self._twin()
        twin.errors = self.errors.copy()
        return twin

    def _twin(self) -> RunTable:
        """Return a copy that shares the errors."""
        twin = RunTable.__new__(RunTable)
        for name in (*RunIndex.__slots__, *RunTable.__slots__):
            setattr(twin, name, getattr(self, name))
        twin.columns = self.columns.copy()
        twin.texts = self.texts.copy()
        return twin

    def restore(self, former: RunTable) -> None:
        """Undo all changes since ``former``, a copy of this table, was made."""
        for name in (*RunIndex.__slots__, *RunTable.__slots__):
            setattr(self, name, getattr(former, name))

    def restricted_to(self, idx: int) -> RunTable:
        """Return a table of equal length that knows one run, or none if it is unknown here."""
        twin = self._twin()
        twin.errors = {idx: self.errors[idx]} if idx in self.errors else {}
        rows = [self.row(idx)] if self.knows(idx) else []
        if self._known is not None or self._length != 1:
            twin._known = np.array([idx] * len(rows), np.int64)
        twin.columns = self.columns.take(rows)
        twin._names = self._names.restricted_to([idx] * len(rows))
        twin.texts = self.texts.restricted_to(rows[0]) if rows else TextColumns()
        return twin

    def bind(self, wildcards: Wildcards, explored: Mapping[str, Any]) -> None:
        """Take names and ranges from a trajectory with these wildcards and explored parameters."""
        self._names = self._names.copy(wildcards)
        self._explored = explored

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the explored parameters: the trajectory binds the table again."""
        names = (*RunIndex.__slots__, *RunTable.__slots__)
        state = {name: getattr(self, name) for name in names if name != "_explored"}
        state["columns"] = self.columns.take(slice(None))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the state, which in older pickles lacks some entries."""
        selected = state.pop("_chosen", None)  # its name in older pickles
        self._explored = {}
        self.errors = {}
        self._active = _NO_RUN
        self._selected = selected
        self._is_batch = selected is not None
        for name, value in state.items():
            setattr(self, name, value)
