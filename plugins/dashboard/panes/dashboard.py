"""The whole dashboard: the list of experiments, one of them, and their comparison."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

import panel as pn

from pypet.catalog.listing import Entry
from pypet.plugins.dashboard.model.experiment import Readers
from pypet.plugins.dashboard.model.listing import ExperimentList
from pypet.plugins.dashboard.panes.comparison import ComparisonPane
from pypet.plugins.dashboard.panes.experiment import REFRESH_MILLISECONDS, ExperimentPane
from pypet.plugins.dashboard.panes.widgets import (
    Table,
    escaped,
    markup,
    note,
    plain_text,
    preformatted,
    problem,
)
from pypet.support.readable import size_text

_EXPERIMENTS, _EXPERIMENT, _COMPARE = range(3)


class DashboardPane:
    """The experiments of a file or folder: what one viewer sees of them."""

    def __init__(
        self,
        experiments: ExperimentList,
        readers: Readers,
        log_folder: str | None = None,
    ) -> None:
        """Show the experiments of a list; `refresh` has to be called about twice a second."""
        self._experiments = experiments
        self._readers = readers
        self._log_folder = log_folder
        self._listed: tuple[Entry, ...] | None = None
        self._open: ExperimentPane | None = None
        self._message = markup()
        self._table = Table(page_size=25, on_click=self._choose)
        self._place = pn.Column(
            markup(note("Click an experiment in the list.")), sizing_mode="stretch_width"
        )
        self._comparison = ComparisonPane(readers)
        self._tabs = pn.Tabs(
            (
                "Experiments",
                pn.Column(self._message, self._table.view, sizing_mode="stretch_width"),
            ),
            ("Experiment", self._place),
            ("Compare", self._comparison.view),
            dynamic=True,
            sizing_mode="stretch_width",
        )
        self._tabs.param.watch(lambda event: self.refresh(), "active")
        title = markup(
            f'<h1>pypet</h1><div class="note">{escaped(experiments.path)}</div>', margin=(5, 10)
        )
        self.view: Any = pn.Column(title, self._tabs, sizing_mode="stretch_width", margin=10)
        """What to show."""
        self._list(experiments.experiments)

    def refresh(self) -> None:
        """Show what was read meanwhile."""
        listed = self._experiments.watch()
        if listed != self._listed or self._experiments.problem:
            self._list(listed)
        if self._tabs.active == _EXPERIMENT and self._open is not None:
            self._open.refresh()
        elif self._tabs.active == _COMPARE:
            self._comparison.update()

    def _list(self, listed: tuple[Entry, ...]) -> None:
        is_first = self._listed is None and self._experiments.is_read
        if self._experiments.is_read:
            self._listed = listed
        text = note(f"{len(listed):,} experiments") if self._listed is not None else note("Reading")
        self._message.object = problem(self._experiments.problem) + text
        self._table.show(
            {
                "experiment": [each.trajectory or "" for each in listed],
                "file": [self._place_of(each) for each in listed],
                "runs": [_count(each.runs) for each in listed],
                "completed": [_count(each.completed) for each in listed],
                "failed": [_count(each.failed) for each in listed],
                "date": [each.time for each in listed],
                "size of file": [size_text(each.size) for each in listed],
                "comment": [each.problem or each.comment for each in listed],
            },
        )
        self._comparison.offer(listed)
        if is_first and len(listed) == 1:
            self._choose(0)

    def _place_of(self, entry: Entry) -> str:
        """Return the file as seen from the folder whose files are listed."""
        top = self._experiments.path
        place = os.path.relpath(entry.path, top)
        return os.path.basename(entry.path) if place == os.curdir else place

    def _choose(self, row: int) -> None:
        if self._listed is None or not 0 <= row < len(self._listed):
            return
        chosen = self._listed[row]
        if chosen.trajectory is not None:
            self.open(chosen.path, chosen.trajectory)

    def open(self, path: str, trajectory: str) -> None:
        """Show an experiment."""
        reader = self._readers.reader(path, trajectory)
        if self._open is None or self._open.session.reader is not reader:
            self._open = ExperimentPane(reader, self._log_folder)
            self._place.objects = [self._open.view]
        self._tabs.active = _EXPERIMENT
        self._open.refresh()


def _count(number: int | None) -> float:
    return float("nan") if number is None else number


def keep_refreshed(view: Any, refresh: Callable[[], None]) -> Any:
    """Return a view that calls a function twice a second for as long as somebody looks at it.

    An error takes its place in the page: in a server nobody would see it, and the page would
    look as if nothing happened any more.
    """
    trouble = plain_text("")
    trouble.visible = False

    def guarded() -> None:
        try:
            refresh()
        except Exception as error:
            trouble.object = preformatted("".join(traceback.format_exception(error)))
            trouble.visible = True
            raise

    def start() -> None:
        pn.state.add_periodic_callback(guarded, period=REFRESH_MILLISECONDS)

    pn.state.onload(start)
    return pn.Column(trouble, view, sizing_mode="stretch_width")
