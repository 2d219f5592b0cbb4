"""Records about the trajectory itself: its identity and its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pypet.records.run_rows import RunRows  # also found here by earlier pickles


class Info(NamedTuple):
    """The trajectory's own data. ``timestamp`` is in seconds since the epoch, ``time`` the same
    as formatted local time, ``length`` the number of runs."""

    name: str
    time: str
    timestamp: float
    comment: str
    length: int
    version: str
    python: str


class MetaRecord(NamedTuple):
    """What a storage service reads back about a trajectory."""

    info: Info
    annotations: Mapping[str, Any]
    explorations: tuple[str, ...]
    settings: Mapping[str, Any]
    runs: RunRows | None
    """None if run information was not requested."""
