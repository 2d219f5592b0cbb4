"""How long runs take, and when an experiment will be over."""

from __future__ import annotations

from typing import NamedTuple

from pypet.catalog.experiments import Experiment
from pypet.catalog.times import duration_statistics, known_times
from pypet.runs.states import COMMITTED


class Pace(NamedTuple):
    """Times of an experiment, in seconds; moments since the epoch. None for what is not known."""

    started: float | None
    """When the first run was started."""
    finished: float | None
    """When the last of the committed runs was completed."""
    seconds: tuple[float, float, float] | None
    """Least, median and most time that a committed run took."""
    per_second: float | None
    """Runs that were committed per second, since the process that runs now began with them."""
    seconds_left: float | None
    """Until all runs are executed, at that pace."""


def pace_of(experiment: Experiment) -> Pace:
    """Return the times of an experiment."""
    progress = experiment.progress
    started, finished = known_times(progress.started), known_times(progress.finished)
    per_second = seconds_left = None
    if experiment.since is not None:
        per_second, seconds_left = _rate(experiment, experiment.since)
    return Pace(
        float(started.min()) if len(started) else None,
        float(finished.max()) if len(finished) else None,
        duration_statistics(progress.finished - progress.started),
        per_second,
        seconds_left,
    )


def _rate(experiment: Experiment, since: float) -> tuple[float | None, float | None]:
    """Return runs per second since a moment, and the seconds for those that are left."""
    progress = experiment.progress
    done = progress.finished[progress.finished >= since]
    first = progress.started[progress.started >= since]
    if not len(done) or not len(first):
        return None, None
    elapsed = experiment.at - float(first.min())
    if elapsed <= 0:
        return None, None
    per_second = len(done) / elapsed
    left = len(progress.states) - progress.count(COMMITTED) - len(progress.errors)
    return per_second, left / per_second
