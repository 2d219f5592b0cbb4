"""The pane that compares experiments."""

from __future__ import annotations

from typing import Any

import panel as pn

from pypet.catalog.listing import Entry
from pypet.plugins.dashboard.model.comparison import compared
from pypet.plugins.dashboard.model.experiment import Experiment, Readers
from pypet.plugins.dashboard.model.leaves import UNREADABLE, in_a_line
from pypet.plugins.dashboard.panes.widgets import (
    Table,
    labelled,
    markup,
    note,
    problem,
    several,
)

MOST = 6
"""Experiments side by side."""


class ComparisonPane:
    """Parameters, runs and results of some experiments side by side."""

    def __init__(self, readers: Readers) -> None:
        """Compare experiments of these readers; none are chosen."""
        self._readers = readers
        self._listed: dict[str, Entry] = {}
        self._shown: tuple[Any, ...] = ()
        self._chosen = several("Experiments")
        self._only = labelled(pn.widgets.Checkbox, "Only what differs", value=True)
        self._message = markup()
        self._table = Table(page_size=50)
        self._chosen.param.watch(lambda event: self.update(), "value")
        self._only.param.watch(lambda event: self.update(), "value")
        self.view: Any = pn.Column(
            self._chosen, self._only, self._message, self._table.view, sizing_mode="stretch_width"
        )
        """What to show."""

    def offer(self, experiments: tuple[Entry, ...]) -> None:
        """Offer these experiments to choose from."""
        self._listed = {
            f"{each.trajectory} in {each.path}": each
            for each in experiments
            if each.trajectory is not None and not each.problem
        }
        options = list(self._listed)
        if options != self._chosen.options:
            kept = [label for label in self._chosen.value if label in self._listed]
            self._chosen.param.update(options=options, value=kept)

    def update(self) -> None:
        """Compare the chosen experiments as they are now."""
        labels = [label for label in self._chosen.value if label in self._listed][:MOST]
        experiments: list[Experiment] = []
        waiting = []
        for label in labels:
            listed = self._listed[label]
            reader = self._readers.reader(listed.path, str(listed.trajectory))
            experiment = reader.watch()
            if experiment is not None:
                experiments.append(experiment)
            else:
                waiting.append(reader.problem or f"reading {listed.trajectory}")
        if len(labels) < 2 or waiting:
            text = "; ".join(waiting) or f"Choose two experiments or more, {MOST} at most."
            self._message.object = note(text)
            return
        shown = (tuple((id(each), each.revision) for each in experiments), self._only.value)
        if shown == self._shown:
            return
        self._shown = shown
        try:
            rows = compared(experiments)
        except UNREADABLE as error:
            self._message.object = problem(in_a_line(error))
            return
        kept = [row for row in rows if row.differs or not self._only.value]
        alike = len(rows) - len(kept)
        due = sum(each.results_due for each in experiments)
        texts = [f"{alike} properties are alike and not shown"] if alike else []
        texts += [f"results of {due:,} runs are still being read"] if due else []
        self._message.object = note("; ".join(texts))
        columns = {"": [row.kind for row in kept], "name": [row.name for row in kept]}
        for number, label in enumerate(labels):
            columns[label] = [row.cells[number] for row in kept]
        self._table.show(columns)
