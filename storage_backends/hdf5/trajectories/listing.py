"""The trajectories of an open file."""

from __future__ import annotations

from h5py import h5g

from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import child_names, has_child
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache


def cache_of(file: OpenFile, trajectory: str) -> TrajectoryCache:
    """Return what is remembered about a trajectory of an open file."""
    cache = file.caches.get(trajectory)
    if not isinstance(cache, TrajectoryCache):  # nothing yet: no others are put there
        cache = file.caches[trajectory] = TrajectoryCache(file, trajectory)
    return cache


def trajectory_names(file: OpenFile) -> list[str]:
    """Return the names of all trajectories in alphabetical order; other groups are left out."""
    names = []
    children, _ = child_names(file.id)
    for name in children:
        try:
            group = h5g.open(file.id, name)
        except ValueError:  # somebody's dataset
            continue
        if has_child(group, b"overview"):
            names.append(name.decode("utf8"))
    return names


def unknown_trajectory(file: OpenFile, trajectory: str) -> ValueError:
    """Return the error about a trajectory that is not in the file."""
    names = ", ".join(map(repr, trajectory_names(file))) or "none"
    return ValueError(
        f"There is no trajectory {trajectory!r} in {file.path}; there are: {names}. A new one has "
        "to be stored first, at least with `f_store(only_init=True)`."
    )
