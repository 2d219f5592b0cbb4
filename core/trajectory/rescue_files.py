"""Rescue files: data that could not be stored in the experiment's file, and merging it back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.leaves.parameter import Parameter
from pypet.runs import run_table_of
from pypet.trajectory.loader import load_trajectory
from pypet.trajectory.trajectory import Trajectory
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

GROUP = "config.rescue"


def merge_rescued(
    rescue_filename: str | os.PathLike[str],
    filename: str | os.PathLike[str] | None = None,
    *,
    dynamic_imports: Any = None,
) -> Trajectory:
    """Merge a rescue file into the file of its experiment, and return the trajectory.

    A rescue file is written when the file of an experiment cannot be written; the error that ends
    the experiment names it. Everything that is missing in the file of the experiment is added;
    nothing else changes there but run information and explored ranges that became longer. Runs
    count as completed if they did when the rescue file was written, and their data is found. The
    rescue file is not changed.

    Parameters
    ----------
    rescue_filename
        The rescue file.
    filename
        The file of the experiment, or a copy of it, if it is not where it was.
    dynamic_imports
        User-defined classes in the trajectory, as for `load_trajectory`.

    Raises
    ------
    ValueError
        One of the files does not exist or is of another kind, or they belong to different
        experiments. Nothing was changed.
    OSError, StorageFormatError
        One of the files cannot be opened.
    """
    path = os.path.abspath(os.path.expanduser(os.fspath(rescue_filename)))
    traj: Any = load_trajectory(
        index=-1, filename=path, load_data=constants.LOAD_DATA, dynamic_imports=dynamic_imports
    )
    group = tree_of(traj).get_node(GROUP)
    if group is None:
        raise ValueError(f"{path!r} is not a rescue file; merge it with `f_merge`.")
    metadata = {leaf.v_name: leaf.f_get() for leaf in group.f_iter_leaves()}
    target = os.path.abspath(os.path.expanduser(os.fspath(filename or metadata["filename"])))
    service = traj.v_storage_service.beside(target)
    if service.generation(traj.v_name) != metadata["generation"]:
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
    with_data = runs_with_data(service, traj)
    completed = set(run_table_of(stored).completed_indices().tolist())
    completed.update(with_data.intersection(metadata.get("completed", ())))
    run_table_of(traj).mark_completed(sorted(completed))
    run_table_of(traj).mark_changed()
    traj.f_store()
    if len(stored) != len(traj):
        traj.f_store_items(
            list(traj.f_get_explored_parameters(copy=False)), store_data=constants.OVERWRITE_DATA
        )
    return traj  # type: ignore[no-any-return]


@contextmanager
def rescue_metadata(traj: Trajectory, service: Any, reason: BaseException) -> Iterator[None]:
    """Add metadata about the failed storage ``service`` to the trajectory for a ``with`` block."""
    metadata: dict[str, tuple[Any, str]] = {
        "filename": (
            str(service.filename or service),
            "File of the rest of the trajectory.",
        ),
        "generation": (
            service.generation(traj.v_name) or "",
            "Identifies the file among others of its name.",
        ),
        "reason": (f"{type(reason).__name__}: {reason}", "Reason why it was not stored there."),
    }
    finished = run_table_of(traj).completed_indices()
    if len(finished):
        metadata["completed"] = finished, "Indices of the runs whose data was stored there."
    former = tree_of(traj).get_node(GROUP)
    if former is not None:  # the trajectory was loaded from a rescue file
        traj.f_remove_item(former, recursive=True)
    for name, (value, comment) in metadata.items():
        path = f"{GROUP}.{name}"
        tree_of(traj).insert_leaf(path, Parameter(path, value, comment))
    try:
        yield
    finally:
        traj.f_remove_item(tree_of(traj).get_node(GROUP), recursive=True)


def runs_with_data(service: Any, traj: Trajectory) -> set[int]:
    """Return the indices of the runs of which a storage service has any data."""
    stored = load_trajectory(
        traj.v_name,
        storage_service=service,
        load_parameters=constants.LOAD_NOTHING,
        with_run_information=False,
        dynamic_imports=traj._dynamic_imports,
    )
    find = run_table_of(traj).names.find
    found: set[int] = set()
    for leaf in tree_of(stored).leaves.values():
        for name in leaf.v_full_name.split("."):
            index = find(name)
            if index is not None and 0 <= index < len(traj):
                found.add(index)
    return found
