"""`RunTable`: one row a run, as columns of numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.runs.stretches import stretches, stretches_text
from pypet.support.optional import require
from pypet.support.readable import joined
from pypet.support.spelling import did_you_mean
from pypet.tables.column import PARAMETER, RESULT, RUN, Column

INDEX = "run"
"""Name of the column with the indices of the runs."""
_MOST_SHOWN = 20


@dataclass(frozen=True)
class RunTable:
    """One row a run: run information, then parameters, then results.

    Parameters
    ----------
    trajectory
        Name of the trajectory.
    indices
        Indices of the runs; int64, shape (runs,).
    columns
        Columns by name, each with a value a run. Those about the runs themselves are ``run`` (the
        index), ``name``, ``state`` (as `pypet.Trajectory.f_get_run_information` has it),
        ``completed``, ``timestamp`` and ``finish_timestamp`` (seconds since the epoch),
        ``runtime`` (seconds) and ``error`` (``'ValueError: message'``; missing unless the run
        failed).
    comment
        Comment of the trajectory.
    problems
        Why something of a run could not be read, by run index; its values are missing then.
    """

    trajectory: str
    indices: NDArray[np.int64]
    columns: dict[str, Column]
    comment: str = ""
    problems: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.indices)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        """Return a column by its name, or by what its full name ends with.

        Raises
        ------
        KeyError
            There is no such column, or several could be meant.
        """
        column = self.columns.get(name)
        if column is not None:
            return column
        dotted = f".{name}"
        found = [
            each
            for each in self.columns.values()
            if each.full_name == name or each.full_name.endswith(dotted)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise KeyError(
                f"{name!r} may be {' or '.join(repr(each.name) for each in found)}: give more of "
                "the name."
            )
        known = ", ".join(self.columns)
        raise KeyError(
            f"The table of trajectory {self.trajectory!r} has no column {name!r}; there are: "
            f"{known}.{did_you_mean(name, self.columns)}"
        )

    def of_kind(self, kind: str) -> list[Column]:
        """Return the columns of a kind: ``'run'``, ``'parameter'`` or ``'result'``."""
        return [column for column in self.columns.values() if column.kind == kind]

    @property
    def parameters(self) -> list[Column]:
        """The columns of parameters."""
        return self.of_kind(PARAMETER)

    @property
    def results(self) -> list[Column]:
        """The columns of results."""
        return self.of_kind(RESULT)

    # ----- other rows ------------------------------------------------------------------------

    def select(
        self,
        mask_or_positions: NDArray[np.bool_] | NDArray[np.integer[Any]] | Sequence[int] | slice,
    ) -> RunTable:
        """Return a table of some of the rows.

        ``mask_or_positions`` is a bool array of shape (runs,), or positions of rows in the order
        in which they are wanted, or a slice of them.
        """
        rows: Any = mask_or_positions
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            if not rows.size and rows.dtype != np.bool_:
                rows = rows.astype(np.int64)
        indices = self.indices[rows]
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        kept = frozenset(indices.tolist()) if self.problems else ()
        problems = {idx: text for idx, text in self.problems.items() if idx in kept}
        return replace(self, indices=indices, columns=columns, problems=problems)

    def sorted_by(self, name: str, descending: bool = False) -> RunTable:
        """Return the table in the order of a column; rows without a value, or with NaN, are last.

        Rows with equal values keep their order.

        Raises
        ------
        KeyError
            There is no such column.
        TypeError
            Its values have no order.
        """
        column = self[name]
        values = column.values
        absent = column.missing.copy()
        if values.dtype.kind in "fc":
            absent |= np.isnan(values)
        present = np.flatnonzero(~absent)
        try:
            if values.dtype.kind == "c":
                raise TypeError("complex numbers have no order")
            _, ranks = np.unique(values[present], return_inverse=True)
        except TypeError as err:
            raise TypeError(f"Rows cannot be sorted by {column.name!r}: {err}.") from err
        order = np.argsort(-ranks if descending else ranks, kind="stable")
        return self.select(np.concatenate([present[order], np.flatnonzero(absent)]))

    # ----- what is missing -------------------------------------------------------------------

    def missing_runs(self, name: str | None = None) -> NDArray[np.int64]:
        """Return the indices of runs without a value of a column, by default of any result.

        With several results a run counts if one of them is missing.
        """
        missing = np.zeros(len(self), np.bool_)
        for column in [self[name]] if name is not None else self.of_kind(RESULT):
            missing |= column.missing
        found: NDArray[np.int64] = self.indices[missing]
        return found

    def missing_text(self) -> str:
        """Return which results are missing in which runs, ``''`` if none is."""
        by_runs: dict[str, list[str]] = {}
        for column in self.of_kind(RESULT):
            if column.missing.any():
                runs = f"{column.missing.sum()} of {len(self)} runs"
                text = (
                    f"{runs} ({stretches_text(stretches(np.unique(self.indices[column.missing])))})"
                )
                by_runs.setdefault(text, []).append(column.name)
        return "; ".join(f"{', '.join(names)} in {runs}" for runs, names in by_runs.items())

    # ----- pandas ----------------------------------------------------------------------------

    def to_dataframe(self) -> Any:
        """Return a `pandas.DataFrame` with one row a run and the run indices as its index.

        Missing values are NaN; columns of integers that have some become floats. ``attrs`` of
        the frame has the name of the trajectory, comments by column, and by column the indices of
        runs without a value.

        Raises
        ------
        MissingDependencyError
            pandas is not installed.
        """
        pandas = require("pandas", plugin="f_to_dataframe", extra="xarray")
        index = pandas.Index(self.indices, name=INDEX)
        data = {
            name: column.filled()
            for name, column in self.columns.items()
            if not (column.kind == RUN and name == INDEX)
        }
        frame = pandas.DataFrame(data, index=index)
        frame.attrs["trajectory"] = self.trajectory
        comments = {name: each.comment for name, each in self.columns.items() if each.comment}
        if comments:
            frame.attrs["comments"] = comments
        missing = {
            column.name: self.indices[column.missing].tolist()
            for column in self.of_kind(RESULT)
            if column.missing.any()
        }
        if missing:
            frame.attrs["missing_runs"] = missing
        return frame

    def __repr__(self) -> str:
        shown = joined(list(self.columns), _MOST_SHOWN)
        return f"<RunTable of {self.trajectory!r}: {len(self)} runs; {shown}>"
