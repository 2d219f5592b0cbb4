"""All panes of one experiment, in tabs."""

from __future__ import annotations

import time
from typing import Any, Protocol

import panel as pn

from pypet.catalog.experiments import RUNNING
from pypet.plugins.dashboard.model.experiment import ExperimentReader
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.panes.failures import FailuresPane
from pypet.plugins.dashboard.panes.heat_map import HeatMapPane
from pypet.plugins.dashboard.panes.parallel_coordinates import ParallelCoordinatesPane
from pypet.plugins.dashboard.panes.progress import ProgressPane
from pypet.plugins.dashboard.panes.run_details import RunPane
from pypet.plugins.dashboard.panes.run_table import RunTablePane
from pypet.plugins.dashboard.panes.scatter import ScatterPane

REFRESH_MILLISECONDS = 500
PLOT_SECONDS = 4.0
"""Plots follow an experiment that grows after so long; what a user chooses is shown at once."""


class _Pane(Protocol):
    view: Any
    is_kept: bool
    """Whether it stays in the page while another tab is shown."""

    def update(self) -> None: ...


class ExperimentPane:
    """One experiment: progress above, and a tab for each way to look at its runs."""

    def __init__(self, reader: ExperimentReader, log_folder: str | None = None) -> None:
        """Show the experiment that ``reader`` reads; `refresh` has to be called."""
        self.session = ExperimentSession(reader)
        """The choice of runs that all panes share."""
        self.progress = ProgressPane(self.session)
        self._panes: dict[str, _Pane] = {
            "Runs": RunTablePane(self.session),
            "Parallel coordinates": ParallelCoordinatesPane(self.session),
            "Scatter": ScatterPane(self.session),
            "Heat map": HeatMapPane(self.session),
            "Failures": FailuresPane(self.session),
            "Run": RunPane(self.session, log_folder),
        }
        # Each tab is filled when it is shown, and not before it is up to date: tables lose updates
        # that arrive while they are drawn. Plots stay: once put back, they send no events.
        self._places = [pn.Column(sizing_mode="stretch_width") for _ in self._panes]
        self._tabs = pn.Tabs(
            *zip(self._panes, self._places, strict=True), sizing_mode="stretch_width"
        )
        self._tabs.param.watch(lambda event: self._fill(event.new), "active")
        self._choice = self.session.choice
        self._drawn = 0.0
        self.session.on_change(self._update)
        self.session.on_run(self._show_run)
        self.view: Any = pn.Column(self.progress.view, self._tabs, sizing_mode="stretch_width")
        """What to show."""
        self._update()
        self._fill(0)

    def refresh(self) -> None:
        """Show what was read meanwhile."""
        if not self.session.refresh() and self.session.experiment is None:
            self.progress.update()

    def _update(self) -> None:
        self.progress.update()
        if self._active.is_kept and self._may_wait():
            return
        # The details of a run are read from the file, so they wait until somebody asks for them.
        if not isinstance(self._active, RunPane):
            self._active.update()

    def _may_wait(self) -> bool:
        """Return whether a plot need not follow yet: drawn anew, it would lose a box."""
        session, now = self.session, time.monotonic()
        experiment = session.experiment
        is_growing = experiment is not None and (
            experiment.results_due > 0 or experiment.progress.state == RUNNING
        )
        if is_growing and session.choice is self._choice and now - self._drawn < PLOT_SECONDS:
            return True
        self._choice, self._drawn = session.choice, now
        return False

    def _fill(self, active: int) -> None:
        """Put the pane of a tab into its place, and take out others."""
        self._active.update()
        for number, (place, pane) in enumerate(
            zip(self._places, self._panes.values(), strict=True)
        ):
            if number == active:
                if not place.objects:
                    place.objects = [pane.view]
            elif not pane.is_kept:
                place.objects = []

    @property
    def _active(self) -> _Pane:
        """Only this one is updated: what nobody sees need not be drawn."""
        return list(self._panes.values())[self._tabs.active]

    def _show_run(self) -> None:
        place = list(self._panes).index("Run")
        if self._tabs.active == place:
            self._active.update()
        else:
            self._tabs.active = place
