"""What stored things have in common that differ in their values only.

Things of the same shape are made by copying one that was made before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.records import ArrayItem, Item, PutNode, TableItem
from pypet.storage_backends.hdf5.objects.arrays import array_shape
from pypet.storage_backends.hdf5.objects.tables import table_shape

ITEM_BYTES = 4096
"""Larger items are written where they belong: there copying saves nothing."""
TEXT_BYTES = 64
"""Longer text is likely to have another length next time."""
TABLE_COLUMNS = 32
BATCH_NODES = 64
BATCH_ITEMS = 128
FEW_CHILDREN = 8
"""HDF5 keeps so many in the group itself, unless the file is of its oldest format."""
_RUNS = "." + constants.RUN_NAME
"""A group with runs in it will have many: it is not made from a template of small groups."""

_COPIED_FLAGS = (constants.ARRAY, constants.CARRAY)

Shape = tuple[Any, ...]


def may_stay_small(root: str, nodes: list[PutNode]) -> bool:
    """Return whether the group at ``root`` may be one of few children, as templates are."""
    skip = len(root) + 1
    paths = [node.path[skip:] for node in nodes]
    children = {path.partition(".")[0] for path in paths}
    return len(children) <= FEW_CHILDREN and not any(_RUNS in "." + path for path in paths)


class BatchShape(NamedTuple):
    """A subtree of new nodes: its shape, and which items are written how."""

    shape: Shape
    copied: list[Item]
    """Items that come with the template, in the order in which it takes their values."""
    direct: list[tuple[PutNode, list[Item]]]
    """Items that are written one by one afterwards."""


def item_shape(item: Item) -> Shape | None:
    """Return the shape of an item, None if it is not to be made from a template."""
    if type(item) is ArrayItem:
        value = item.value
        limit = TEXT_BYTES if value.dtype.kind == "S" else ITEM_BYTES
        if value.nbytes <= limit and item.flag in _COPIED_FLAGS:
            return array_shape(item)
    elif (
        type(item) is TableItem
        and len(item.columns) <= TABLE_COLUMNS
        and sum(column.values.nbytes for column in item.columns) <= ITEM_BYTES
    ):
        return table_shape(item)
    return None


def batch_shape(root: str, nodes: list[PutNode]) -> BatchShape | None:
    """Return the shape of the subtree at ``root``; None if it cannot be made from a template."""
    if len(nodes) > BATCH_NODES:
        return None
    skip = len(root)
    shape: list[Any] = []
    copied: list[Item] = []
    direct: list[tuple[PutNode, list[Item]]] = []
    for node in nodes:
        path = node.path[skip:]
        if node.options or _RUNS in path:
            return None
        shape += (path, node.is_leaf, node.class_name)
        rest: list[Item] = []
        for item in node.items:
            common = None if "." in item.name else item_shape(item)
            if common is None:
                rest.append(item)
            else:
                shape.append(item.name)
                shape.append(common)
                copied.append(item)
        if rest:
            direct.append((node, rest))
    if len(copied) > BATCH_ITEMS:
        return None
    return BatchShape(tuple(shape), copied, direct)
