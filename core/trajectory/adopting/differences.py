"""Comparing the parameters of a trajectory with those of the stored one of its name."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from typing import Any

from pypet.errors import ExistingTrajectoryError
from pypet.trajectory.adopting.point_matching import equal_values

DIFFERENCES_SHOWN = 10
"""How many parameters are named that differ."""


def check_same_parameters(traj: Any, stored: Any) -> None:
    """Raise unless a stored trajectory has the parameters of ``traj``, apart from the points.

    The same parameters have to be explored, and all others need the values that are stored. As
    long as no run is completed there may be others that are not stored yet. Of derived parameters
    only those are compared that both have.

    Raises
    ------
    ExistingTrajectoryError
        Something differs; the message names the parameter and both values.
    """
    differences = [*_differences(traj, stored)]
    if not differences:
        return
    more = len(differences) - DIFFERENCES_SHOWN
    lines = [*differences[:DIFFERENCES_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    listed = "\n".join(f"    {line}" for line in lines)
    raise ExistingTrajectoryError(
        f"Trajectory {traj._name!r} is stored already, with other parameters:\n{listed}\n"
        "Runs of both would not belong together: use the stored values, or give the new "
        "experiment another name or file. Nothing was changed."
    )


def _differences(traj: Any, stored: Any) -> Iterator[str]:
    for name in sorted({*traj._explored, *stored._explored}):
        yield from _explored_difference(name, traj, stored)
    own, theirs = _fixed_parameters(traj), _fixed_parameters(stored)
    explored = {*traj._explored, *stored._explored}
    may_be_added = not stored._runs.any_completed()
    for name in sorted({*own, *theirs} - explored):
        mine, other = own.get(name), theirs.get(name)
        if mine is not None and other is not None:
            if not _have_equal_values(mine, other):
                yield f"{name}: stored {_value(other)}, now {_value(mine)}"
        elif not name.startswith("parameters."):
            continue
        elif mine is None:
            yield f"{name}: stored {_value(other)}, now there is no such parameter"
        elif not may_be_added:
            yield f"{name}: not stored, now {_value(mine)}"


def _explored_difference(name: str, traj: Any, stored: Any) -> Iterator[str]:
    own, other = traj._tree.leaves.get(name), stored._tree.leaves.get(name)
    if name not in stored._explored:
        was = "no such parameter" if other is None else f"{_value(other)}, not explored"
        yield f"{name}: stored {was}, now explored"
    elif name not in traj._explored:
        now = "there is no such parameter" if own is None else f"{_value(own)}, not explored"
        yield f"{name}: stored as explored, now {now}"
    elif other is None or not _has_whole_range(other, stored):
        yield f"{name}: explored, but its values are not stored, or not for all runs"
    else:
        default, former = own.f_get_default(), other.f_get_default()
        if not own._values_of_same_type(default, former):
            was, now = type(former).__name__, type(default).__name__
            yield f"{name}: stored values are of type {was}, now of type {now}"


def _has_whole_range(parameter: Any, traj: Any) -> bool:
    return bool(parameter.f_has_range() and parameter.f_get_range_length() == len(traj))


def _fixed_parameters(traj: Any) -> dict[str, Any]:
    return {
        name: leaf
        for name, leaf in traj._tree.leaves.items()
        if leaf._branch in ("parameters", "derived_parameters") and leaf._is_parameter
    }


def _have_equal_values(one: Any, other: Any) -> bool:
    if one.f_is_empty() or other.f_is_empty():
        return bool(one.f_is_empty() and other.f_is_empty())
    return equal_values(one, one.f_get(), other.f_get())


def _value(leaf: Any) -> str:
    return "no value" if leaf.f_is_empty() else reprlib.repr(leaf.f_get())
