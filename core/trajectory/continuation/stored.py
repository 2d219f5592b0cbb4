"""The stored trajectory of the same name: finding it, loading parts of it, deleting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import (
    DataNotInStorageError,
    ExistingTrajectoryError,
    NoSuchServiceError,
    StorageFormatError,
)
from pypet.interfaces import StorageService
from pypet.runs import run_table_of
from pypet.services.backend import RecordBackend
from pypet.support.comparisons import nested_equal
from pypet.trajectory.loader import load_trajectory
from pypet.tree.node import NO_RUN_BRANCH
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

BRANCHES = ("parameters", "derived_parameters", "results")
"""Branches with data of an experiment; all trajectories have config data."""


def find_stored(traj: Trajectory) -> Any:
    """Return the stored trajectory with the name of ``traj``, None if there is none yet.

    Its runs are loaded, its nodes are not.

    Raises
    ------
    NoSuchServiceError
        The storage service cannot list its trajectories.
    StorageFormatError
        What is stored cannot be read.
    """
    service = storage_service_of(traj)
    if not service.keeps_data or traj.v_name not in _names(service):
        return None
    return _load_without_nodes(traj)


def _load_without_nodes(traj: Trajectory) -> Any:
    return load_trajectory(
        name=traj.v_name,
        load_data=constants.LOAD_NOTHING,
        dynamic_imports=traj._dynamic_imports,
        wildcard_functions=dict[Any, Any](tree_of(traj).wildcards.functions),
        storage_service=storage_service_of(traj),
    )


def load_parameters(stored: Trajectory, traj: Trajectory) -> None:
    """Load all parameters of a stored trajectory, and the derived ones that ``traj`` has."""
    load_if_stored(stored, "parameters", constants.LOAD_DATA)
    derived = [name for name in tree_of(traj).leaves if name.startswith("derived_parameters.")]
    for name in {*derived, *stored.f_get_explored_parameters(copy=False)}:
        if name not in tree_of(stored).leaves:
            load_if_stored(stored, name, constants.LOAD_DATA)
    match_runs_with_values(stored)


def _names(service: StorageService) -> list[str]:
    try:
        names = service.trajectory_names()
    except StorageFormatError:
        raise
    except ValueError:  # nothing was ever stored there
        return []
    if names is None:
        raise NoSuchServiceError(
            f"{service!r} cannot list its trajectories: `on_existing` needs its method "
            "`trajectory_names`. Without it, load the trajectory and give it to the environment."
        )
    return names


def load_if_stored(traj: Trajectory, path: str, load_data: int) -> bool:
    """Load the node at a path and all below it; return whether it is stored."""
    try:
        traj.f_load_child(path, recursive=True, load_data=load_data)
    except DataNotInStorageError:
        return False
    return True


def match_runs_with_values(stored: Trajectory) -> None:
    """Let there be as many runs as explored values, which a process that was killed may prevent.

    Runs without values are removed, unless they are completed. Values without a run are those of
    runs that were added last: these have not started. What only some parameters have is removed.
    """
    runs = run_table_of(stored)
    explored = stored.f_get_explored_parameters(copy=False)
    ranges = {
        name: leaf for name, leaf in explored.items() if leaf is not None and leaf.f_has_range()
    }
    if not ranges or not runs.knows_all:
        return
    length = min(leaf.f_get_range_length() for leaf in ranges.values())
    if length < len(runs) and not any(map(runs.completed, range(length, len(runs)))):
        runs.truncate(length)
    elif length > len(runs):
        runs.expand(length)
    for name, leaf in ranges.items():
        if leaf.f_get_range_length() > len(runs):
            stored._truncate(name, leaf, len(runs))


def is_blank(stored: Trajectory) -> bool:
    """Return whether only the name is stored: an earlier start ended before its first run."""
    if run_table_of(stored).any_completed():
        return False
    if any(leaf.v_branch != "config" for leaf in tree_of(stored).leaves.values()):
        return False
    return not any(load_if_stored(stored, branch, constants.LOAD_SKELETON) for branch in BRANCHES)


def delete_stored(traj: Trajectory) -> None:
    """Delete the stored trajectory with the name of ``traj``.

    Raises
    ------
    ExistingTrajectoryError
        The storage service cannot delete trajectories.
    """
    service = storage_service_of(traj)
    if not isinstance(service, RecordBackend):
        raise ExistingTrajectoryError(
            f"Trajectory {traj.v_name!r} is in {service!r}, but without parameters: an earlier "
            "start ended before it had stored them. Delete it there, or choose another name."
        )
    service.delete_trajectory(traj.v_name)


# ----- nodes -----------------------------------------------------------------------------


def load_nodes_of_runs(traj: Trajectory) -> list[str]:
    """Load the nodes of runs that are stored, without data; return the full names of new ones."""
    tree = tree_of(traj)
    before, links = {*tree.leaves, *tree.groups}, _links(tree)
    traj.f_load(
        traj.v_name,
        load_parameters=constants.LOAD_NOTHING,
        load_derived_parameters=constants.LOAD_SKELETON,
        load_results=constants.LOAD_SKELETON,
        load_other_data=constants.LOAD_SKELETON,
        with_meta_data=False,
        on_error="skip",
    )
    # The script adds all other links again, and a link that exists would be an error.
    for location, name in _links(tree) - links:
        group = tree.groups[location]
        if group.v_run_branch == NO_RUN_BRANCH:
            group.f_remove_link(name)
    added = [name for name in {*tree.leaves, *tree.groups} - before if name]
    remove_nodes(
        traj, [name for name in added if tree.get_node(name).v_run_branch == NO_RUN_BRANCH]
    )
    return [name for name in added if tree.get_node(name) is not None]


def _links(tree: Any) -> set[tuple[str, str]]:
    return {
        (location, name)
        for location, group in tree.groups.items()
        for name in group.f_get_links(copy=False)
    }


def remove_nodes(traj: Trajectory, names: Sequence[str]) -> None:
    """Remove leaves without data, and then groups without children, from memory."""
    for name in sorted(names, key=lambda name: -name.count(".")):
        node = tree_of(traj).get_node(name)
        if node is None:
            continue
        if node.f_is_empty() if node.v_is_leaf else not node.f_has_children():
            traj.f_remove_item(node)


def differing_results(traj: Trajectory) -> list[str]:
    """Return full names of new results outside of runs that are stored with other data already.

    Storing such a result has no effect. A result that cannot be loaded counts as different.
    """
    new = [
        leaf
        for leaf in tree_of(traj).leaves.values()
        if leaf.v_branch == "results" and not leaf.v_stored and leaf.v_run_branch == NO_RUN_BRANCH
    ]
    if not new:
        return []
    stored = _load_without_nodes(traj)
    names = []
    for leaf in new:
        name = leaf.v_full_name
        try:
            if not load_if_stored(stored, name, constants.LOAD_DATA):
                continue
            is_same = nested_equal(_data(leaf), _data(tree_of(stored).leaves[name]))
        except Exception:  # its class is unknown, it is damaged, or a group now
            is_same = False
        if not is_same:
            names.append(name)
    return names


def _data(result: Any) -> Mapping[str, Any]:
    held: Mapping[str, Any] = {}
    if hasattr(result, "f_to_dict"):
        held = result.f_to_dict(copy=False)
    elif not result.f_is_empty():
        held = result._store()
    return held
