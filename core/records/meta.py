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


class Digest(NamedTuple):
    """What a list of trajectories shows of one of them."""

    info: Info
    completed: int
    """Completed runs."""
    failed: int
    """Runs that are not completed and of which an error is stored."""


def digest_of(meta: MetaRecord) -> Digest:
    """Return the digest of what was read with the run table."""
    rows = meta.runs
    if rows is None:
        return Digest(meta.info, 0, 0)
    length = max(meta.info.length, len(rows))
    completed = frozenset(rows.idx[rows.completed != 0].tolist())
    failed = sum(run not in completed for run in rows.errors)
    return Digest(meta.info._replace(length=length), len(completed), failed)
