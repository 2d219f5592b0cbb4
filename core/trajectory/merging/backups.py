"""Backups of both trajectories before a merge: both are made, or none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pypet.interfaces import StorageService
from pypet.services.backend import RecordBackend
from pypet.tree.typed_groups import attached_service, storage_service_of

_ADVICE = (
    "To merge without automatic backups use `backup=False`; "
    "`f_backup(backup_filename=...)` makes one elsewhere."
)

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory


def back_up(traj: Trajectory, other: Trajectory) -> None:
    """Back up ``other``, if it is stored, and ``traj`` to their default places.

    Raises
    ------
    ValueError
        Both backups would go to the same place, or there is a backup already. Nothing was made.
    """
    stored = [each for each in (other, traj) if each.v_stored]
    places = [_checked_place(each) for each in stored]
    place = places[0]
    if place is not None and place in places[1:]:
        same = "itself" if is_same(traj, other) else "another one of this name"
        raise ValueError(
            f"Trajectory `{traj.v_name}` is to be merged with {same}, so the backups of both would "
            f"go to the same place, {place[0]}. {_ADVICE}"
        )
    for each in stored:
        each.f_backup()


def is_same(traj: Trajectory, other: Trajectory) -> bool:
    """Return whether both are the same stored trajectory."""
    if traj is other:
        return True
    if traj.v_name != other.v_name or not other.v_stored:
        return False
    own, others = attached_service(traj), attached_service(other)
    if own is None or others is None:
        return own is others
    return own == others or (type(own) is type(others) and _file(own) == _file(others) is not None)


def _checked_place(traj: Trajectory) -> tuple[Any, str] | None:
    """Return file and name of the backup to make; None if the service cannot say.

    Raises
    ------
    ValueError
        A trajectory of this name exists there already.
    """
    service = storage_service_of(traj)
    if not isinstance(service, RecordBackend):
        return None
    target = service.backup_service(traj.v_name, None)
    file = _file(target)
    if traj.v_name in _names(target, file):
        raise ValueError(
            f"There is a backup of trajectory `{traj.v_name}` already"
            f"{f' in {file}' if file else ''}; remove it if it is not needed anymore. {_ADVICE}"
        )
    return file or target, traj.v_name


def _names(service: Any, file: str | None) -> list[str]:
    if file is not None and not os.path.exists(file):
        return []
    try:
        return list(service.trajectory_names())
    except ValueError:
        if file is not None:
            raise
        return []  # nothing was stored there yet


def _file(service: StorageService) -> str | None:
    filename = service.filename
    return os.path.realpath(filename) if isinstance(filename, str | os.PathLike) else None
