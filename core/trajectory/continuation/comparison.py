"""Comparing the parameters of a trajectory with those of the stored one."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypet.errors import ExistingTrajectoryError
from pypet.runs import run_table_of
from pypet.trajectory.continuation.point_matching import equal_values
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

DIFFERENCES_SHOWN = 10
"""Maximum number of differing parameters in the message."""


def check_same_parameters(traj: Trajectory, stored: Trajectory) -> None:
    """Check that a stored trajectory has the same parameters as ``traj``; points may differ.

    The same parameters have to be explored, and all others need the stored values. Until a run
    is completed, there may be parameters that are not stored yet. Derived parameters are compared
    only if both trajectories have them.

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
        f"Trajectory {traj.v_name!r} is stored already, with other parameters:\n{listed}\n"
        "Runs of both would not belong together: use the stored values, or give the new "
        "experiment another name or file. Nothing was changed."
    )


def _differences(traj: Trajectory, stored: Trajectory) -> Iterator[str]:
    explored = {
        *traj.f_get_explored_parameters(copy=False),
        *stored.f_get_explored_parameters(copy=False),
    }
    for name in sorted(explored):
        yield from _explored_difference(name, traj, stored)
    own, theirs = _fixed_parameters(traj), _fixed_parameters(stored)
    may_be_added = not run_table_of(stored).any_completed()
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


def _explored_difference(name: str, traj: Trajectory, stored: Trajectory) -> Iterator[str]:
    own: Any = tree_of(traj).leaves.get(name)
    other: Any = tree_of(stored).leaves.get(name)
    if name not in stored.f_get_explored_parameters(copy=False):
        was = "no such parameter" if other is None else f"{_value(other)}, not explored"
        yield f"{name}: stored {was}, now explored"
    elif name not in traj.f_get_explored_parameters(copy=False):
        now = "there is no such parameter" if own is None else f"{_value(own)}, not explored"
        yield f"{name}: stored as explored, now {now}"
    elif other is None or not _has_whole_range(other, stored):
        yield f"{name}: explored, but its values are not stored, or not for all runs"
    else:
        default, former = own.f_get_default(), other.f_get_default()
        if not own._values_of_same_type(default, former):
            was, now = type(former).__name__, type(default).__name__
            yield f"{name}: stored values are of type {was}, now of type {now}"


def _has_whole_range(parameter: Any, traj: Trajectory) -> bool:
    return bool(parameter.f_has_range() and parameter.f_get_range_length() == len(traj))


def _fixed_parameters(traj: Trajectory) -> dict[str, Any]:
    return {
        name: leaf
        for name, leaf in tree_of(traj).leaves.items()
        if leaf.v_branch in ("parameters", "derived_parameters") and leaf.v_is_parameter
    }


def _have_equal_values(one: Any, other: Any) -> bool:
    if one.f_is_empty() or other.f_is_empty():
        return bool(one.f_is_empty() and other.f_is_empty())
    return equal_values(one, one.f_get(), other.f_get())


def _value(leaf: Any) -> str:
    return "no value" if leaf.f_is_empty() else reprlib.repr(leaf.f_get())
