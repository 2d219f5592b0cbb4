"""Whole trajectories: copying them into another file, and deleting them."""

from __future__ import annotations

from h5py import h5g, h5o

from pypet.storage_backends.hdf5.compression.filter_plugins import make_all_available
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import has_child, hdf5_path, remove


def copy_trajectory(source: OpenFile, target: OpenFile, trajectory: str) -> None:
    """Copy the group of a trajectory as it is.

    Links keep their absolute targets, which fit because the name stays.

    Raises
    ------
    ValueError
        The target has a trajectory of this name.
    """
    name = trajectory.encode()
    if has_child(h5g.open(target.id, b"/"), name):
        raise ValueError(
            f"There is a trajectory {trajectory!r} in {target.path} already; nothing was copied. "
            "Remove it or choose another file."
        )
    make_all_available()  # HDF5 unpacks rows of any length to copy them
    source.flush()
    try:
        h5o.copy(source.id, name, target.id, name)
    except BaseException:
        remove(target.id, hdf5_path(trajectory, ""))
        raise


def delete_trajectory(file: OpenFile, trajectory: str) -> None:
    """Delete the group of a trajectory; the file keeps its size."""
    cache = file.caches.pop(trajectory, None)
    if cache is not None:
        cache.forget_handles()
    remove(file.id, hdf5_path(trajectory, ""))
