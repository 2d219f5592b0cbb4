"""A tree of records in dictionaries."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pypet.errors import DataNotInStorageError
from pypet.records import (
    GROUP,
    LEAF,
    LINK,
    ArrayItem,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    FrameItem,
    Item,
    NodeRecord,
    PutLink,
    PutNode,
    TableItem,
)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class Node:
    """One stored node and what is below it."""

    kind: str
    class_name: str | None = None
    comment: str = ""
    annotations: dict[str, Any] = dataclasses.field(default_factory=dict)
    items: dict[str, Item] = dataclasses.field(default_factory=dict)
    children: dict[str, Node] = dataclasses.field(default_factory=dict)
    target: str | None = None


# ----- changing the tree -----------------------------------------------------------------------


def put_node(root: Node, operation: PutNode) -> None:
    """Create or complete a group or leaf, with its parents."""
    node = _make(root, operation.path)
    replace = operation.overwrite is True
    if operation.is_leaf:
        node.kind = LEAF
    if operation.class_name is not None and (replace or node.class_name is None):
        node.class_name = operation.class_name
    describe(node, operation.comment, operation.annotations, replace=replace)
    names = operation.overwrite if isinstance(operation.overwrite, frozenset) else frozenset()
    for item in operation.items:
        if replace or item.name not in node.items or item.name in names:
            node.items[item.name] = _copied(item)
    missing = names - {item.name for item in operation.items}
    if missing:
        logger.warning("%s has no items named %s to overwrite.", operation.path, ", ".join(missing))


def describe(node: Node, comment: str, annotations: Mapping[str, Any], *, replace: bool) -> None:
    if comment and (replace or not node.comment):
        node.comment = comment
    if replace:
        node.annotations.clear()
    for name, value in annotations.items():
        if name not in node.annotations:
            node.annotations[name] = copy.deepcopy(value)


def put_link(root: Node, operation: PutLink) -> None:
    """Create a link unless its place is taken."""
    location, _, name = operation.path.rpartition(".")
    group = _make(root, location) if location else root
    group.children.setdefault(name, Node(LINK, target=operation.target))


def delete_node(root: Node, operation: DeleteNode) -> None:
    """Remove a node; TypeError if it has children and that is not asked for."""
    group, name = _holder(root, operation.path)
    if group.children[name].children and not operation.recursive:
        raise TypeError(
            f"{operation.path!r} has children in the storage; delete it with `recursive=True`."
        )
    del group.children[name]


def delete_items(root: Node, operation: DeleteItems) -> None:
    """Remove items of a leaf; missing ones are reported in the log."""
    node = find(root, operation.path)
    for name in operation.names:
        if node.items.pop(name, None) is None:
            logger.warning("%s has no stored item %r to delete.", operation.path, name)


def delete_link(root: Node, operation: DeleteLink) -> None:
    """Remove a link."""
    group, name = _holder(root, operation.path)
    if group.children[name].kind != LINK:
        raise DataNotInStorageError(f"{operation.path!r} is stored, but it is no link.")
    del group.children[name]


def _holder(root: Node, path: str) -> tuple[Node, str]:
    location, _, name = path.rpartition(".")
    group = find(root, location)
    if name not in group.children:
        raise DataNotInStorageError(f"There is no stored node {path!r}.")
    return group, name


def _make(root: Node, path: str) -> Node:
    node = root
    for name in path.split("."):
        child = node.children.get(name)
        if child is None:
            child = node.children[name] = Node(GROUP)
        node = child
    return node


def find(root: Node, path: str, trajectory: str | None = None) -> Node:
    node = root
    if path:
        for name in path.split("."):
            child = node.children.get(name)
            if child is None:
                where = "" if trajectory is None else f" of trajectory {trajectory!r}"
                raise DataNotInStorageError(f"There is no stored node {path!r}{where}.")
            node = child
    return node


# ----- reading the tree ------------------------------------------------------------------------


def below(
    path: str,
    node: Node,
    max_depth: int | None,
    wants: Callable[[str], bool],
    item_filter: Callable[[str], bool] | None,
) -> Iterator[NodeRecord]:
    if max_depth is not None and max_depth <= 0:
        return
    left = None if max_depth is None else max_depth - 1
    for name in sorted(node.children, key=lambda key: (node.children[key].kind == LINK, key)):
        child = node.children[name]
        child_path = f"{path}.{name}" if path else name
        yield record(child_path, child, wants, item_filter)
        yield from below(child_path, child, left, wants, item_filter)


def record(
    path: str,
    node: Node,
    wants: Callable[[str], bool],
    item_filter: Callable[[str], bool] | None,
) -> NodeRecord:
    items: tuple[Item, ...] | None = None
    if node.kind == LEAF and wants(path):
        items = tuple(
            _copied(node.items[name])
            for name in sorted(node.items)
            if item_filter is None or item_filter(name)
        )
    return NodeRecord(
        path,
        node.kind,
        node.class_name,
        node.comment,
        copy.deepcopy(node.annotations) if node.annotations else {},
        items,
        node.target,
    )


def _copied(item: Item) -> Item:
    if isinstance(item, ArrayItem):
        return item._replace(value=item.value.copy())
    if isinstance(item, TableItem):
        return item._replace(
            columns=tuple(column._replace(values=column.values.copy()) for column in item.columns)
        )
    assert isinstance(item, FrameItem)
    return item._replace(value=item.value.copy())
