"""Giving the space back that deleted and replaced data left in a file."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import ExitStack, suppress
from typing import Any

from pypet.storage_backends.hdf5.service.service import HDF5StorageService
from pypet.support.arguments import check_path
from pypet.support.filesystem import absolute_path, sync_folder
from pypet.support.optional import require

logger = logging.getLogger(__name__)


def compact_hdf5_file(
    filename: str | os.PathLike[str],
    name: str | None = None,
    index: int | None = None,
    keep_backup: bool = True,
) -> int:
    """Copy a file without the unused space in it and put the copy in its place.

    Everything is copied, of all trajectories and of others, as it is compressed; ``name`` or
    ``index`` only say which trajectory must be there (by default any). The copy is made beside
    the file as ``<base>_tmp<ext>`` and takes its place in one step when it is complete on the
    disk; if anything fails, the file stays as it was. Needs as much free space as the copy takes.

    ``keep_backup`` keeps the old file, byte by byte, as ``<base>_backup<ext>``.

    Returns
    -------
    int
        0, as the program did that older versions called.

    Raises
    ------
    ValueError
        There is no such file or no such trajectory in it, or both name and index are given.
    OSError
        The file is in use by another process, or the copy cannot be written.
    StorageFormatError
        The file is none of HDF5, or damaged.
    """
    check_path(filename, "filename")
    path = absolute_path(os.path.expanduser(os.fspath(filename)))
    if name is None and index is None:
        index = -1
    if not os.path.isfile(path):
        raise ValueError(f"There is no file {path!r} to compact.")
    HDF5StorageService(filename=path).check_has(name, index)
    base, extension = os.path.splitext(path)
    old_size = os.path.getsize(path)
    with _undisturbed(path):
        _replace(path, f"{base}_tmp{extension}", f"{base}_backup{extension}" if keep_backup else "")
    logger.info("Compacted %s from %d to %d bytes.", path, old_size, os.path.getsize(path))
    return 0


def _undisturbed(path: str) -> Any:
    """Keep services of this process away from the file; they go on with the new one."""
    require("h5py", plugin="hdf5", extra="hdf5")
    from pypet.storage_backends.hdf5.files.registry import closed_meanwhile
    from pypet.storage_backends.hdf5.files.thread_locks import lock_of

    held = ExitStack()
    held.enter_context(lock_of(path))
    held.enter_context(closed_meanwhile(path))
    return held


def _replace(path: str, copy: str, backup: str) -> None:
    from pypet.storage_backends.hdf5.nodes.copying import copy_file

    try:
        copy_file(path, copy)
        shutil.copymode(path, copy)
        _sync(copy)
        if backup:
            _keep(path, backup)
        os.replace(copy, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(copy)
        raise
    sync_folder(os.path.dirname(path))


def _keep(path: str, backup: str) -> None:
    """Give the old file a second name, so that there is a file at every moment."""
    with suppress(FileNotFoundError):
        os.remove(backup)
    try:
        os.link(path, backup)
    except OSError:  # a file system without second names
        shutil.copy2(path, backup)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
