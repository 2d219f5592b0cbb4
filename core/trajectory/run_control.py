"""How environments control a trajectory: who drives it, and its runs from start to end.

These are functions, and not methods of the trajectory, because environments call them, not users.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet.tree.node import put

if TYPE_CHECKING:
    from pypet.trajectory.state import TrajectoryState


def set_owner(trajectory: TrajectoryState, name: str, hexsha: str) -> None:
    """Record name and SHA-1 of the environment that uses a trajectory now."""
    trajectory._environment_name = name
    trajectory._environment_hexsha = hexsha


def is_driven(trajectory: TrajectoryState) -> bool:
    """Return whether an environment drives the runs of a trajectory."""
    return trajectory._run_by_environment


def set_driven(trajectory: TrajectoryState, value: bool) -> None:
    """Set whether an environment drives the runs of a trajectory."""
    trajectory._run_by_environment = value


def enter_run(trajectory: TrajectoryState, idx: int) -> None:
    """Set the trajectory to the known run ``idx``; nothing changes if that fails."""
    name = trajectory._runs.name(idx)
    try:
        for parameter in trajectory._explored.values():
            if parameter is not None:
                parameter._set_parameter_access(idx)
    except BaseException:
        _set_explored(trajectory, trajectory._idx)
        raise
    _set_run(trajectory, idx, name)


def enter_added_run(trajectory: TrajectoryState, idx: int, point: Mapping[str, Any]) -> None:
    """Set the trajectory to a run that was added to it in another process.

    ``point`` has the values of all explored parameters by full name. Where a range here ends before
    the run, it is out of memory afterwards, as in a copy for one run.
    """
    trajectory._runs.admit(idx)
    for name, parameter in trajectory._explored.items():
        if parameter is None:
            continue
        if parameter.f_has_range() and idx < parameter.f_get_range_length():
            parameter._set_parameter_access(idx)
        else:
            parameter._hold_value_of_run(point[name], idx)
    _set_run(trajectory, idx, trajectory._runs.name(idx))


def _set_run(trajectory: TrajectoryState, idx: int, name: str) -> None:
    state = trajectory.__dict__  # half the price of setting attributes, and paid for every run
    state["_idx"] = idx
    state["_run_name"] = name
    generators = state["_generators"]
    if generators:  # those of runs start again; those for no particular run go on
        state["_generators"] = {key: each for key, each in generators.items() if key[0] < 0}


def leave_run(trajectory: TrajectoryState) -> None:
    """Set the trajectory to no particular run."""
    _set_explored(trajectory, -1)
    put(trajectory, "_idx", -1)
    put(trajectory, "_run_name", None)


def _set_explored(trajectory: TrajectoryState, idx: int) -> None:
    for parameter in trajectory._explored.values():
        if parameter is None:
            continue
        if idx < 0:
            parameter._restore_default()
        elif parameter.f_has_range() and idx < parameter.f_get_range_length():
            parameter._set_parameter_access(idx)


def begin_run(trajectory: TrajectoryState, timestamp: float, *, turn_into_run: bool = True) -> None:
    """Record the start of the current run, and behave as during a run."""
    trajectory._runs.start(trajectory._idx, timestamp)
    tree = trajectory._tree
    if tree.new_nodes or tree.new_links:
        tree.forget_new_nodes()
    state = trajectory.__dict__  # half the price of setting attributes, and paid for every run
    state["_run_started"] = True
    state["_is_run"] = turn_into_run
    if state["_calls_in_run"]:
        state["_calls_in_run"] = {}


def end_run(trajectory: TrajectoryState, *, clean_up: bool) -> None:
    """Stop behaving as during a run; remove what it added, or make that ordinary data."""
    state = trajectory.__dict__
    was_run = state["_is_run"]
    state["_run_started"] = state["_is_run"] = False
    tree = trajectory._tree
    if not (tree.new_nodes or tree.new_links):
        return
    if clean_up and was_run:
        tree.remove_new_nodes()
    else:
        tree.forget_new_nodes()


def abandon_run(
    trajectory: TrajectoryState, *, clean_up: bool = True, error: BaseException | None = None
) -> None:
    """End a run that failed: it stays incomplete, with ``error`` as its error if given."""
    if trajectory._run_started or trajectory._is_run:
        if error is not None:
            trajectory._runs.fail(trajectory._idx, error, time.time())
        trajectory._runs.deactivate()
        end_run(trajectory, clean_up=clean_up)
