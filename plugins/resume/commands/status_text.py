"""Reports of experiments as lines for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from pypet.catalog.experiments import COMPLETE, INTERRUPTED, RUNNING
from pypet.catalog.pace import Pace, pace_of
from pypet.plugins.resume.commands.status_json import iso
from pypet.plugins.resume.reading import ExperimentReport
from pypet.runs.states import ABANDONED, COMMITTED, PENDING, STATES
from pypet.runs.states import RUNNING as RUN_RUNNING
from pypet.runs.stretches import stretches, stretches_text
from pypet.support.readable import counted, duration_text, one_line, seconds_text, size_text

_SHOWN_FAILURES = 20
_SHOWN_WIDTH = 100
_LISTED = (RUN_RUNNING, ABANDONED, PENDING)
"""States whose runs are named; those that failed have lines of their own."""


def list_lines(reports: Sequence[ExperimentReport]) -> Iterator[str]:
    """Yield a line about each of several experiments."""
    for report in reports:
        parts = [report.trajectory]
        if report.state is not None:
            parts.append(report.state)
        parts.append(_counts(report))
        pace = pace_of(report)
        if pace.seconds_left is not None:
            parts.append(f"{duration_text(pace.seconds_left)} left")
        yield "  ".join(parts)
        for problem in report.problems:
            yield f"  problem: {one_line(problem, _SHOWN_WIDTH)}"


def experiment_facts(report: ExperimentReport) -> Iterator[tuple[str, str]]:
    """Yield labels and texts about one experiment."""
    facts, pace = report.facts, pace_of(report)
    yield "trajectory", report.trajectory
    if report.file is not None:
        yield "file", report.file
    yield "experiment", _state(report, pace)
    if facts.get("command_line"):
        yield "command", one_line(shlex.join(facts["command_line"]), _SHOWN_WIDTH)
    if report.function:
        yield "function", report.function
    if facts.get("environment"):
        yield "environment", facts["environment"]
    yield "runs", _counts(report)
    progress = report.progress
    for state in _LISTED:
        count = progress.count(state)
        if count and count < len(progress.states):
            yield state, stretches_text(stretches(progress.runs(state)))
    failures = sorted(progress.errors.items())
    for run, error in failures[:_SHOWN_FAILURES]:
        yield "failed", f"run {run}  {one_line(str(error), _SHOWN_WIDTH)}"
    if len(failures) > _SHOWN_FAILURES:
        yield "failed", f"{len(failures) - _SHOWN_FAILURES} more runs, shown by --json"
    yield from _about_times(pace)
    if report.folder is not None:
        yield "journal", _journal(report)
    if report.state == INTERRUPTED and report.header:
        yield "go on by", f"pypet resume {shlex.quote(report.folder or '')}"
    for problem in report.problems:
        yield "problem", problem


def _state(report: ExperimentReport, pace: Pace) -> str:
    process = report.process
    if report.state == RUNNING and process is None:
        return "running: a process writes to the file"
    if report.state == RUNNING and process is not None:
        since = f"since {iso(process.since)} ({duration_text(report.at - process.since)})"
        text = f"running, process {process.pid} on {process.host} {since}"
        is_through = report.progress.count(COMMITTED) == len(report.progress.states)
        return f"{text}; all runs are committed" if is_through else text
    if report.state == COMPLETE:
        return "complete"
    if report.state is None:
        return "not known: there is no journal of it, and its runs open the file by themselves"
    if process is None and report.folder is None:
        return "over, with runs that failed or are missing; there is no journal of it"
    if process is None:
        return "interrupted"
    return f"interrupted: process {process.pid} on {process.host} does not execute it any more"


def _counts(report: ExperimentReport) -> str:
    progress = report.progress
    text = f"{progress.count(COMMITTED)} of {len(progress.states)} runs committed"
    others = [(progress.count(state), state) for state in STATES if state != COMMITTED]
    return ", ".join([text, *(f"{count} {state}" for count, state in others if count)])


def _about_times(pace: Pace) -> Iterator[tuple[str, str]]:
    if pace.started is not None:
        until = "" if pace.finished is None else f" to {iso(pace.finished)}"
        took = "" if pace.seconds is None else f", {seconds_text(pace.seconds)}"
        yield "ran", f"{iso(pace.started)}{until}{took}"
    if pace.per_second is not None and pace.seconds_left is not None:
        rate = pace.per_second
        text = f"{rate:.3g} runs a second" if rate >= 1 else f"{1 / rate:.3g} s for each run"
        yield "pace", f"{text}, about {duration_text(pace.seconds_left)} left"


def _journal(report: ExperimentReport) -> str:
    segments = report.segments
    size = size_text(sum(each.size for each in segments))
    text = f"{counted(len(segments), 'segment')}, {size}, in {report.folder}"
    torn = sum(each.torn for each in segments)
    if torn and report.state != RUNNING:
        text += f"; {size_text(torn)} of a run that was being stored are left out"
    return text
