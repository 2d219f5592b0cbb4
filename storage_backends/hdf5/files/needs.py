"""How many bytes a file needs for what is to be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.encoding.pandas_types import is_pandas
from pypet.records import ArrayItem, FrameItem, Operation, PutMeta, PutNode, TableItem
from pypet.storage_backends.hdf5.compression.packed_arrays import PackedArray
from pypet.storage_backends.hdf5.objects.groups import has_child

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache

MARGIN_BYTES = 1 << 20
"""What runs have to leave for what closes an experiment: run table, overviews, times."""
META_BYTES = 1 << 16
RUN_BYTES = 64
"""A row of the run table takes at most so much."""
NODE_BYTES = 4096
"""A group or dataset with its attributes takes at most so much, apart from its data."""


class Need(NamedTuple):
    """Bytes that are to be written, and bytes that have to be free besides."""

    content: int
    margin: int


def need_of(operations: Iterable[Operation]) -> Need:
    """Return how much operations add to a file at most."""
    content = margin = 0
    for operation in operations:
        if type(operation) is PutNode:
            content += NODE_BYTES + sum(map(_bytes_of_item, operation.items))
            if constants.RUN_NAME in operation.path:
                margin = MARGIN_BYTES
        elif type(operation) is PutMeta:
            content += META_BYTES + RUN_BYTES * len(operation.runs)
    return Need(content, margin)


def need_of_new(cache: TrajectoryCache, operations: Iterable[Operation]) -> Need:
    """Return the same without what the trajectory has already and keeps.

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


def need_of_call(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Return how many bytes the data among the arguments of a call takes at most."""
    return sum(map(_bytes_of_argument, (*args, *kwargs.values())))


def _bytes_of_argument(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return NODE_BYTES + value.nbytes
    if is_pandas(value, "DataFrame") or is_pandas(value, "Series"):
        return _bytes_of_frame(value)
    return 0


def _bytes_of_item(item: Any) -> int:
    if type(item) is ArrayItem:
        value: Any = item.value
        if isinstance(value, PackedArray):
            return NODE_BYTES + sum(data.nbytes for _, data in value.chunks)
        return NODE_BYTES + int(value.nbytes)
    if type(item) is TableItem:
        return NODE_BYTES + 2 * sum(int(column.values.nbytes) for column in item.columns)
    if type(item) is FrameItem:
        return _bytes_of_frame(item.value)
    return NODE_BYTES


def _bytes_of_frame(value: Any) -> int:
    used = value.memory_usage(deep=True)
    return 16 * NODE_BYTES + 2 * int(getattr(used, "sum", lambda: used)())
