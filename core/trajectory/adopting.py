"""Going on with a stored trajectory in one that was set up anew, as a script does each time."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pypet import pypetconstants as constants
from pypet.errors import (
    DataNotInStorageError,
    ExistingTrajectoryError,
    NoSuchServiceError,
    StorageFormatError,
)
from pypet.leaves.parameter import Parameter
from pypet.services.backend import RecordBackend
from pypet.support.comparisons import nested_equal
from pypet.trajectory.loader import load_trajectory
from pypet.trajectory.point_matching import Point, equal_values
from pypet.tree.node import NO_RUN_BRANCH, put
from pypet.tree.storing import service_of

DIFFERENCES_SHOWN = 10
"""How many parameters are named that differ."""
BRANCHES = ("parameters", "derived_parameters", "results")
"""What an experiment is made of; everything has config data."""


def find_stored(traj: Any) -> Any:
    """Return the stored trajectory of the name of ``traj``, None if there is none yet.

    It knows its runs, and has no nodes in memory.

    Raises
    ------
    NoSuchServiceError
        The storage service does not say which trajectories it has.
    StorageFormatError
        What is stored cannot be read.
    """
    service = service_of(traj._tree)
    if not getattr(service, "keeps_data", True) or traj._name not in _names(service):
        return None
    return _load_bare(traj)


def _load_bare(traj: Any) -> Any:
    return load_trajectory(
        name=traj._name,
        load_data=constants.LOAD_NOTHING,
        dynamic_imports=traj._dynamic_imports,
        wildcard_functions=dict(traj._tree.wildcards.functions),
        storage_service=service_of(traj._tree),
    )


def load_parameters(stored: Any, traj: Any) -> None:
    """Load all parameters of a stored trajectory, and the derived ones that ``traj`` has."""
    load_if_stored(stored, "parameters", constants.LOAD_DATA)
    derived = [name for name in traj._tree.leaves if name.startswith("derived_parameters.")]
    for name in {*derived, *stored._explored}:
        if name not in stored._tree.leaves:
            load_if_stored(stored, name, constants.LOAD_DATA)
    forget_runs_without_values(stored)


def _names(service: Any) -> list[str]:
    names_of = getattr(service, "trajectory_names", None)
    if names_of is None:
        raise NoSuchServiceError(
            f"{service!r} does not say which trajectories it has: it needs a method "
            "`trajectory_names` for `on_existing`. Without, load the trajectory and give it to "
            "the environment."
        )
    try:
        names: list[str] = names_of()
    except StorageFormatError:
        raise
    except ValueError:  # nothing was ever stored there
        return []
    return names


def load_if_stored(traj: Any, path: str, load_data: int) -> bool:
    """Load what is stored at a path, and below it; return whether there is anything."""
    try:
        traj.f_load_child(path, recursive=True, load_data=load_data)
    except DataNotInStorageError:
        return False
    return True


def is_blank(stored: Any) -> bool:
    """Say whether nothing is stored but the name: the first start ended before its first run."""
    if stored._runs.any_completed() or stored._tree.leaves.keys() - _config_names(stored):
        return False
    return not any(load_if_stored(stored, branch, constants.LOAD_SKELETON) for branch in BRANCHES)


def _config_names(traj: Any) -> set[str]:
    return {name for name, leaf in traj._tree.leaves.items() if leaf._branch == "config"}


def delete_stored(traj: Any) -> None:
    """Delete the stored trajectory of the name of ``traj``.

    Raises
    ------
    ExistingTrajectoryError
        The storage service cannot do so.
    """
    service = service_of(traj._tree)
    if not isinstance(service, RecordBackend):
        raise ExistingTrajectoryError(
            f"Trajectory {traj._name!r} is in {service!r}, but without parameters: an earlier "
            "start ended before it had stored them. Delete it there, or choose another name."
        )
    service.delete_trajectory(traj._name)


# ----- comparing -----------------------------------------------------------------------------


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
        elif (mine or other)._branch == "parameters":
            if mine is None:
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
        yield (
            f"{name}: explored, but its values are not stored, since an experiment was killed "
            "when it stored them"
        )
    else:
        default, former = own.f_get_default(), other.f_get_default()
        if not own._values_of_same_type(default, former):
            kinds = type(former).__name__, type(default).__name__
            yield "{}: stored values are of type {}, now of type {}".format(name, *kinds)


def _has_whole_range(parameter: Any, traj: Any) -> bool:
    return bool(parameter.f_has_range() and parameter.f_get_range_length() == len(traj))


def forget_runs_without_values(stored: Any) -> None:
    """Take back runs of which only the number was stored when an experiment was killed."""
    ranges = [leaf for leaf in stored._explored.values() if leaf is not None and leaf.f_has_range()]
    length = min((leaf.f_get_range_length() for leaf in ranges), default=len(stored))
    if length < len(stored) and not any(map(stored._runs.completed, range(length, len(stored)))):
        stored._runs.shrink(length)


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


# ----- points --------------------------------------------------------------------------------


def points_of(traj: Any, names: Sequence[str], first: int = 0) -> list[Point]:
    """Return the points of all runs from ``first`` on, with the values of these parameters."""
    leaves = traj._tree.leaves
    ranges = [leaves[name].f_get_range(copy=False)[first:] for name in names]
    return list(zip(*ranges, strict=True)) if names else [()] * (len(traj) - first)


# ----- taking over ---------------------------------------------------------------------------


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
        traj._runs.shrink(len(stored))
    leaves = traj._tree.leaves
    for name in stored._explored:
        values = stored._tree.leaves[name].f_get_range(copy=False)
        parameter = leaves[name]
        parameter.f_unlock()
        parameter._shrink()
        parameter._explore(values)
        if isinstance(parameter, Parameter):
            parameter._keeps_entry_items |= stored._tree.leaves[name]._keeps_entry_items
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
        service_of(traj._tree).store(
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
        traj._runs.shrink(length)


# ----- nodes ---------------------------------------------------------------------------------


def load_nodes_of_runs(traj: Any) -> list[str]:
    """Load the nodes of runs that are stored, without data; return the full names of new ones."""
    tree = traj._tree
    before = {*tree.leaves, *tree.groups}
    traj.f_load(
        traj._name,
        load_parameters=constants.LOAD_NOTHING,
        load_derived_parameters=constants.LOAD_SKELETON,
        load_results=constants.LOAD_SKELETON,
        load_other_data=constants.LOAD_SKELETON,
        with_meta_data=False,
        on_error="skip",
    )
    # Scripts that are started again add the others again.
    added = [name for name in {*tree.leaves, *tree.groups} - before if name]
    remove_nodes(traj, [name for name in added if tree.get_node(name)._run_branch == NO_RUN_BRANCH])
    return [name for name in added if tree.get_node(name) is not None]


def remove_nodes(traj: Any, names: Sequence[str]) -> None:
    """Remove leaves without data, and then groups without children, from memory."""
    for name in sorted(names, key=lambda name: -name.count(".")):
        node = traj._tree.get_node(name)
        if node is None:
            continue
        if node.f_is_empty() if node._is_leaf else not node.f_has_children():
            traj.f_remove_item(node)


def differing_results(traj: Any) -> list[str]:
    """Return full names of results that belong to no run, are new and are stored with other data.

    Storing them changes nothing: what is stored stays.
    """
    new = [
        leaf
        for leaf in traj._tree.leaves.values()
        if leaf._branch == "results" and not leaf._stored and leaf._run_branch == NO_RUN_BRANCH
    ]
    if not new:
        return []
    stored = _load_bare(traj)
    names = []
    for leaf in new:
        if not load_if_stored(stored, leaf._full_name, constants.LOAD_DATA):
            continue
        twin = stored._tree.leaves.get(leaf._full_name)
        if twin is None or not nested_equal(_data(leaf), _data(twin)):
            names.append(leaf._full_name)
    return names


def _data(result: Any) -> Mapping[str, Any]:
    held: Mapping[str, Any] = {}
    if hasattr(result, "f_to_dict"):
        held = result.f_to_dict(copy=False)
    elif not result.f_is_empty():
        held = result._store()
    return held
