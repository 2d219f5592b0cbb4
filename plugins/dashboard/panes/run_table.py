"""The pane with the table of runs: one row a run, with a filter, in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn

from pypet.plugins.dashboard.model.axes import cell_text
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.panes.widgets import (
    Table,
    labelled,
    markup,
    note,
    problem,
    several,
)
from pypet.tables import Column, RunTable

PAGE_SIZE = 25
_OF_RUNS = ("run", "state", "runtime")
MOST_COLUMNS = 40
"""Columns that are shown; a user chooses others."""


class RunTablePane:
    """The table of the chosen runs, and the filter that chooses them."""

    is_kept = False

    def __init__(self, session: ExperimentSession) -> None:
        """Show the experiment of a session."""
        self._session = session
        self._cells: dict[str, tuple[Column, np.ndarray[Any, Any]]] = {}
        self._shown: tuple[Any, ...] = ()
        self._chosen_columns: list[str] | None = None
        self.filter = labelled(
            pn.widgets.TextInput,
            "Filter",
            placeholder="x > 3 and (z < 1 or not completed)",
            sizing_mode="stretch_width",
        )
        """Holds the condition as text."""
        self._columns = several("Columns")
        self._clear = labelled(pn.widgets.Button, "Clear selection", visible=False, align="end")
        self._message = markup()
        self.table = Table(PAGE_SIZE, self._show_run)
        """The table itself."""
        self.filter.param.watch(lambda event: session.filter(event.new), "value")
        self._columns.param.watch(self._choose_columns, "value")
        self._clear.on_click(lambda event: session.clear_selection())
        self.view: Any = pn.Column(
            pn.Row(self.filter, self._clear, sizing_mode="stretch_width"),
            self._message,
            self.table.view,
            pn.Card(self._columns, title="Columns", collapsed=True, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        """What to show."""

    def update(self) -> None:
        """Show the session as it is now."""
        session, experiment = self._session, self._session.experiment
        if experiment is None:
            return
        self._clear.visible = bool(session.choice.intervals)
        chosen, total = len(session.rows), len(experiment.table)
        texts = [f"{chosen:,} of {total:,} runs"]
        texts += [
            f"{name} selected from {self._bound(name, low)} to {self._bound(name, high)}"
            for name, (low, high) in session.choice.intervals.items()
        ]
        if experiment.results_due:
            texts.append(f"results of {experiment.results_due:,} runs are still being read")
        hidden = len(_names(experiment.table)) - len(self._visible(experiment.table))
        if hidden:
            texts.append(f"{hidden} columns are not shown")
        message = problem(session.filter_problem) + note("; ".join(texts))
        if message != self._message.object:
            self._message.object = message
        shown = (session.version, self._chosen_columns)
        if shown == self._shown:
            return
        self._shown = shown
        self._update_choices(experiment.table)
        names = self._visible(experiment.table)
        columns = {name: self._column(experiment.table, name)[session.rows] for name in names}
        self.table.show(columns)

    def _bound(self, name: str, coordinate: float) -> str:
        assert self._session.view is not None
        categories = self._session.view.axis(name).categories
        if categories is None:
            return f"{coordinate:.4g}"
        return categories[min(max(round(coordinate), 0), len(categories) - 1)]

    def _update_choices(self, table: RunTable) -> None:
        names = _names(table)
        if names != self._columns.options:
            self._columns.options = names
        visible = self._visible(table)
        if visible != self._columns.value:
            self._columns.value = visible

    def _choose_columns(self, event: Any) -> None:
        experiment = self._session.experiment
        if experiment is None:
            return
        is_default = list(event.new) == _names(experiment.table)[:MOST_COLUMNS]
        self._chosen_columns = None if is_default else list(event.new)
        self.update()

    def _visible(self, table: RunTable) -> list[str]:
        if self._chosen_columns is None:
            return _names(table)[:MOST_COLUMNS]
        return [name for name in self._chosen_columns if name in table.columns]

    def _column(self, table: RunTable, name: str) -> np.ndarray[Any, Any]:
        """Return the cells of a column; they are made once for each state of it."""
        column = table.columns[name]
        known = self._cells.get(name)
        if known is None or known[0] is not column:
            known = self._cells[name] = column, _cells(column)
        return known[1]

    def _show_run(self, row: int) -> None:
        experiment, rows = self._session.experiment, self._session.rows
        if experiment is not None and 0 <= row < len(rows):
            self._session.show_run(int(experiment.table.indices[rows[row]]))


def _names(table: RunTable) -> list[str]:
    """Return the names of the columns to show, those about runs first."""
    return [name for name in _OF_RUNS if name in table.columns] + [
        name for name, column in table.columns.items() if column.kind != "run"
    ]


def _cells(column: Column) -> np.ndarray[Any, Any]:
    """Return what cells show: numbers with six digits, so that they can be sorted, or text."""
    kind = column.values.dtype.kind
    if kind == "f":
        return np.array([float(f"{value:.6g}") for value in column.values.tolist()])
    if kind in "biu" and not column.missing.any():
        return column.values
    if kind in "iu":
        return np.where(column.missing, np.nan, column.values.astype(np.float64))
    if kind == "U":
        return column.values.astype(object)
    cells = np.empty(len(column.values), object)
    cells[:] = [
        "" if absent else cell_text(value)
        for value, absent in zip(column.values.tolist(), column.missing.tolist(), strict=True)
    ]
    return cells
