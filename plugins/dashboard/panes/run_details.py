"""The pane with one run: parameters, results, log and traceback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from pypet.plugins.dashboard.model.leaves import UNREADABLE, Entry, in_a_line
from pypet.plugins.dashboard.model.log_files import LogText, log_folders, logs_of_run
from pypet.plugins.dashboard.model.run_details import RunDetails, read_run
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.panes.values import is_small, line_of, value_pane
from pypet.plugins.dashboard.panes.widgets import (
    described,
    escaped,
    labelled,
    markup,
    note,
    plain_text,
    problem,
)

MAX_LISTED = 1000
"""Parameters, and results in a line each."""
MAX_SHOWN = 50
"""Results that are plots or tables; of more only the names are shown."""


class RunPane:
    """One run with all that is stored of it."""

    is_kept = False

    def __init__(self, session: ExperimentSession, log_folder: str | None = None) -> None:
        """Show the run of a session that is to be shown in detail."""
        self._session = session
        self._log_folder = log_folder
        self._number = labelled(pn.widgets.IntInput, "Run", start=0, value=0, width=120)
        self._number.param.watch(lambda event: session.show_run(event.new), "value")
        self._content = pn.Column(sizing_mode="stretch_width")
        self.view: Any = pn.Column(self._number, self._content, sizing_mode="stretch_width")
        """What to show."""

    def update(self) -> None:
        """Show the run as it is stored now."""
        session = self._session
        if session.run is None:
            self._content.objects = [markup(note("Click a row of the table, or give a number."))]
            return
        if self._number.value != session.run:
            self._number.value = session.run  # calls this again
            return
        reader = session.reader
        try:
            run = read_run(reader.path, reader.trajectory, session.run)
        except (*UNREADABLE, IndexError) as error:
            self._content.objects = [markup(problem(in_a_line(error)))]
            return
        try:
            folders = log_folders(reader.path, self._log_folder)
            logs = logs_of_run(folders, reader.trajectory, run.name, run.index)
            missing = "" if logs else f"no log of this run in {', '.join(folders) or 'logs'}"
        except OSError as error:
            logs, missing = [], in_a_line(error)
        self._content.objects = run_views(run, logs, missing)


def run_views(run: RunDetails, logs: Sequence[LogText], missing_logs: str) -> list[Any]:
    """Return the parts of the description of a run."""
    facts = (
        ("state", run.state),
        ("started", run.started),
        ("time", run.runtime),
        ("environment", run.environment),
    )
    views = [
        markup(f"<h1>{escaped(run.name)}</h1>{described(facts)}{problem(run.problem)}"),
    ]
    if run.error is not None:
        text = run.error.traceback or str(run.error)
        views += [markup(f"<h2>Error</h2>{problem(str(run.error))}"), plain_text(text, 400)]
    views.append(markup("<h2>Parameters</h2>" + _entries(run.parameters)))
    small = [each for each in run.results if each.problem or is_small(each.value)]
    views.append(markup("<h2>Results</h2>" + (_entries(small) if run.results else note("none"))))
    large = [each for each in run.results if not (each.problem or is_small(each.value))]
    for entry in large[:MAX_SHOWN]:
        comment = f" {note(entry.comment)}" if entry.comment else ""
        views += [
            markup(f"<b>{escaped(entry.name)}</b>{comment}"),
            value_pane(entry.value),
        ]
    if len(large) > MAX_SHOWN:
        rest = ", ".join(each.name for each in large[MAX_SHOWN:])
        views.append(markup(note(f"not shown: {rest}")))
    views.append(markup("<h2>Log</h2>" + note(missing_logs)))
    for log in logs:
        cut = ", its end" if log.is_cut else ""
        views += [markup(note(log.path + cut)), plain_text(log.text, 400)]
    return views


def _entries(entries: Sequence[Entry]) -> str:
    rows = []
    for entry in entries[:MAX_LISTED]:
        text = f"({entry.problem})" if entry.problem else line_of(entry.value)
        comment = f' <span class="note">{escaped(entry.comment)}</span>' if entry.comment else ""
        rows.append(f"<dt>{escaped(entry.name)}</dt><dd>{escaped(text)}{comment}</dd>")
    more = len(entries) - MAX_LISTED
    return f"<dl>{''.join(rows)}</dl>" + (note(f"and {more:,} more") if more > 0 else "")
