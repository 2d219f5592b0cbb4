"""Finding the stored trajectory of a name, and loading what is compared of it."""

from __future__ import annotations

from typing import Any

from pypet import pypetconstants as constants
from pypet.errors import (
    DataNotInStorageError,
    ExistingTrajectoryError,
    NoSuchServiceError,
    StorageFormatError,
)
from pypet.services.backend import RecordBackend
from pypet.trajectory.loader import load_trajectory
from pypet.tree.storage import storage_service_of

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
    service = storage_service_of(traj)
    if not getattr(service, "keeps_data", True) or traj._name not in _names(service):
        return None
    return load_bare(traj)


def load_bare(traj: Any) -> Any:
    return load_trajectory(
        name=traj._name,
        load_data=constants.LOAD_NOTHING,
        dynamic_imports=traj._dynamic_imports,
        wildcard_functions=dict(traj._tree.wildcards.functions),
        storage_service=storage_service_of(traj),
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


def forget_runs_without_values(stored: Any) -> None:
    """Take back runs of which only the number was stored when an experiment was killed."""
    ranges = [leaf for leaf in stored._explored.values() if leaf is not None and leaf.f_has_range()]
    length = min((leaf.f_get_range_length() for leaf in ranges), default=len(stored))
    if length < len(stored) and not any(map(stored._runs.completed, range(length, len(stored)))):
        stored._runs.truncate(length)


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
    service = storage_service_of(traj)
    if not isinstance(service, RecordBackend):
        raise ExistingTrajectoryError(
            f"Trajectory {traj._name!r} is in {service!r}, but without parameters: an earlier "
            "start ended before it had stored them. Delete it there, or choose another name."
        )
    service.delete_trajectory(traj._name)
