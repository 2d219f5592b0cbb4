"""The pane with the failed runs of an experiment and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn

from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.panes.widgets import Table, markup, note
from pypet.runs.states import FAILED


class FailuresPane:
    """The failed runs; a click shows one with its traceback and log."""

    is_kept = False

    def __init__(self, session: ExperimentSession) -> None:
        """Show the experiment of a session."""
        self._session = session
        self._runs: list[int] = []
        self._message = markup()
        self._table = Table(on_click=self._show_run)
        self.view: Any = pn.Column(self._message, self._table.view, sizing_mode="stretch_width")
        """What to show."""

    def update(self) -> None:
        """Show the session as it is now."""
        experiment = self._session.experiment
        if experiment is None:
            return
        table = experiment.table
        failed = np.flatnonzero(table["state"].values == FAILED)
        self._runs = table.indices[failed].tolist()
        text = f"{len(failed):,} of {len(table):,} runs failed; click one for its traceback"
        self._message.object = note(text if len(failed) else "No run failed.")
        errors = table["error"].values[failed].tolist()
        self._table.show({"run": self._runs, "error": errors})

    def _show_run(self, row: int) -> None:
        if 0 <= row < len(self._runs):
            self._session.show_run(self._runs[row])
