"""Letting a trajectory become the stored one of its name, with further points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pypet import pypetconstants as constants
from pypet.leaves.parameter import Parameter
from pypet.trajectory.adopting.point_matching import Point
from pypet.tree.node import put
from pypet.tree.storage import storage_service_of


def points_of(traj: Any, names: Sequence[str], first: int = 0) -> list[Point]:
    """Return the points of all runs from ``first`` on, with the values of these parameters."""
    leaves = traj._tree.leaves
    ranges = [leaves[name].f_get_range(copy=False)[first:] for name in names]
    return list(zip(*ranges, strict=True)) if names else [()] * (len(traj) - first)


def adopt_stored(traj: Any, stored: Any, points: Mapping[str, list[Any]]) -> None:
    """Let ``traj`` become the stored trajectory, with further points; store the longer ranges.

    ``points`` has the values of the new runs by full name of the explored parameter. Nodes of
    ``traj`` stay the objects that they are. Only parameters and runs are taken over; what else is
    stored is not loaded.

    Raises
    ------
    RuntimeError
        The wildcard function that names runs gives a name twice.
    Exception
        Whatever storing raises. Then there are no further points.
    """
    traj.f_load(traj._name, load_data=constants.LOAD_NOTHING)
    if len(traj) > len(stored):
        traj._runs.truncate(len(stored))
    leaves = traj._tree.leaves
    for name in stored._explored:
        values = stored._tree.leaves[name].f_get_range(copy=False)
        parameter = leaves[name]
        parameter.f_unlock()
        parameter._shrink()
        parameter._explore(values)
        if isinstance(parameter, Parameter):
            keeps = getattr(stored._tree.leaves[name], "_keeps_entry_items", False)
            parameter._keeps_entry_items |= keeps
        traj._register_explored(name, parameter)
    for name, leaf in stored._tree.leaves.items():
        twin = leaves.get(name)
        if twin is not None and leaf._branch != "config":
            put(twin, "_stored", True)
    if not any(points.values()):
        return
    length = len(traj)
    try:
        _append(traj, points)
        storage_service_of(traj).store(
            constants.PREPARE_MERGE,
            traj,
            trajectory_name=traj._name,
            changed_parameters=list(points),
            old_length=length,
        )
    except BaseException:
        retract_runs(traj, length)
        raise


def _append(traj: Any, points: Mapping[str, list[Any]]) -> None:
    for name, values in points.items():
        parameter = traj._tree.leaves[name]
        parameter.f_unlock()
        parameter._expand(values)
    traj._runs.expand(len(traj) + len(next(iter(points.values()))))


def replace_added_runs(traj: Any, length: int, points: Mapping[str, list[Any]]) -> None:
    """Let the runs from ``length`` on, which did not start, be those of other points."""
    retract_runs(traj, length)
    if any(points.values()):
        _append(traj, points)


def retract_runs(traj: Any, length: int) -> None:
    """Take back the runs from ``length`` on, which did not start, in memory."""
    for name, parameter in traj._explored.items():
        traj._truncate(name, parameter, length)
    if len(traj) > length:
        traj._runs.truncate(length)
