"""How many bytes a file needs for what is new in it."""

from __future__ import annotations

from collections.abc import Iterable

from h5py import h5d, h5g

from pypet.records import Operation, PutNode
from pypet.storage_backends.hdf5.files.needs import RUN_BYTES, Need, need_of
from pypet.storage_backends.hdf5.objects.groups import has_child
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache


def need_of_new(cache: TrajectoryCache, operations: Iterable[Operation]) -> Need:
    """Return how much operations add at most to what the trajectory has already and keeps.

    The margin takes the length of the run table into account. This takes some calls to HDF5 for
    each node.
    """
    new = (_without_old(cache, each) if type(each) is PutNode else each for each in operations)
    need = need_of(each for each in new if each is not None)
    if not need.margin:
        return need
    return need._replace(margin=max(need.margin, RUN_BYTES * _count_runs(cache)))


def _without_old(cache: TrajectoryCache, node: PutNode) -> PutNode | None:
    """Return what a node adds to the file, None if that is nothing."""
    group = cache.group(node.path)
    if group is None or node.overwrite is True:
        return node
    chosen = node.overwrite or frozenset()
    items = tuple(
        item
        for item in node.items
        if item.name in chosen or "append" in node.options or not _has_item(group, item.name)
    )
    return node._replace(items=items) if items else None


def _has_item(group: h5g.GroupID, name: str) -> bool:
    """Return whether a leaf has an item, whose name may have dots."""
    path = b""
    for part in name.encode("utf8").split(b"."):
        path = path + b"/" + part if path else part
        if not has_child(group, path):
            return False
    return True


def _count_runs(cache: TrajectoryCache) -> int:
    overview = cache.group("overview")
    if overview is None or not has_child(overview, b"runs"):
        return 0
    return int(h5d.open(overview, b"runs").shape[0])
