"""Merging the trajectories in the files of a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pypet.services.storage_choice import service_of_file
from pypet.trajectory.loader import load_trajectory

BACKUP_PREFIX = "backup_"


def merge_all_in_folder(
    folder: str | Path,
    ext: str | None = ".hdf5",
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

    Files are those with the extension ``ext``, or with None all whose extension a storage service
    claims (those that `pypet ls` lists by their names), in the order of their names, without those
    that a backup made. Folders count as files if a storage service claims their extension. The
    last trajectory of a file is the last one in alphabetical order. With ``delete_other_files`` all
    of them but the first are removed at the end. The other arguments are those of
    `pypet.load_trajectory` and `pypet.Trajectory.f_merge_many`.

    Raises
    ------
    ValueError
        There is no such file in the folder.
    """
    files = _files(folder, ext)
    if not files:
        raise ValueError(_nothing_to_merge(folder, ext))
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
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return first


def _files(folder: str | Path, ext: str | None) -> list[Path]:
    """Return the files and folders of storage services in a folder, in the order of their names."""
    return sorted(
        path
        for path in Path(folder).iterdir()
        if (path.suffix == ext if ext is not None else service_of_file(path) is not None)
        and (path.is_file() or (path.is_dir() and service_of_file(path) is not None))
        and not path.name.startswith(BACKUP_PREFIX)
    )


def _nothing_to_merge(folder: str | Path, ext: str | None) -> str:
    """Return an error message, with the extensions that there are instead."""
    wanted = "of any storage service" if ext is None else f"*{ext}"
    text = f"There is no file {wanted} in folder {str(folder)!r} to merge."
    others = sorted({repr(path.suffix) for path in _files(folder, None)})
    if others:
        text += f" There are files of other kinds: give ext={' or '.join(others)}, or None for all."
    return text
