"""The trajectories of an open file."""

from __future__ import annotations

from h5py import h5g, h5o

from pypet.storage_backends.hdf5.files.damage import damage_told
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
    """Return the names of all trajectories in alphabetical order; other groups are left out.

    A group that cannot be opened counts as a trajectory, so that loading it says what is wrong.

    Raises
    ------
    StorageFormatError
        The file is damaged where it lists them.
    """
    with damage_told(file.path, lambda: "The list of trajectories"):
        children, _ = child_names(file.id)
        return [name.decode("utf8", "replace") for name in children if _may_be_one(file, name)]


def _may_be_one(file: OpenFile, name: bytes) -> bool:
    try:
        group = h5g.open(file.id, name)
    except (KeyError, OSError, RuntimeError):
        return True
    except ValueError:  # somebody's dataset, or a group that is damaged
        return _is_unreadable(file, name)
    try:
        return has_child(group, b"overview")
    except (KeyError, OSError, RuntimeError):
        return True


def _is_unreadable(file: OpenFile, name: bytes) -> bool:
    try:
        return bool(h5o.get_info(h5o.open(file.id, name)).type == h5o.TYPE_GROUP)
    except (KeyError, OSError, RuntimeError, ValueError):
        return True


def unknown_trajectory(file: OpenFile, trajectory: str) -> ValueError:
    """Return the error about a trajectory that is not in the file."""
    names = ", ".join(map(repr, trajectory_names(file))) or "none"
    return ValueError(
        f"There is no trajectory {trajectory!r} in {file.path}; there are: {names}. A new one has "
        "to be stored first, at least with `f_store(only_init=True)`."
    )
