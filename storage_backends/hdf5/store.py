"""Applying requests to an open file and reading records from it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from h5py import h5g

from pypet.encoding.unpickling import Unpickling
from pypet.errors import DataNotInStorageError
from pypet.records import (
    DeleteItems,
    DeleteLink,
    DeleteNode,
    PutLink,
    PutMeta,
    PutNode,
    StoreRequest,
)
from pypet.storage_backends.hdf5.conversion import make_tables_writable
from pypet.storage_backends.hdf5.deletion import delete_items, delete_link, delete_node
from pypet.storage_backends.hdf5.filters import packed
from pypet.storage_backends.hdf5.frames import write_frames
from pypet.storage_backends.hdf5.groups import child_names, create_group, has_child
from pypet.storage_backends.hdf5.meta import put_meta
from pypet.storage_backends.hdf5.needs import need_of, need_of_new
from pypet.storage_backends.hdf5.node_writing import NodeWriter
from pypet.storage_backends.hdf5.open_file import OpenFile
from pypet.storage_backends.hdf5.settings import Filters, Settings
from pypet.storage_backends.hdf5.trajectory_cache import TrajectoryCache

logger = logging.getLogger(__name__)

_DELETIONS: dict[type, Callable[[TrajectoryCache, Any], None]] = {
    DeleteNode: delete_node,
    DeleteItems: delete_items,
    DeleteLink: delete_link,
}


def cache_of(file: OpenFile, trajectory: str) -> TrajectoryCache:
    """Return what is remembered about a trajectory of an open file."""
    cache: TrajectoryCache | None = file.caches.get(trajectory)
    if cache is None:
        cache = file.caches[trajectory] = TrajectoryCache(file, trajectory)
    return cache


def apply_request(
    file: OpenFile, request: StoreRequest, settings: Settings, rule: Unpickling
) -> None:
    """Carry out the operations of a request in their order.

    Raises
    ------
    ValueError
        The trajectory is not in the file, and the request does not put it there.
    RefusedPickleError
        Another library would have to load a pickle that ``rule`` forbids.
    OSError
        The disk is full; nothing was changed.
    RuntimeError, TypeError, DataNotInStorageError
        As the single operations say.
    """
    cache = cache_of(file, request.trajectory)
    if not cache.exists() and type(request.operations[0]) is not PutMeta:
        raise unknown_trajectory(file, request.trajectory)
    if not cache.is_writable:
        first = request.operations[0]
        if isinstance(first, PutMeta):
            settings.adopt(first.settings)
        make_tables_writable(cache, settings.filters, rule)
        cache.is_writable = True
    file.ask_for_room(need_of(request.operations), lambda: need_of_new(cache, request.operations))
    writer = NodeWriter(cache, settings)
    nodes: list[PutNode] = []
    try:
        for operation in request.operations:
            kind = type(operation)
            if kind is PutNode:
                nodes.append(operation)  # type: ignore[arg-type]
                continue
            if nodes:
                writer.put(nodes)
                nodes = []
            if kind is PutLink:
                _put_link(cache, operation, settings.filters)  # type: ignore[arg-type]
                continue
            if writer.frames:
                write_frames(file, writer.frames, rule)
            if kind is PutMeta:
                settings.adopt(operation.settings)  # type: ignore[union-attr]
                put_meta(cache, operation, settings)  # type: ignore[arg-type]
                writer = NodeWriter(cache, settings)
            else:
                _delete(cache, operation, replayed=request.replayed)
        if nodes:
            writer.put(nodes)
    finally:
        if writer.frames:
            write_frames(file, writer.frames, rule)


def _delete(cache: TrajectoryCache, operation: Any, *, replayed: bool) -> None:
    try:
        _DELETIONS[type(operation)](cache, operation)
    except (DataNotInStorageError, TypeError) as err:
        if not replayed:
            raise
        logger.debug("Nothing is deleted again: %s", err)


def _put_link(cache: TrajectoryCache, link: PutLink, filters: Filters) -> None:
    location, _, name = link.path.rpartition(".")
    group = _made_group(cache, location, filters)
    raw = name.encode("utf8")
    if not has_child(group, raw):
        group.links.create_soft(raw, cache.hdf5_path(link.target))


def _made_group(cache: TrajectoryCache, path: str, filters: Filters) -> h5g.GroupID:
    group = cache.group(path)
    if group is None:
        location, _, name = path.rpartition(".")
        parent = _made_group(cache, location, filters)
        group = create_group(parent, name.encode("utf8"), filters=packed(filters))
        cache.remember(path, group)
    return group


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
