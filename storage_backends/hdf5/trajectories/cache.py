"""The trajectories of an open file, and what is cached about each of them."""

from __future__ import annotations

from h5py import h5g, h5o

from pypet import pypetconstants as constants
from pypet.storage_backends.hdf5.files.damage import damage_reported
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import child_names, has_child, hdf5_path, is_link
from pypet.storage_backends.hdf5.settings.settings import SUMMARIES
from pypet.storage_backends.hdf5.trajectories.overview_tables import OverviewTable
from pypet.storage_backends.hdf5.trajectories.summaries import Summary

MOST_GROUPS = 512
"""Upper limit of cached open groups."""


class TrajectoryCache:
    """Open groups, overview tables and known comments of one trajectory.

    Used by the one process that has the file open. Everything in it can be read from the file
    again.
    """

    def __init__(self, file: OpenFile, name: str) -> None:
        self.file = file
        self.name = name
        self.groups: dict[str, h5g.GroupID] = {}
        """Open groups by full name; '' is the trajectory itself."""
        self.is_writable = False
        """Whether it was checked that rows can be added to the overview tables."""
        self._tables: dict[str, OverviewTable] = {}
        self._summaries: dict[str, Summary] = {}

    # ----- groups --------------------------------------------------------------------------

    def exists(self) -> bool:
        """Return whether the file has the trajectory."""
        return "" in self.groups or self.group("") is not None

    def group(self, path: str) -> h5g.GroupID | None:
        """Return the group of the node at ``path``, None if there is none or it is a link."""
        group = self.groups.get(path)
        if group is not None:
            return group
        if path:
            parent_path, _, name = path.rpartition(".")
            parent = self.group(parent_path)
        else:
            parent, name = self.file.id, self.name
        raw = name.encode("utf8")
        if parent is None or not has_child(parent, raw) or is_link(parent, raw):
            return None
        return self.remember(path, h5g.open(parent, raw))

    def remember(self, path: str, group: h5g.GroupID) -> h5g.GroupID:
        """Cache a group that was opened or created."""
        if len(self.groups) >= MOST_GROUPS:
            root = self.groups.get("")
            self.groups.clear()
            if root is not None:
                self.groups[""] = root
        self.groups[path] = group
        return group

    def forget(self, path: str) -> None:
        """Drop the groups at and below ``path``, which will be removed from the file."""
        below = path + "."
        for known in [key for key in self.groups if key == path or key.startswith(below)]:
            del self.groups[known]

    def hdf5_path(self, path: str) -> bytes:
        """Return the absolute path in the file of the node at ``path``."""
        return hdf5_path(self.name, path)

    # ----- tables --------------------------------------------------------------------------

    def table(self, name: str) -> OverviewTable:
        """Return one of the overview tables, whether or not the file has it."""
        table = self._tables.get(name)
        if table is None:
            cap = constants.HDF5_MAX_OVERVIEW_TABLE_LENGTH
            table = self._tables[name] = OverviewTable(self, name, cap)
        return table

    def summary(self, branch: str) -> Summary:
        """Return the comments of a branch, one of `leaf_tables.SUMMARIES`."""
        summary = self._summaries.get(branch)
        if summary is None:
            summary = Summary(self, self.file.file_cache, self.name, SUMMARIES[branch])
            self._summaries[branch] = summary
        return summary

    # ----- the end -------------------------------------------------------------------------

    def write_pending(self) -> None:
        """Write the pending rows of all tables."""
        for table in self._tables.values():
            table.write_pending()
        for summary in self._summaries.values():
            summary.write_pending()

    def forget_tables(self) -> None:
        """Drop what is known about tables, which may have been recreated."""
        self.write_pending()
        self._tables.clear()
        self._forget_summaries()

    def forget_handles(self) -> None:
        """Drop everything that is open in the file."""
        self.groups.clear()

    def end(self) -> None:
        """Save what is useful if the file, which is being closed, is opened again."""
        self._forget_summaries()

    def _forget_summaries(self) -> None:
        for summary in self._summaries.values():
            summary.remember()
        self._summaries.clear()


def cache_of(file: OpenFile, trajectory: str) -> TrajectoryCache:
    """Return the cache of a trajectory of an open file."""
    cache = file.trajectory_caches.get(trajectory)
    if not isinstance(cache, TrajectoryCache):  # None on first use
        cache = file.trajectory_caches[trajectory] = TrajectoryCache(file, trajectory)
    return cache


def trajectory_names(file: OpenFile) -> list[str]:
    """Return the names of all trajectories in alphabetical order; other groups are left out.

    A group that cannot be opened counts as a trajectory, so that loading it raises the error.

    Raises
    ------
    StorageFormatError
        The list of trajectories is damaged.
    """
    with damage_reported(file.path, lambda: "The list of trajectories"):
        children, _ = child_names(file.id)
        return [name.decode("utf8", "replace") for name in children if _may_be_one(file, name)]


def _may_be_one(file: OpenFile, name: bytes) -> bool:
    try:
        group = h5g.open(file.id, name)
    except (KeyError, OSError, RuntimeError):
        return True
    except ValueError:  # a dataset of another program, or a damaged group
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
