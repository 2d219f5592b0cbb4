"""`RunTable`: what became of the runs of a trajectory, as columns of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.records import RunError, RunRows
from pypet.records.run_text import NOT_STARTED, parameter_summary, text_columns
from pypet.trajectory.run_columns import RunColumns
from pypet.trajectory.run_index import RunIndex
from pypet.trajectory.run_names import RunNames
from pypet.trajectory.run_record import RunRecord, read_record
from pypet.trajectory.run_states import ABANDONED, COMMITTED, PENDING, RUNNING
from pypet.trajectory.run_texts import RunTexts

if TYPE_CHECKING:
    from pypet.tree.wildcards import Wildcards

HEXSHA_LENGTH = 7
COMPLETED, FAILED, NOT_RUN = "completed", "failed", "not run"
"""What became of runs, in three words."""


class RunTable(RunIndex):
    """All runs of a trajectory, without a Python object for each.

    The table has a length, the number of runs, and may know all runs or only some of them: after
    loading without run information, or in a worker, whose copy only knows its own run. Asking
    about a run that is not known raises KeyError.
    """

    __slots__ = (
        "_active",
        "_chosen",
        "_explored",
        "_is_batch",
        "columns",
        "errors",
        "hexshas",
        "texts",
    )

    _active: int
    """Index of the run that is being executed here, -1 for none."""

    _chosen: np.ndarray[Any, np.dtype[np.int64]] | None
    """Indices of the runs that are to be executed here, ascending; None for all."""
    _is_batch: bool
    """Whether other processes execute the runs that are not chosen."""
    columns: RunColumns
    errors: dict[int, RunError]
    """Why runs failed, by index; runs that are completed are not in it."""
    hexshas: list[str]
    """Short hashes of environments that executed runs."""
    texts: RunTexts

    def __init__(self, names: RunNames, explored: Mapping[str, Any], length: int = 1) -> None:
        """Make a table of ``length`` runs that did not start.

        ``explored`` is the live dictionary of explored parameters by full name, with None for
        those that are not in memory; summaries of runs are made from their ranges.
        """
        self._explored = explored
        self._names = names
        self.reset(length)

    # ----- how many runs there are ---------------------------------------------------------

    def reset(self, length: int) -> None:
        """Start anew with ``length`` runs that did not start.

        Raises
        ------
        RuntimeError
            The user's function of run names gives a name twice, or the dummy name.
        """
        names = self._names.fresh()
        names.check(length)
        self._names = names
        self._length = length
        self.columns = RunColumns(length)
        self.errors = {}
        self._active = -1
        self._chosen = None
        self._is_batch = False
        self._known = None
        self.hexshas = []
        self.texts = RunTexts()

    def expand(self, length: int) -> None:
        """Append runs that did not start, until there are ``length``.

        Raises
        ------
        RuntimeError
            The user's function of run names gives a name twice, or the dummy name. Or the runs
            that are to be executed here are a batch: another one would add others under the same
            names.
        """
        if self._is_batch:
            raise RuntimeError(
                "The runs of a batch cannot become more: other batches would give the same names "
                "to theirs. Merge the batches and expand the whole trajectory."
            )
        added = range(self._length, length)
        self._names.check(length)
        self.columns.grow(self.columns.size + len(added))
        if self._known is not None:
            self._known = np.append(self._known, np.arange(added.start, added.stop))
        if self._chosen is not None:
            self._chosen = np.append(self._chosen, np.arange(added.start, added.stop))
        self._length = length

    def shrink(self, length: int) -> None:
        """Take back the last runs, which did not start; all runs have to be known."""
        self.columns = self.columns.take(slice(length))
        if self._chosen is not None:
            self._chosen = self._chosen[self._chosen < length]
        self._length = length

    def forget(self, length: int) -> None:
        """Know only that there are ``length`` runs."""
        self.reset(0)
        self._length = length
        if length:
            self._known = np.zeros(0, np.int64)

    def choose(
        self, indices: Sequence[int] | np.ndarray[Any, Any], *, is_batch: bool = False
    ) -> None:
        """Let only these runs be executed here; the others never count as pending.

        Runs that are added later are chosen, too; there can be none if other processes execute
        the others, which is what ``is_batch`` says.
        """
        self._chosen = np.unique(np.asarray(indices, np.int64))
        self._is_batch = is_batch

    @property
    def is_batch(self) -> bool:
        """Whether these are the runs of a batch."""
        return self._is_batch

    @property
    def chosen(self) -> Sequence[int]:
        """Indices of the runs that are to be executed here, or were, ascending."""
        return range(self._length) if self._chosen is None else self._chosen.tolist()

    @property
    def count(self) -> int:
        """How many runs are to be executed here, or were: all of them, or the chosen ones."""
        return self._length if self._chosen is None else len(self._chosen)

    # ----- what became of them -------------------------------------------------------------

    def start(self, idx: int, timestamp: float) -> None:
        """Note that a run starts, in seconds since the epoch."""
        row = self.row(idx)
        columns = self.columns
        columns.own()
        columns.timestamp[row] = timestamp
        columns.changed[row] = True
        self.texts.drop(row)
        self._active = idx

    def leave(self) -> None:
        """Note that the run that was started is not executed any more, however it ended."""
        self._active = -1

    def note_abandoned(self, idx: int, timestamp: float) -> None:
        """Note that a run was started elsewhere and will not end, in seconds since the epoch."""
        self.start(idx, timestamp)
        self._active = -1

    def started(self, idx: int) -> float:
        """Return when a run was started last, in seconds since the epoch."""
        return float(self.columns.timestamp[self.row(idx)])

    def finish(self, idx: int, finish_timestamp: float, hexsha: str | None = None) -> None:
        """Note that a run completed; ``hexsha`` is that of the environment, None without one.

        The summary of a run whose ranges are not in memory (in a copy for this run alone) is
        made now, from the current values of the parameters.
        """
        row = self.row(idx)
        columns = self.columns
        columns.own()
        columns.completed[row] = 1
        columns.finish_timestamp[row] = finish_timestamp
        columns.environment[row] = -1 if hexsha is None else self.environment_of(hexsha)
        columns.changed[row] = True
        self._active = -1
        if self.errors:
            self.errors.pop(idx, None)
        self.texts.drop(row)
        for parameter in self._explored.values():
            if parameter is not None and not parameter.f_has_range():
                self.texts.put("parameter_summary", row, self._summary_of_values(idx))
                return

    def fail(self, idx: int, error: BaseException, timestamp: float) -> None:
        """Note that a run failed, and when, in seconds since the epoch; it is not completed."""
        row = self.row(idx)
        columns = self.columns
        columns.own()
        columns.completed[row] = 0
        columns.changed[row] = True
        self.errors[idx] = RunError.of(error, timestamp)

    def state(self, idx: int) -> str:
        """Return `COMPLETED`, `FAILED` or `NOT_RUN`; KeyError for unknown runs."""
        if self.completed(idx):
            return COMPLETED
        return FAILED if idx in self.errors else NOT_RUN

    def stage(self, idx: int) -> str:
        """Return how far a run is, one of `pypet.trajectory.run_states.STATES`.

        KeyError for unknown runs. A run that was started, and neither completed nor failed, is
        abandoned unless it is being executed by this table's trajectory.
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
        """Return why a run failed, None if it did not; KeyError for unknown runs."""
        self.row(idx)
        return self.errors.get(idx)

    def reopen(self, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
        """Note that runs did not complete after all; what else is known about them stays."""
        columns = self.columns
        columns.own()
        for row in map(self.row, indices):
            columns.completed[row] = 0
            columns.changed[row] = True
            self.texts.drop(row)

    def finished(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices of known runs that completed, ascending."""
        rows = np.flatnonzero(self.columns.completed[: self.columns.size])
        return rows if self._known is None else self._known[rows]

    def complete(
        self, idx: int, timestamp: float, finish_timestamp: float, hexsha: str | None = None
    ) -> None:
        """Note start and end of a run that completed elsewhere."""
        self.start(idx, timestamp)
        self.finish(idx, finish_timestamp, hexsha)

    def take_over(self, other: RunTable, runs: Sequence[int]) -> None:
        """Append what another table knows about some of its runs, as further runs.

        Names and summaries are those of the new runs; what is not known counts as not started.
        """
        first = self._length
        self.expand(first + len(runs))
        self._copy_rows(other, runs, range(first, self._length))

    def replace(self, other: RunTable, runs: Sequence[int]) -> None:
        """Put what another table knows about some of its runs in the place of what is known here.

        KeyError if they are not known here.
        """
        self._copy_rows(other, runs, runs)
        for idx in runs:
            self.texts.drop(self.row(idx))

    def _copy_rows(self, other: RunTable, runs: Sequence[int], places: Sequence[int]) -> None:
        """Let runs of this table be what ``other`` knows about as many of its runs."""
        columns = self.columns
        columns.own()
        rows = np.array([self.row(idx) for idx in places], np.int64)
        known = np.arange(other._length) if other._known is None else other._known
        wanted = np.asarray(runs, np.int64)
        is_known = np.isin(wanted, known)
        source = np.searchsorted(known, wanted[is_known])
        target = rows[is_known]
        theirs = other.columns
        for name in ("completed", "timestamp", "finish_timestamp"):
            getattr(columns, name)[target] = getattr(theirs, name)[source]
        # One more entry at the end stands for index -1: no environment.
        environments = [*map(self.environment_of, other.hexshas), -1]
        columns.environment[target] = np.array(environments)[theirs.environment[source]]
        columns.changed[target] = True
        if not (other.errors or self.errors):
            return
        for idx, their_idx in zip(places, runs, strict=True):
            self.errors.pop(idx, None)
            if their_idx in other.errors:
                self.errors[idx] = other.errors[their_idx]

    def completed(self, idx: int) -> int:
        """Return 1 if a run completed, else 0; KeyError for unknown runs."""
        return int(self.columns.completed[self.row(idx)])

    def all_completed(self) -> bool:
        """Say whether every run that is to be executed here is known to have completed."""
        return self._known is None and not len(self.pending())

    def any_completed(self) -> bool:
        """Say whether some run is known to have completed."""
        return bool(self.columns.completed[: self.columns.size].any())

    def pending(self, start: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices of known runs from ``start`` on that did not complete, ascending.

        Of those that are to be executed here, if only some are.
        """
        open_rows = np.flatnonzero(self.columns.completed[: self.columns.size] == 0)
        indices = open_rows if self._known is None else self._known[open_rows]
        if self._chosen is not None:
            indices = np.intersect1d(indices, self._chosen, assume_unique=True)
        return indices[indices >= start]

    def environment_of(self, hexsha: str) -> int:
        """Return the number of an environment in column ``environment``; a new one if need be."""
        short = hexsha[:HEXSHA_LENGTH]
        if short not in self.hexshas:
            self.hexshas = [*self.hexshas, short]
        return self.hexshas.index(short)

    # ----- records of single runs ----------------------------------------------------------

    def record(self, idx: int, *, placeholders: bool = True) -> dict[str, Any]:
        """Return everything about one run as a new dictionary; KeyError for unknown runs.

        Without ``placeholders`` None stands for what is not known yet.
        """
        return read_record(self, idx, self.row(idx), placeholders=placeholders)

    def view(self, idx: int, *, placeholders: bool = True) -> RunRecord:
        """Return a live view of the record of one run; KeyError for unknown runs."""
        self.row(idx)
        return RunRecord(self, idx, placeholders=placeholders)

    def ranges(self) -> dict[str, Sequence[Any]]:
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

    # ----- from and to a storage -----------------------------------------------------------

    def rows(self, *, changed_only: bool = False) -> RunRows:
        """Return the known runs as plain arrays, or only those that changed since stored."""
        columns = self.columns
        rows = self.changed_rows() if changed_only else np.arange(columns.size)
        idx = rows if self._known is None else self._known[rows]
        part = columns.take(rows)
        made = RunRows(
            idx=idx,
            completed=part.completed,
            timestamp=part.timestamp,
            finish_timestamp=part.finish_timestamp,
            environment=part.environment,
            hexshas=tuple(self.hexshas),
            explored=self.ranges(),
            names=None
            if self._names.are_default
            else [self._names.name(index) for index in idx.tolist()],
            errors=self._errors_of(idx) if self.errors else {},
        )
        text = self._text_of(rows, made)
        return made if text is None else replace(made, text=text)

    def _errors_of(self, indices: np.ndarray[Any, Any]) -> dict[int, RunError]:
        errors = self.errors
        return {idx: errors[idx] for idx in indices.tolist() if idx in errors}

    def _text_of(self, rows: Any, made: RunRows) -> dict[str, Any] | None:
        if not self.texts.any_given(rows):
            return None
        whole = self.texts.whole(rows)
        if whole is not None:
            return whole
        return {
            name: self.texts.column(name, rows, derived)
            for name, derived in text_columns(made).items()
        }

    def mark_stored(self) -> None:
        """Note that all runs as they are now are stored."""
        if self.columns.changed[: self.columns.size].any():
            self.columns.own()
            self.columns.changed[:] = False

    def mark_changed(self, rows: Any = slice(None), changed: bool = True) -> None:
        """Note that no run is stored where the trajectory goes next, or that some rows are not."""
        self.columns.own()
        self.columns.changed[rows] = changed

    def changed_rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the positions of the rows that changed since they were stored."""
        return np.flatnonzero(self.columns.changed[: self.columns.size])

    def adopt(self, rows: RunRows, length: int | None = None) -> None:
        """Replace everything by what was read back; ``length`` is needed if rows are missing.

        Runs that were chosen stay so.
        """
        chosen, is_batch = self._chosen, self._is_batch
        self.forget(len(rows) if length is None else length)
        self._chosen, self._is_batch = chosen, is_batch
        self._names.check(self._length)
        if len(rows) and rows.idx[-1] >= self._length:  # of runs before the trajectory shrank
            kept = int(np.searchsorted(rows.idx, self._length))
            if not kept:
                return
            rows = next(rows.blocks(kept))
        complete = len(rows) == self._length and (
            not len(rows) or (rows.idx[0] == 0 and rows.idx[-1] == len(rows) - 1)
        )
        self._known = None if complete else np.array(rows.idx, np.int64)
        self.columns = columns = RunColumns(len(rows))
        for name in ("completed", "timestamp", "finish_timestamp", "environment"):
            getattr(columns, name)[:] = getattr(rows, name)
        columns.changed[:] = False
        self.hexshas = list(rows.hexshas)
        self.texts = RunTexts(rows.text)
        self.errors = {
            idx: error
            for idx, error in rows.errors.items()
            if self.knows(idx) and not self.completed(idx)
        }
        if rows.names is not None:
            self._names.adopt(zip(rows.idx.tolist(), rows.names, strict=True))

    # ----- copies --------------------------------------------------------------------------

    def copy(self) -> RunTable:
        """Return an equal table; `bind` it to the trajectory that it is for."""
        twin = self._twin()
        twin.errors = self.errors.copy()
        return twin

    def _twin(self) -> RunTable:
        """Return a copy that shares the errors."""
        twin = RunTable.__new__(RunTable)
        twin._active = self._active
        twin._chosen = self._chosen
        twin._is_batch = self._is_batch
        twin._explored = self._explored
        twin._names = self._names
        twin._length = self._length
        twin._known = self._known
        twin.columns = self.columns.copy()
        twin.errors = self.errors
        twin.hexshas = self.hexshas
        twin.texts = self.texts.copy()
        return twin

    def only(self, idx: int) -> RunTable:
        """Return a table of equal length that knows one run, or none if that is unknown here."""
        twin = self._twin()
        twin.errors = {idx: self.errors[idx]} if idx in self.errors else {}
        try:
            rows = [self.row(idx)]
        except KeyError:
            rows = []
        if self._known is not None or self._length != 1:
            twin._known = np.array([idx] * len(rows), np.int64)
        twin.columns = self.columns.take(rows)
        twin._names = self._names.only([idx] * len(rows))
        twin.texts = self.texts.only(rows[0]) if rows else RunTexts()
        return twin

    def bind(self, wildcards: Wildcards, explored: Mapping[str, Any]) -> None:
        """Take names and summaries from a trajectory with these wildcards and parameters."""
        self._names = self._names.copy(wildcards)
        self._explored = explored

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the explored parameters: the trajectory binds the table again."""
        names = (*RunIndex.__slots__, *RunTable.__slots__)
        state = {name: getattr(self, name) for name in names if name != "_explored"}
        state["columns"] = self.columns.take(slice(None))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._explored = {}
        self.errors = {}  # older pickles know none of these
        self._active = -1
        self._chosen = None
        self._is_batch = state.get("_chosen") is not None  # there were no other choices
        for name, value in state.items():
            setattr(self, name, value)
