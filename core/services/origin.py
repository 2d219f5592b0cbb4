"""Where a message comes from: a run, or outside of runs."""

from __future__ import annotations

from typing import Any, NamedTuple

from pypet.records import NO_RUN


class Origin(NamedTuple):
    """One attempt at a run, or `OUTSIDE`; see `pypet.records.StoreRequest`."""

    run: int = NO_RUN
    started: float = 0.0


OUTSIDE = Origin()


def origin_of(stuff: Any) -> Origin:
    """Return the run that a node, a trajectory or a list of entries is stored by."""
    if isinstance(stuff, list):
        if not stuff:
            return OUTSIDE
        stuff = stuff[0][1]
    parent = getattr(stuff, "_parent", None)
    root = getattr(stuff if parent is None else parent, "_root", None)
    if not getattr(root, "_is_run", False):
        return OUTSIDE
    run: int = root._idx  # type: ignore[union-attr]
    if run < 0:
        return OUTSIDE
    return Origin(run, root._runs.start_timestamp(run))  # type: ignore[union-attr]
