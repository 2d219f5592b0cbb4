"""What one viewer looks at of one experiment: the choice of runs, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pypet.plugins.dashboard.model.experiment import Experiment, ExperimentReader
from pypet.plugins.dashboard.model.view import Choice, Interval, TableView
from pypet.tables.filters import FilterError


class ExperimentSession:
    """An experiment with a choice of its runs; listeners are called when either changes."""

    def __init__(self, reader: ExperimentReader) -> None:
        """Nothing is chosen: all runs are shown."""
        self.reader = reader
        self.experiment: Experiment | None = None
        self.view: TableView | None = None
        self.choice = Choice()
        self.filter_problem = ""
        """Why the filter is not applied; empty if it is."""
        self.rows: NDArray[np.int64] = np.zeros(0, np.int64)
        """Positions of the chosen runs in the table, ascending."""
        self.version = 0
        """Grows whenever the table or the choice of runs changes."""
        self.run: int | None = None
        """Index of the run that is shown in detail."""
        self._listeners: list[Callable[[], None]] = []
        self._run_listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a function when the experiment or the choice of runs has changed."""
        self._listeners.append(listener)

    def on_run(self, listener: Callable[[], None]) -> None:
        """Call a function when another run is to be shown in detail."""
        self._run_listeners.append(listener)

    def refresh(self) -> bool:
        """Have the experiment read in the background, and do as `take`."""
        self.reader.watch()
        return self.take()

    def take(self) -> bool:
        """Take over what was read meanwhile; return whether there is anything new."""
        latest = self.reader.current
        if latest is self.experiment or latest is None:
            return False
        former, self.experiment = self.experiment, latest
        if former is None or former.table is not latest.table:
            self.view = TableView(latest.table)
            self._choose()
        self._tell()
        return True

    def filter(self, text: str) -> None:
        """Show only runs for which a condition holds; all for an empty text.

        If it is no condition, `filter_problem` says why, and the former one stays.
        """
        try:
            self.choice = self.choice.with_condition(text)
            self.filter_problem = ""
        except FilterError as error:
            self.filter_problem = str(error)
        else:
            self._choose()
        self._tell()

    def select(self, intervals: Mapping[str, Interval]) -> None:
        """Narrow the choice to intervals of coordinates; see `Choice.with_intervals`."""
        self.choice = self.choice.with_intervals(intervals)
        self._choose()
        self._tell()

    def clear_selection(self) -> None:
        """Drop what was selected in plots; the filter stays."""
        self.choice = self.choice.without_intervals()
        self._choose()
        self._tell()

    def show_run(self, index: int) -> None:
        """Show a run in detail."""
        self.run = index
        for each in self._run_listeners:
            each()

    def _choose(self) -> None:
        self.version += 1
        if self.view is None:
            return
        try:
            self.rows = self.view.rows(self.choice)
        except FilterError as error:
            # A result that no run has yet may be a column later.
            self.filter_problem = str(error)
            self.rows = np.zeros(0, np.int64)
        else:
            self.filter_problem = ""

    def _tell(self) -> None:
        for each in self._listeners:
            each()
