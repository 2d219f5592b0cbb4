"""Copying stored leaves from trajectory to trajectory by HDF5 itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from h5py import h5a, h5g, h5o

from pypet.records import PutNode, StoreRequest
from pypet.services.backend import RecordBackend
from pypet.services.transfer import NodeCopy
from pypet.storage_backends.hdf5.compression.filter_plugins import make_all_available
from pypet.storage_backends.hdf5.encoding.attribute_reading import read_flag
from pypet.storage_backends.hdf5.encoding.layout import IS_LEAF
from pypet.storage_backends.hdf5.objects.groups import has_child, is_link
from pypet.storage_backends.hdf5.trajectories.listing import cache_of

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.service.progress import Progress
    from pypet.storage_backends.hdf5.service.service import HDF5StorageService
    from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache


class HDF5NodeCopy(NodeCopy):
    """Copies leaves with all they hold in one call each; groups go record by record.

    Both services keep their files open meanwhile.
    """

    service: HDF5StorageService

    def __init__(self, service: HDF5StorageService, trajectory: str, progress: Progress) -> None:
        super().__init__(service, trajectory)
        self._progress = progress

    def write(self, source: RecordBackend, trajectory: str, names: Mapping[str, str]) -> None:
        """Copy nodes to their new names."""
        old_cache = _open_cache(source, trajectory)
        new_cache = _open_cache(self.service, self.trajectory)
        others = {}
        leaves = []
        for old, new in names.items():
            location, _, name = old.rpartition(".")
            parent = old_cache.group(location)
            raw = name.encode("utf8")
            if parent is None or not has_child(parent, raw) or is_link(parent, raw):
                others[old] = new  # reported as missing when it is read
            elif _is_leaf(h5g.open(parent, raw)):
                leaves.append((old, parent, raw, new))
            else:
                others[old] = new
        if others:
            super().write(source, trajectory, others)
            self._progress.count(len(others))
        make_all_available()  # HDF5 unpacks rows of any length to copy them
        for old, parent, raw, new in leaves:
            h5o.copy(parent, raw, *self._place(new_cache, new))
            self.copied_leaves.append(old)
            self._progress.count()

    def _place(self, cache: TrajectoryCache, path: str) -> tuple[h5g.GroupID, bytes]:
        """Return open parent and raw name of a new node, making the parents that are missing."""
        location, _, name = path.rpartition(".")
        parent = cache.group(location)
        if parent is None:
            put = PutNode(location, False, None, "", {}, ())
            self.service.apply(StoreRequest(self.trajectory, (put,)))
            parent = cache.group(location)
            assert parent is not None
        return parent, name.encode("utf8")

    def _is_there(self, path: str) -> bool:
        known = self._exists.get(path)
        if known is None:
            cache = _open_cache(self.service, self.trajectory)
            location, _, name = path.rpartition(".")
            parent = cache.group(location)
            known = parent is not None and has_child(parent, name.encode("utf8"))
            self._exists[path] = known
        return known


def _is_leaf(group: Any) -> bool:
    return bool(h5a.exists(group, IS_LEAF)) and read_flag(group, IS_LEAF)


def _open_cache(service: Any, trajectory: str) -> TrajectoryCache:
    cache: TrajectoryCache = cache_of(service._file, trajectory)
    return cache
