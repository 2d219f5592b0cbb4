"""The pane with the state of an experiment: runs, pace and remaining time."""

from __future__ import annotations

from typing import Any

from pypet.catalog.experiments import COMPLETE, INTERRUPTED, RUNNING
from pypet.plugins.dashboard.model.progress import Progress
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.panes.widgets import (
    ACCENT,
    BAD,
    GOOD,
    MUTED,
    described,
    escaped,
    markup,
    problem,
)
from pypet.support.readable import duration_text
from pypet.support.time_format import format_time

_COLORS = {COMPLETE: GOOD, RUNNING: ACCENT, INTERRUPTED: BAD}


class ProgressPane:
    """State and live progress of an experiment."""

    def __init__(self, session: ExperimentSession) -> None:
        """Show the experiment of a session."""
        self._session = session
        self._text = markup()
        self.view: Any = self._text
        """What to show."""

    def update(self) -> None:
        """Show the session as it is now."""
        experiment = self._session.experiment
        if experiment is None:
            reader = self._session.reader
            reason = problem(reader.problem) or "<p>Reading &hellip;</p>"
            self._text.object = f"<h1>{escaped(reader.trajectory)}</h1>{reason}"
            return
        progress = experiment.progress
        rows = [
            f"<h1>{escaped(experiment.trajectory)}</h1>",
            f'<div class="note">{escaped(experiment.path)}</div>',
            f"<div>{escaped(experiment.table.comment)}</div>" if experiment.table.comment else "",
            _bar(progress),
            described(_facts(progress)),
            *map(problem, (experiment.problem, *progress.problems)),
        ]
        text = "".join(rows)
        if text != self._text.object:
            self._text.object = text


def _bar(progress: Progress) -> str:
    total = max(progress.total, 1)
    parts = ((progress.completed, GOOD), (progress.failed, BAD), (progress.started, ACCENT))
    filled = "".join(
        f'<div style="width:{100 * count / total:.3f}%;background:{color}"></div>'
        for count, color in parts
    )
    color = _COLORS.get(progress.state, MUTED)
    return (
        f'<p><b style="color:{color}">{escaped(progress.state)}</b> &nbsp; '
        f'<span class="completed">{progress.completed:,} of {progress.total:,} runs completed'
        f'</span></p><div class="bar">{filled}</div>'
    )


def _facts(progress: Progress) -> list[tuple[str, str]]:
    facts = []
    if progress.failed:
        facts.append(("failed", f"{progress.failed:,}"))
    if progress.started:
        facts.append(("started", f"{progress.started:,} and neither completed nor failed"))
    if progress.pending:
        facts.append(("not started", f"{progress.pending:,}"))
    if progress.began is not None and progress.latest is not None:
        began, latest = format_time(progress.began), format_time(progress.latest)
        facts.append(("ran", f"{began} to {latest}"))
    if progress.run_seconds is not None:
        facts.append(("time of a run", f"{progress.run_seconds:.3g} s (median)"))
    if progress.per_second is not None:
        facts.append(("pace", f"{progress.per_second:.3g} runs per second"))
    if progress.seconds_left is not None:
        facts.append(("remaining", duration_text(progress.seconds_left)))
    return facts
