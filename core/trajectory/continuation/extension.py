"""Turning a trajectory into the stored one of its name, with further points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.leaves.parameter import Parameter
from pypet.runs import run_table_of
from pypet.trajectory.continuation.point_matching import Point
from pypet.tree.node import put
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory


def points_of(traj: Trajectory, names: Sequence[str], first: int = 0) -> list[Point]:
    """Return the points of all runs from ``first`` on, with the values of these parameters."""
    leaves = tree_of(traj).leaves
    ranges = [leaves[name].f_get_range(copy=False)[first:] for name in names]
    return list(zip(*ranges, strict=True)) if names else [()] * (len(traj) - first)


def become_stored(traj: Trajectory, stored: Trajectory, points: Mapping[str, list[Any]]) -> None:
    """Turn ``traj`` into the stored trajectory with further points, and store the longer ranges.

    ``points`` has the values of the new runs by full name of the explored parameter. The nodes of
    ``traj`` stay the same objects. Only parameters and runs are loaded.

    Raises
    ------
    RuntimeError
        The wildcard function of run names returns a name twice.
    Exception
        Storing failed; ``traj`` has no further points then.
    """
    traj.f_load(traj.v_name, load_data=constants.LOAD_NOTHING)
    if len(traj) > len(stored):
        run_table_of(traj).truncate(len(stored))
    elif len(traj) < len(stored):
        run_table_of(traj).expand(len(stored))
    leaves = tree_of(traj).leaves
    for name in stored.f_get_explored_parameters(copy=False):
        values = tree_of(stored).leaves[name].f_get_range(copy=False)
        parameter = leaves[name]
        parameter.f_unlock()
        parameter._shrink()
        parameter._explore(values)
        if isinstance(parameter, Parameter):
            keeps = getattr(tree_of(stored).leaves[name], "_keeps_entry_items", False)
            parameter._keeps_entry_items |= keeps
        traj._register_explored(name, parameter)
    for name, leaf in tree_of(stored).leaves.items():
        twin = leaves.get(name)
        if twin is not None and leaf.v_branch != "config":
            put(twin, "_stored", True)
    if not any(points.values()):
        return
    length = len(traj)
    append_points(traj, points)
    try:
        store_longer_ranges(traj, list(points), length)
    except BaseException:
        remove_last_runs(traj, length)
        raise


def append_points(traj: Trajectory, points: Mapping[str, list[Any]]) -> None:
    """Append runs in memory; ``points`` has their values by full name of the explored parameter.

    Raises
    ------
    Exception
        A parameter does not support a value, or the wildcard function of run names returns a name
        twice; there are no further runs then.
    """
    length = len(traj)
    try:
        for name, values in points.items():
            parameter = tree_of(traj).leaves[name]
            parameter.f_unlock()
            parameter._expand(values)
        run_table_of(traj).expand(length + len(next(iter(points.values()))))
    except BaseException:
        remove_last_runs(traj, length)
        raise


def store_longer_ranges(traj: Trajectory, names: Sequence[str], old_length: int) -> None:
    """Overwrite leaves, among them the ranges of explored parameters, and store the run table.

    All in one message, which leaves the storage as before or complete. ``names`` are full names,
    and ``old_length`` is the number of runs that the storage has.
    """
    storage_service_of(traj).store(
        constants.PREPARE_MERGE,
        traj,
        trajectory_name=traj.v_name,
        changed_parameters=list(names),
        old_length=old_length,
    )


def replace_added_runs(traj: Trajectory, length: int, points: Mapping[str, list[Any]]) -> None:
    """Replace the runs from ``length`` on, which have not started, by runs of other points."""
    remove_last_runs(traj, length)
    if any(points.values()):
        append_points(traj, points)


def remove_last_runs(traj: Trajectory, length: int) -> None:
    """Remove the runs from ``length`` on, which have not started, from memory."""
    for name, parameter in traj.f_get_explored_parameters(copy=False).items():
        traj._truncate(name, parameter, length)
    if len(traj) > length:
        run_table_of(traj).truncate(length)
