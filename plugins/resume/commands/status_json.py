"""Reports of experiments for programs: the keys are promised in ``docs/command_line.md``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pypet.catalog.pace import Pace, pace_of
from pypet.catalog.progress import RunProgress
from pypet.plugins.resume.reading import ExperimentReport
from pypet.runs.states import STATES
from pypet.runs.stretches import stretches
from pypet.support.time_format import iso_time

FORMAT = 1
"""Changes when a key changes its meaning or is removed."""


def as_json(reports: Sequence[ExperimentReport]) -> dict[str, Any]:
    """Return reports as what `json.dumps` takes."""
    return {"format": FORMAT, "experiments": [_experiment(report) for report in reports]}


def _experiment(report: ExperimentReport) -> dict[str, Any]:
    facts, process = report.facts, report.process
    segments = report.segments
    return {
        "trajectory": report.trajectory,
        "file": report.file,
        "folder": None if report.folder is None else os.path.abspath(report.folder),
        "state": report.state,
        "process": None
        if process is None
        else {"pid": process.pid, "host": process.host, "since": iso(process.since)},
        "environment": facts.get("environment"),
        "function": report.function,
        "script": report.script,
        "command_line": facts.get("command_line"),
        "working_folder": facts.get("working_folder"),
        "pypet": facts.get("pypet"),
        "python": facts.get("python"),
        "runs": _runs(report.progress, pace_of(report)),
        "journal": None
        if report.folder is None
        else {
            "segments": len(segments),
            "bytes": sum(each.size for each in segments),
            "damaged": sum(each.damaged for each in segments),
            "torn": sum(each.torn for each in segments),
        },
        "problems": list(report.problems),
    }


def _runs(progress: RunProgress, pace: Pace) -> dict[str, Any]:
    return {
        "total": len(progress.states),
        **{
            state: {
                "count": progress.count(state),
                "stretches": [list(each) for each in stretches(progress.runs(state))],
            }
            for state in STATES
        },
        "errors": [
            {
                "run": run,
                "error": error.type,
                "message": error.message,
                "traceback": error.traceback,
            }
            for run, error in sorted(progress.errors.items())
        ],
        "started": iso(pace.started),
        "finished": iso(pace.finished),
        "seconds": None if pace.seconds is None else list(pace.seconds),
        "per_second": pace.per_second,
        "seconds_left": pace.seconds_left,
    }


def iso(timestamp: float | None) -> str | None:
    """Return a moment in ISO 8601, local time."""
    return None if timestamp is None else iso_time(timestamp)
