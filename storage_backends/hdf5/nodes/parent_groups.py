"""The way to single nodes: from group to group, without going it anew for each node."""

from __future__ import annotations

from typing import Any

from h5py import h5g, h5l

from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.objects.own_paths import OwnPaths


class ParentGroups:
    """Opens groups of one trajectory, none of them in another file.

    The groups on the way to the latest one stay open, as long as the file does and this process
    does not write to it: nodes that are read after one another are mostly near each other.
    """

    __slots__ = ("_file", "_generation", "_groups", "_names", "_paths", "_trajectory")

    def __init__(self, file: OpenFile, trajectory: str, paths: OwnPaths) -> None:
        self._file = file
        self._trajectory = trajectory
        self._paths = paths
        self._generation = -1
        self._names: list[str] = []
        self._groups: list[h5g.GroupID] = []
        """The root of the trajectory, then one group for each of the names."""

    def group(self, location: str) -> h5g.GroupID | None:
        """Return the group with this full name, None if there is none in this file."""
        if self._file.writable:
            return self._by_whole_path(location)
        if self._generation != self._file.generation or not self._groups:
            root = self._by_whole_path("")
            if root is None:
                return None
            self._names, self._groups = [], [root]
            self._generation = self._file.generation
        names = location.split(".") if location else []
        known, groups = self._names, self._groups
        same = 0
        for ours, wanted in zip(known, names, strict=False):
            if ours != wanted:
                break
            same += 1
        del known[same:], groups[same + 1 :]
        group = groups[-1]
        for name in names[same:]:
            raw = name.encode("utf8")
            place = link_info(group, raw)
            if place is None:
                return None
            if place.type != h5l.TYPE_HARD:
                return self._by_whole_path(location)
            try:
                group = h5g.open(group, raw)
            except ValueError:
                return None
            known.append(name)
            groups.append(group)
        return group

    def _by_whole_path(self, location: str) -> h5g.GroupID | None:
        path = hdf5_path(self._trajectory, location)
        self._paths.follow(self._file.id)
        if not self._paths.lead_to(path):
            return None
        try:
            return h5g.open(self._file.id, path)
        except ValueError:
            return None


def link_info(group: Any, name: bytes) -> Any:
    """Return what HDF5 knows about a link, None if there is no link of this name."""
    try:
        return group.links.get_info(name)
    except (KeyError, RuntimeError):
        if group.links.exists(name):
            raise
        return None
