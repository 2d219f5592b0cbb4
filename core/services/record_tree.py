"""A tree of records in dictionaries."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pypet.errors import DataNotInStorageError
from pypet.records import (
    GROUP,
    LINK,
    ArrayItem,
    FrameItem,
    Item,
    NodeRecord,
    PutNode,
    TableItem,
)
from pypet.services.node_store import NodeStore, link_conflict

logger = logging.getLogger(__name__)

Growth = Callable[[Item, Item, Mapping[str, Any]], Item]
"""What becomes of a stored item by another one of its name, which is put with these options."""


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

    @property
    def rank(self) -> bool:
        """Where it comes among its siblings: links are last."""
        return self.kind == LINK


class RecordTree(NodeStore):
    """The nodes of one trajectory, below a root that always exists."""

    __slots__ = ("_calls", "_grow", "_keep", "_report", "root")

    def __init__(
        self,
        root: Node | None = None,
        *,
        keep: Callable[[Item], Item] | None = None,
        grow: Growth | None = None,
        warn: Callable[..., None] = logger.warning,
    ) -> None:
        """Start with a root, by default one with nothing below.

        ``keep(item)`` returns what is kept of an item that is put, by default a copy. ``grow`` is
        asked about items that exist and are not overwritten, once for each call with options;
        by default they stay as they are. ``warn`` is called with items that do not exist.
        """
        self.root = Node(GROUP) if root is None else root
        self._keep = copied if keep is None else keep
        self._grow = grow
        self._report = warn
        self._calls: set[tuple[str, str, int]] = set()
        """What grew by which call: path, item and call."""

    # ----- primitives ------------------------------------------------------------------------

    def get(self, path: str) -> NodeRecord | None:
        """Return the record of a node; see `NodeStore.get`."""
        node = self._look(path)
        return None if node is None else bare_record(path, node)

    def put(self, record: NodeRecord) -> None:
        """Create or change a node; see `NodeStore.put`."""
        node = self.made(record.path) if record.path else self.root
        node.kind, node.class_name, node.comment = record.kind, record.class_name, record.comment
        node.annotations = copy.deepcopy(dict(record.annotations)) if record.annotations else {}
        node.target = record.target

    def children(self, path: str) -> list[NodeRecord]:
        """Return the children of a node; see `NodeStore.children`."""
        prefix = f"{path}." if path else ""
        children = self.node(path).children
        return [bare_record(prefix + name, node) for name, node in children.items()]

    def delete(self, path: str) -> None:
        """Remove a node and everything below it; see `NodeStore.delete`."""
        location, _, name = path.rpartition(".")
        del self.node(location).children[name]

    def item_names(self, path: str) -> list[str]:
        """Return the names of the items of a node; see `NodeStore.item_names`."""
        return list(self.node(path).items)

    def get_items(self, path: str, names: Collection[str] | None = None) -> Iterator[Item]:
        """Return copies of items; see `NodeStore.get_items`."""
        items = self.node(path).items
        return (copied(items[name]) for name in (items if names is None else names))

    def put_item(self, path: str, item: Item) -> None:
        """Create or replace an item; see `NodeStore.put_item`."""
        self.node(path).items[item.name] = self._keep(item)

    def delete_item(self, path: str, name: str) -> None:
        """Remove an item; see `NodeStore.delete_item`."""
        del self.node(path).items[name]

    def _create_parents(self, path: str) -> None:
        """Do nothing: `put` creates all missing parents."""

    # ----- items that grow -------------------------------------------------------------------

    def _put_item(self, operation: PutNode, item: Item, *, exists: bool) -> None:
        """Put an item, or let the one that exists grow by it."""
        if not exists:
            self.put_item(operation.path, item)
            self._note_call(operation, item)
        elif self._grow is not None and self._note_call(operation, item):
            items = self.node(operation.path).items
            items[item.name] = self._grow(items[item.name], item, operation.options)

    def _note_call(self, operation: PutNode, item: Item) -> bool:
        """Note who put an item with options; return whether it was so, for the first time."""
        if self._grow is None or not operation.options:
            return False
        key = operation.path, item.name, operation.call
        is_first = not operation.call or key not in self._calls
        self._calls.add(key)
        return is_first

    def _warn(self, message: str, *args: object) -> None:
        self._report(message, *args)

    # ----- nodes -----------------------------------------------------------------------------

    def made(self, path: str) -> Node:
        """Return the node at ``path``, which is created with all its parents if necessary.

        Raises
        ------
        ValueError
            One of them is a link.
        """
        node = self.root
        for name in path.split("."):
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = Node(GROUP)
            elif child.kind == LINK:
                raise link_conflict(path, name)
            node = child
        return node

    def node(self, path: str) -> Node:
        """Return the node at ``path``; DataNotInStorageError if there is none."""
        node = self._look(path)
        if node is None:
            raise DataNotInStorageError(f"There is no stored node {path!r}.")
        return node

    def _look(self, path: str) -> Node | None:
        node: Node | None = self.root
        if path:
            for name in path.split("."):
                node = node.children.get(name)  # type: ignore[union-attr]
                if node is None:
                    break
        return node


def bare_record(path: str, node: Node) -> NodeRecord:
    """Return the record of a node without its items."""
    return NodeRecord(
        path,
        node.kind,
        node.class_name,
        node.comment,
        copy.deepcopy(node.annotations) if node.annotations else {},
        None,
        node.target,
    )


def copied(item: Item) -> Item:
    """Return an item with data of its own; of shared data nothing is here that could change."""
    if isinstance(item, ArrayItem):
        return item._replace(value=item.value.copy())
    if isinstance(item, TableItem):
        return item._replace(
            columns=tuple(column._replace(values=column.values.copy()) for column in item.columns)
        )
    if isinstance(item, FrameItem):
        return item._replace(value=item.value.copy())
    return item
