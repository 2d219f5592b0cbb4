"""Times and durations as text, as they appear in names and in run information."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import lru_cache


def format_time(timestamp: float) -> str:
    """Return ``timestamp`` (seconds since the epoch) as local time, ``2015_10_21_04h29m00s``."""
    return _format_second(int(timestamp // 1))


def format_duration(seconds: float) -> str:
    """Return a duration in ``seconds`` as ``H:MM:SS.ffffff``, preceded by days if there are any."""
    return str(timedelta(seconds=seconds))


def iso_time(timestamp: float) -> str:
    """Return ``timestamp`` (seconds since the epoch) as local time in ISO 8601."""
    return datetime.fromtimestamp(float(timestamp)).isoformat(timespec="seconds")


@lru_cache(maxsize=16)  # short runs start many times within one second
def _format_second(second: int) -> str:
    return time.strftime("%Y_%m_%d_%Hh%Mm%Ss", time.localtime(second))
