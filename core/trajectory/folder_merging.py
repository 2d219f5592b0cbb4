"""Merging the trajectories in the files of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pypet.trajectory.loader import load_trajectory

BACKUP_PREFIX = "backup_"


def merge_all_in_folder(
    folder: str | Path,
    ext: str = ".hdf5",
    dynamic_imports: Any = None,
    storage_service: Any = None,
    force: bool = False,
    ignore_data: Any = (),
    move_data: bool = False,
    delete_other_files: bool = False,
    keep_info: bool = True,
    keep_other_trajectory_info: bool = True,
    merge_config: bool = True,
    backup: bool = True,
) -> Any:
    """Merge the last trajectory of every file of a folder into that of the first; return it.

    Files are those with the extension ``ext``, in the order of their names, without those that a
    backup made; their last trajectory is the last one in alphabetical order. With
    ``delete_other_files`` all of them but the first are removed at the end. The other arguments
    are those of `pypet.load_trajectory` and `pypet.Trajectory.f_merge_many`.

    Raises
    ------
    ValueError
        There is no such file in the folder.
    """
    files = sorted(
        path
        for path in Path(folder).iterdir()
        if path.is_file() and path.suffix == ext and not path.name.startswith(BACKUP_PREFIX)
    )
    if not files:
        raise ValueError(f"There is no file *{ext} in folder {str(folder)!r} to merge.")
    choice: dict[str, Any] = {} if storage_service is None else {"storage_service": storage_service}
    first, *others = [
        load_trajectory(
            index=-1,
            load_data=0,
            force=force,
            dynamic_imports=dynamic_imports,
            filename=str(path),
            **choice,
        )
        for path in files
    ]
    first.f_merge_many(
        others,
        ignore_data=ignore_data,
        move_data=move_data,
        delete_other_trajectory=False,
        keep_info=keep_info,
        keep_other_trajectory_info=keep_other_trajectory_info,
        merge_config=merge_config,
        backup=backup,
    )
    if delete_other_files:
        for path in files[1:]:
            path.unlink()
    return first
