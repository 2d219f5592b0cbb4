"""Applying store requests to an open file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from h5py import h5g

from pypet.encoding.unpickling import UnpicklingPolicy
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
from pypet.storage_backends.hdf5.files.disk_space import estimate, estimate_new
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.frame_writing import write_frames
from pypet.storage_backends.hdf5.nodes.deletion import delete_items, delete_link, delete_node
from pypet.storage_backends.hdf5.nodes.node_writing import NodeWriter
from pypet.storage_backends.hdf5.objects.groups import create_group, has_child
from pypet.storage_backends.hdf5.service.progress import Progresses
from pypet.storage_backends.hdf5.settings.settings import Filters, Settings
from pypet.storage_backends.hdf5.trajectories.cache import (
    TrajectoryCache,
    cache_of,
    unknown_trajectory,
)
from pypet.storage_backends.hdf5.trajectories.meta_writing import put_meta
from pypet.storage_backends.hdf5.trajectories.overview_tables import make_tables_writable

logger = logging.getLogger(__name__)

_DELETIONS: dict[type, Callable[[TrajectoryCache, Any], None]] = {
    DeleteNode: delete_node,
    DeleteItems: delete_items,
    DeleteLink: delete_link,
}


def apply_request(
    file: OpenFile,
    request: StoreRequest,
    settings: Settings,
    unpickle: str,
    progress: Progresses,
) -> None:
    """Carry out the operations of a request in their order, and count the nodes in ``progress``.

    Raises
    ------
    ValueError
        The trajectory is not in the file, and the request does not put it there.
    RefusedPickleError
        Another library would have to load a pickle, which ``unpickle`` forbids.
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
        make_tables_writable(cache, settings.filters, UnpicklingPolicy(unpickle))
        cache.is_writable = True
    file.reserve_space(
        estimate(request.operations), lambda: estimate_new(cache, request.operations)
    )
    writer = NodeWriter(cache, settings, progress.stored.count)
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
            _write_frames(file, writer, unpickle)
            if kind is PutMeta:
                settings.adopt(operation.settings)  # type: ignore[union-attr]
                put_meta(cache, operation, settings)  # type: ignore[arg-type]
                writer = NodeWriter(cache, settings, progress.stored.count)
            else:
                _delete(cache, operation, replayed=request.replayed)
                progress.removed.count()
        if nodes:
            writer.put(nodes)
    finally:
        _write_frames(file, writer, unpickle)


def _write_frames(file: OpenFile, writer: NodeWriter, unpickle: str) -> None:
    if writer.frames:
        write_frames(file, writer.frames, UnpicklingPolicy(unpickle))


def _delete(cache: TrajectoryCache, operation: Any, *, replayed: bool) -> None:
    try:
        _DELETIONS[type(operation)](cache, operation)
    except (DataNotInStorageError, TypeError) as err:
        if not replayed:
            raise
        logger.debug("Deleted already: %s", err)


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
        group = create_group(parent, name.encode("utf8"), filters)
        cache.remember(path, group)
    return group
