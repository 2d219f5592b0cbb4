"""Removing trajectories, nodes, items and links."""

from __future__ import annotations

import logging

from h5py import h5g

from pypet.errors import DataNotInStorageError
from pypet.records import DeleteItems, DeleteLink, DeleteNode
from pypet.storage_backends.hdf5.encoding.attributes import attribute_names, read_flag
from pypet.storage_backends.hdf5.encoding.layout import IS_LEAF
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.nodes.item_writing import opened_nested_group
from pypet.storage_backends.hdf5.objects.groups import (
    child_names,
    has_child,
    hdf5_path,
    is_link,
    remove,
)
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache

logger = logging.getLogger(__name__)


def delete_trajectory(file: OpenFile, trajectory: str) -> None:
    """Delete the group of a trajectory; the file keeps its size."""
    cache = file.trajectory_caches.pop(trajectory, None)
    if cache is not None:
        cache.forget_handles()
    remove(file.id, hdf5_path(trajectory, ""))


def delete_node(cache: TrajectoryCache, operation: DeleteNode) -> None:
    """Remove a node with everything below it.

    Raises
    ------
    DataNotInStorageError
        There is no such node.
    TypeError
        It has children and that is not asked for.
    """
    path = operation.path
    parent, name = _place(cache, path)
    if is_link(parent, name):
        raise DataNotInStorageError(f"{path!r} is stored, but it is a link and no node.")
    group = h5g.open(parent, name)
    if not operation.recursive and not is_leaf(group):
        children, links = child_names(group)
        if children or links:
            raise TypeError(
                f"{path!r} has children in the storage; delete it with `recursive=True`."
            )
    cache.forget(path)
    parent.unlink(name)


def delete_items(cache: TrajectoryCache, operation: DeleteItems) -> None:
    """Remove single items of a leaf; names may have dots, missing ones are reported in the log.

    Raises
    ------
    DataNotInStorageError
        There is no such leaf.
    """
    leaf = cache.group(operation.path)
    if leaf is None:
        raise _missing(cache, operation.path)
    for item in operation.names:
        if not _delete_item(leaf, item.split(".")):
            logger.warning("%s has no stored item %r to delete.", operation.path, item)


def _delete_item(group: h5g.GroupID, names: list[str]) -> bool:
    raw = names[0].encode("utf8")
    if not has_child(group, raw):
        return False
    if len(names) == 1:
        group.unlink(raw)
        return True
    nested = opened_nested_group(group, raw)
    if nested is None or not _delete_item(nested, names[1:]):
        return False
    if not nested.get_num_objs():
        group.unlink(raw)
    return True


def delete_link(cache: TrajectoryCache, operation: DeleteLink) -> None:
    """Remove a link, not its target.

    Raises
    ------
    DataNotInStorageError
        There is no such link.
    """
    parent, name = _place(cache, operation.path)
    if not is_link(parent, name):
        raise DataNotInStorageError(f"{operation.path!r} is stored, but it is not a link.")
    parent.unlink(name)


def is_leaf(group: h5g.GroupID) -> bool:
    """Return whether the group is that of a leaf."""
    return IS_LEAF in attribute_names(group) and read_flag(group, IS_LEAF)


def _place(cache: TrajectoryCache, path: str) -> tuple[h5g.GroupID, bytes]:
    location, _, name = path.rpartition(".")
    parent = cache.group(location)
    raw = name.encode("utf8")
    if parent is None or not has_child(parent, raw):
        raise _missing(cache, path)
    return parent, raw


def _missing(cache: TrajectoryCache, path: str) -> DataNotInStorageError:
    return DataNotInStorageError(
        f"There is no stored node {path!r} of trajectory {cache.name!r} in {cache.file.path}."
    )
