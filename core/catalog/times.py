"""Times of runs as files have them, in which damaged rows have any numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

_MOST_SECONDS = 253_000_000_000.0
"""Roughly the year 9987, the last that `datetime` knows everywhere."""


def known_times(times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return those numbers that are times, in seconds since the epoch."""
    return times[(times > 0) & (times < _MOST_SECONDS)]


def duration_statistics(durations: np.ndarray[Any, Any]) -> tuple[float, float, float] | None:
    """Return least, median and most of the seconds that runs took; None if none is known."""
    durations = durations[np.isfinite(durations) & (durations >= 0)]
    if not len(durations):
        return None
    return float(durations.min()), float(np.median(durations)), float(durations.max())
