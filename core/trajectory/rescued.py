"""Rescue files: what an experiment could not store where it should, and bringing it back there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pypet import pypetconstants as constants
from pypet.leaves.parameter import Parameter
from pypet.trajectory.loader import load_trajectory
from pypet.trajectory.trajectory import Trajectory

GROUP = "config.rescue"


def merge_rescued(
    rescue_filename: str | os.PathLike[str],
    filename: str | os.PathLike[str] | None = None,
    *,
    dynamic_imports: Any = None,
) -> Trajectory:
    """Store what a rescue file holds in the file that it is for, and return the trajectory.

    A rescue file is written when the file of an experiment cannot be; the error that ends the
    experiment names it. Everything that the file of the experiment lacks is added to it, nothing
    there is changed but the records of runs and explored ranges that have become longer. Runs
    count as completed if they were when the rescue file was written and their data is found. The
    rescue file stays as it is.

    Parameters
    ----------
    rescue_filename
        The rescue file.
    filename
        Where the file of the experiment, or a copy of it, is now; by default where it was.
    dynamic_imports
        Classes of yours in the trajectory, as for `load_trajectory`.

    Raises
    ------
    ValueError
        One of the files does not exist or is none of these, or they belong to different
        experiments. Nothing was changed.
    OSError, StorageFormatError
        One of the files cannot be opened.
    """
    path = os.path.abspath(os.path.expanduser(os.fspath(rescue_filename)))
    traj: Any = load_trajectory(
        index=-1, filename=path, load_data=constants.LOAD_DATA, dynamic_imports=dynamic_imports
    )
    group = traj._tree.get_node(GROUP)
    if group is None:
        raise ValueError(f"{path!r} is no rescue file; store what it holds with `f_merge`.")
    notes = {leaf.v_name: leaf.f_get() for leaf in group.f_iter_leaves()}
    target = os.path.abspath(os.path.expanduser(os.fspath(filename or notes["filename"])))
    service = traj.v_storage_service.beside(target)
    if service.generation(traj.v_name) != notes["generation"]:
        raise ValueError(
            f"Trajectory {traj.v_name!r} in {target!r} is not the one that {path!r} was rescued "
            "from, or an experiment was started with it since; nothing was changed."
        )
    traj.f_remove_item(group, recursive=True)
    stored = load_trajectory(
        traj.v_name,
        storage_service=service,
        load_data=constants.LOAD_NOTHING,
        dynamic_imports=dynamic_imports,
    )
    traj.v_storage_service = service
    there = runs_with_data(service, traj)
    completed = set(stored._runs.completed_indices().tolist())
    completed.update(there.intersection(notes.get("completed", ())))
    traj._runs.mark_completed(sorted(completed))
    traj._runs.mark_changed()
    traj.f_store()
    if len(stored) != len(traj):
        traj.f_store_items(list(traj._explored), store_data=constants.OVERWRITE_DATA)
    return traj  # type: ignore[no-any-return]


@contextmanager
def note_rescue(traj: Any, service: Any, reason: BaseException) -> Iterator[None]:
    """Note within a ``with`` block, in the trajectory, what it is rescued from.

    ``service`` is the storage service that failed.
    """
    notes: dict[str, tuple[Any, str]] = {
        "filename": (
            str(getattr(service, "filename", service)),
            "Where the rest of it is, or was.",
        ),
        "generation": (
            service.generation(traj.v_name) or "",
            "By which the file is told from others of its name.",
        ),
        "reason": (f"{type(reason).__name__}: {reason}", "Why it was not stored there."),
    }
    finished = traj._runs.completed_indices()
    if len(finished):
        notes["completed"] = finished, "Indices of the runs whose data was stored there."
    former = traj._tree.get_node(GROUP)
    if former is not None:  # of an experiment with a trajectory out of a rescue file
        traj.f_remove_item(former, recursive=True)
    for name, (value, comment) in notes.items():
        path = f"{GROUP}.{name}"
        traj._tree.insert_leaf(path, Parameter(path, value, comment))
    try:
        yield
    finally:
        traj.f_remove_item(traj._tree.get_node(GROUP), recursive=True)


def runs_with_data(service: Any, traj: Any) -> set[int]:
    """Return the indices of the runs of a trajectory of which a service has stored something."""
    stored = load_trajectory(
        traj.v_name,
        storage_service=service,
        load_parameters=constants.LOAD_NOTHING,
        with_run_information=False,
        dynamic_imports=traj._dynamic_imports,
    )
    find = traj._runs.names.find
    found: set[int] = set()
    for leaf in stored._tree.leaves.values():
        for name in leaf.v_full_name.split("."):
            index = find(name)
            if index is not None and 0 <= index < len(traj):
                found.add(index)
    return found
