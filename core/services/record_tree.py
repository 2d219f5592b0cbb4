"""A tree of records in dictionaries, and what requests do to it."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    Operation,
    PutLink,
    PutMeta,
    PutNode,
    TableItem,
)

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


class RecordTree:
    """The nodes of one trajectory, below a root that always exists."""

    __slots__ = ("_calls", "_grow", "_keep", "_warn", "root")

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
        by default they stay as they are. ``warn`` is told of items that are not there.
        """
        self.root = Node(GROUP) if root is None else root
        self._keep = copied if keep is None else keep
        self._grow = grow
        self._warn = warn
        self._calls: set[tuple[str, str, int]] = set()
        """What grew by which call: path, item and call."""

    # ----- changing the tree -----------------------------------------------------------------

    def apply_operations(self, operations: Iterable[Operation], *, replayed: bool = False) -> None:
        """Carry out operations in order; of `PutMeta` what concerns the root.

        Raises
        ------
        DataNotInStorageError
            Something to delete is not there, and the request is not ``replayed``.
        TypeError
            A node to delete has children, and neither is that asked for nor the request replayed.
        ValueError
            There is a link where a node should be.
        """
        for operation in operations:
            try:
                self.apply(operation)
            except (DataNotInStorageError, TypeError):
                if not replayed:
                    raise

    def apply(self, operation: Operation) -> None:
        """Carry out one operation that is not replayed; see `apply_operations`."""
        if isinstance(operation, PutNode):
            self._put_node(operation)
        elif isinstance(operation, PutLink):
            self._put_link(operation)
        elif isinstance(operation, PutMeta):
            describe(
                self.root,
                operation.info.comment,
                operation.annotations,
                replace=operation.overwrite,
            )
        elif isinstance(operation, DeleteNode):
            self._delete_node(operation)
        elif isinstance(operation, DeleteItems):
            self._delete_items(operation)
        else:
            self._delete_link(operation)

    def _put_node(self, operation: PutNode) -> None:
        """Create or complete a group or leaf, with its parents."""
        node = self.made(operation.path)
        replace = operation.overwrite is True
        if operation.is_leaf:
            node.kind = LEAF
        if operation.class_name is not None and (replace or node.class_name is None):
            node.class_name = operation.class_name
        describe(node, operation.comment, operation.annotations, replace=replace)
        names = operation.overwrite if isinstance(operation.overwrite, frozenset) else frozenset()
        for item in operation.items:
            if replace or item.name not in node.items or item.name in names:
                node.items[item.name] = self._keep(item)
                self._note_call(operation, item)
            elif self._grow is not None and self._note_call(operation, item):
                old = node.items[item.name]
                node.items[item.name] = self._grow(old, item, operation.options)
        missing = names - {item.name for item in operation.items}
        if missing:
            self._warn("%s has no items named %s to overwrite.", operation.path, ", ".join(missing))

    def _note_call(self, operation: PutNode, item: Item) -> bool:
        """Note who put an item with options; return whether it was so, for the first time."""
        if self._grow is None or not operation.options:
            return False
        key = operation.path, item.name, operation.call
        is_first = not operation.call or key not in self._calls
        self._calls.add(key)
        return is_first

    def _put_link(self, operation: PutLink) -> None:
        """Create a link unless its place is taken."""
        location, _, name = operation.path.rpartition(".")
        group = self.made(location) if location else self.root
        group.children.setdefault(name, Node(LINK, target=operation.target))

    def _delete_node(self, operation: DeleteNode) -> None:
        """Remove a node; TypeError if it has children and that is not asked for."""
        group, name = self._holder(operation.path)
        if group.children[name].kind == LINK:
            raise DataNotInStorageError(
                f"{operation.path!r} is stored, but it is a link and no node."
            )
        if group.children[name].children and not operation.recursive:
            raise TypeError(
                f"{operation.path!r} has children in the storage; delete it with `recursive=True`."
            )
        del group.children[name]

    def _delete_items(self, operation: DeleteItems) -> None:
        """Remove items of a leaf; missing ones are reported in the log."""
        node = self.find(operation.path)
        for name in operation.names:
            below = [other for other in node.items if other.startswith(f"{name}.")]
            for other in below:
                del node.items[other]
            if node.items.pop(name, None) is None and not below:
                self._warn("%s has no stored item %r to delete.", operation.path, name)

    def _delete_link(self, operation: DeleteLink) -> None:
        """Remove a link."""
        group, name = self._holder(operation.path)
        if group.children[name].kind != LINK:
            raise DataNotInStorageError(f"{operation.path!r} is stored, but it is no link.")
        del group.children[name]

    def _holder(self, path: str) -> tuple[Node, str]:
        location, _, name = path.rpartition(".")
        group = self.find(location)
        if name not in group.children:
            raise DataNotInStorageError(f"There is no stored node {path!r}.")
        return group, name

    def made(self, path: str) -> Node:
        """Return the node at ``path``, which is made if necessary, as all on the way to it.

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
                raise ValueError(
                    f"{path!r} cannot be stored: there is a link {name!r} on the way. Delete it "
                    "first."
                )
            node = child
        return node

    # ----- reading the tree ------------------------------------------------------------------

    def find(self, path: str, trajectory: str | None = None) -> Node:
        """Return the node at ``path``; DataNotInStorageError if there is none."""
        node = self.root
        if path:
            for name in path.split("."):
                child = node.children.get(name)
                if child is None:
                    where = "" if trajectory is None else f" of trajectory {trajectory!r}"
                    raise DataNotInStorageError(f"There is no stored node {path!r}{where}.")
                node = child
        return node


def describe(node: Node, comment: str, annotations: Mapping[str, Any], *, replace: bool) -> None:
    """Add comment and annotations that a node lacks, or ``replace`` them."""
    if comment and (replace or not node.comment):
        node.comment = comment
    if replace:
        node.annotations.clear()
    for name, value in annotations.items():
        if name not in node.annotations:
            node.annotations[name] = copy.deepcopy(value)


# ----- records ---------------------------------------------------------------------------------


def below(
    path: str,
    node: Node,
    max_depth: int | None,
    wants: Callable[[str], bool],
    item_filter: Callable[[str], bool] | None,
) -> Iterator[NodeRecord]:
    """Yield the records of what is below a node, in the order of `RecordBackend.read_nodes`."""
    if max_depth is not None and max_depth <= 0:
        return
    left = None if max_depth is None else max_depth - 1
    for name in sorted(node.children, key=lambda key: (node.children[key].rank, key)):
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
    """Return the record of a node, which is the caller's."""
    items: tuple[Item, ...] | None = None
    if node.kind == LEAF and wants(path):
        items = tuple(
            copied(node.items[name])
            for name in sorted(node.items)
            if item_filter is None or item_filter(name)
        )
    return bare_record(path, node)._replace(items=items)


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
