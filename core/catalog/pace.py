"""How long runs take, and when an experiment will be over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pypet.catalog.experiments import Experiment
from pypet.runs.states import COMMITTED

_MAX_SECONDS = 253_000_000_000.0
"""Roughly the year 9987, the last that `datetime` knows everywhere."""


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
    started, finished = _known(progress.started), _known(progress.finished)
    durations = progress.finished - progress.started
    durations = durations[np.isfinite(durations) & (durations >= 0)]
    per_second = seconds_left = None
    if experiment.since is not None:
        per_second, seconds_left = _rate(experiment, experiment.since)
    return Pace(
        float(started.min()) if len(started) else None,
        float(finished.max()) if len(finished) else None,
        _extremes(durations),
        per_second,
        seconds_left,
    )


def _known(times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return those that are times: a damaged row has anything."""
    return times[(times > 0) & (times < _MAX_SECONDS)]


def _extremes(durations: np.ndarray[Any, Any]) -> tuple[float, float, float] | None:
    if not len(durations):
        return None
    return float(durations.min()), float(np.median(durations)), float(durations.max())


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
