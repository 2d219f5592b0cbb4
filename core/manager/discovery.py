"""Finding entry points of the group ``pypet`` without importing anything."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import NamedTuple

from pypet.manager.entries import PluginEntry

GROUP = "pypet"
UNKNOWN = "unknown"


class Candidate(NamedTuple):
    """An entry point as the metadata of a distribution states it."""

    name: str
    module: str
    distribution: str
    version: str
    load: Callable[[], object]

    def entry(self) -> PluginEntry:
        """Return a fresh entry for a manager."""
        return PluginEntry(*self)


@cache
def candidates() -> tuple[Candidate, ...]:
    """Return the entry points of all installed distributions, pypet's own first, in a fixed order.

    The answer is kept; `forget` makes the next call look again.
    """
    found = {
        (entry.name, entry.value, _distribution_name(entry)): entry
        for entry in metadata.entry_points(group=GROUP)
    }
    made = [_candidate(entry) for entry in found.values()]
    return tuple(sorted(made, key=lambda candidate: candidate.entry().rank()))


def forget() -> None:
    """Forget what was found, for example after a package was installed in a notebook."""
    importlib.invalidate_caches()
    candidates.cache_clear()


def _candidate(entry: metadata.EntryPoint) -> Candidate:
    try:
        version = entry.dist.version if entry.dist is not None else None
    except FileNotFoundError:  # see below
        version = None
    module = entry.value.partition(":")[0].strip()
    return Candidate(entry.name, module, _distribution_name(entry), version or UNKNOWN, entry.load)


def _distribution_name(entry: metadata.EntryPoint) -> str:
    # Damaged metadata has no name, against the annotations of the standard library. Once the
    # backport `importlib_metadata` was imported, as Dask does, it is an error.
    try:
        name: str | None = entry.dist.name if entry.dist is not None else None
    except FileNotFoundError:
        return UNKNOWN
    return name or UNKNOWN
