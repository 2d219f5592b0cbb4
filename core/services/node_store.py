"""What requests do to the stored nodes of a trajectory, over a few primitives of a medium."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pypet.errors import DataNotInStorageError, RefusedPickleError, StorageFormatError
from pypet.records import (
    GROUP,
    LEAF,
    LINK,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    Item,
    NodeRecord,
    Operation,
    PutLink,
    PutMeta,
    PutNode,
)

logger = logging.getLogger(__name__)


class NodeStore(ABC):
    """The stored nodes of one trajectory.

    A medium implements the primitives. They get full names of nodes: components joined by dots,
    ``''`` for the root. They need not check anything: parents are put before their children, a
    node is only asked for its items if it exists, and nothing is ever put below a link.
    """

    __slots__ = ()

    # ----- primitives of the medium ----------------------------------------------------------

    @abstractmethod
    def get(self, path: str) -> NodeRecord | None:
        """Return the record of a node without its items; None if there is no such node."""

    @abstractmethod
    def put(self, record: NodeRecord) -> None:
        """Create a node, or replace all that its record holds; items and children stay."""

    @abstractmethod
    def children(self, path: str) -> Iterable[NodeRecord]:
        """Return the records of the children of a node without their items, in any order.

        All of them are read before the store is asked for anything else.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a node with its items, and everything below it."""

    @abstractmethod
    def item_names(self, path: str) -> Iterable[str]:
        """Return the names of the items of a node, in any order."""

    @abstractmethod
    def get_items(self, path: str, names: Collection[str] | None = None) -> Iterable[Item]:
        """Return the items of these names, or all, in any order.

        Their arrays belong to the caller. A name that does not exist is left out.
        """

    @abstractmethod
    def put_item(self, path: str, item: Item) -> None:
        """Create or replace an item; its arrays belong to the caller and may change later."""

    @abstractmethod
    def delete_item(self, path: str, name: str) -> None:
        """Remove an item, which exists."""

    # ----- changing nodes --------------------------------------------------------------------

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
            self._put_root(operation)
        elif isinstance(operation, DeleteNode):
            self._delete_node(operation)
        elif isinstance(operation, DeleteItems):
            self._delete_items(operation)
        else:
            self._delete_link(operation)

    def _put_node(self, operation: PutNode) -> None:
        """Create or complete a group or leaf, with its parents."""
        path, replace = operation.path, operation.overwrite is True
        kind = LEAF if operation.is_leaf else GROUP
        class_name, comment, annotations = operation[2:5]
        node = self.get(path)
        known: set[str] = set()
        if node is None:
            self._create_parents(path)
            self.put(NodeRecord(path, kind, class_name, comment, annotations))
        else:
            if node.kind == LINK:
                raise link_conflict(path, path)
            self._complete(node, kind, operation, replace=replace)
            if operation.items:
                known.update(self.item_names(path))
        names = operation.overwrite if isinstance(operation.overwrite, frozenset) else frozenset()
        for item in operation.items:
            exists = not replace and item.name in known and item.name not in names
            self._put_item(operation, item, exists=exists)
            known.add(item.name)
        if names and (missing := names - {item.name for item in operation.items}):
            self._warn("%s has no items named %s to overwrite.", path, ", ".join(missing))

    def _complete(self, node: NodeRecord, kind: str, operation: PutNode, *, replace: bool) -> None:
        """Add to a node what it lacks, or ``replace`` it."""
        class_name = operation.class_name
        if class_name is None or not (replace or node.class_name is None):
            class_name = node.class_name
        if kind == GROUP:  # what is a leaf already stays one
            kind = node.kind
        changed = node
        if (kind, class_name) != (node.kind, node.class_name):
            changed = node._replace(kind=kind, class_name=class_name)
        changed = described(changed, operation.comment, operation.annotations, replace=replace)
        if changed is not node:
            self.put(changed)

    def _put_item(self, operation: PutNode, item: Item, *, exists: bool) -> None:
        """Put an item of a node unless it ``exists`` and is to stay."""
        if not exists:
            self.put_item(operation.path, item)

    def _put_link(self, operation: PutLink) -> None:
        """Create a link unless its place is taken."""
        if self.get(operation.path) is None:
            self._create_parents(operation.path)
            self.put(NodeRecord(operation.path, LINK, target=operation.target))

    def _put_root(self, operation: PutMeta) -> None:
        """Describe the root, which is created if it is missing."""
        stored = self.get("")
        root = NodeRecord("", GROUP) if stored is None else stored
        comment, replace = operation.info.comment, operation.overwrite
        root = described(root, comment, operation.annotations, replace=replace)
        if root is not stored:
            self.put(root)

    def _delete_node(self, operation: DeleteNode) -> None:
        """Remove a node; TypeError if it has children and that is not asked for."""
        if self.find(operation.path).kind == LINK:
            raise DataNotInStorageError(
                f"{operation.path!r} is stored, but it is a link and no node."
            )
        if not operation.recursive and list(self.children(operation.path)):
            raise TypeError(
                f"{operation.path!r} has children in the storage; delete it with `recursive=True`."
            )
        self.delete(operation.path)

    def _delete_items(self, operation: DeleteItems) -> None:
        """Remove items of a leaf; missing ones are reported in the log."""
        self.find(operation.path)
        known = set(self.item_names(operation.path))
        for name in operation.names:
            chosen = {each for each in known if each == name or each.startswith(f"{name}.")}
            for each in chosen:
                self.delete_item(operation.path, each)
            known -= chosen
            if not chosen:
                self._warn("%s has no stored item %r to delete.", operation.path, name)

    def _delete_link(self, operation: DeleteLink) -> None:
        """Remove a link."""
        if self.find(operation.path).kind != LINK:
            raise DataNotInStorageError(f"{operation.path!r} is stored, but it is not a link.")
        self.delete(operation.path)

    def _create_parents(self, path: str) -> None:
        """Create the missing groups above a node; ValueError if one of them is a link.

        Only the lowest one that exists is looked at: all above it exist and are not links.
        """
        missing = []
        parent = path.rpartition(".")[0]
        while parent:
            node = self.get(parent)
            if node is not None:
                if node.kind == LINK:
                    raise link_conflict(path, parent)
                break
            missing.append(parent)
            parent = parent.rpartition(".")[0]
        for each in reversed(missing):
            self.put(NodeRecord(each, GROUP))

    def _warn(self, message: str, *args: object) -> None:
        logger.warning(message, *args)

    # ----- reading nodes ---------------------------------------------------------------------

    def find(self, path: str, trajectory: str | None = None) -> NodeRecord:
        """Return the record of a node; DataNotInStorageError if there is none."""
        node = self.get(path)
        if node is None:
            where = "" if trajectory is None else f" of trajectory {trajectory!r}"
            raise DataNotInStorageError(f"There is no stored node {path!r}{where}.")
        return node

    def read(
        self,
        node: NodeRecord,
        *,
        max_depth: int | None,
        wants: Callable[[str], bool],
        item_filter: Callable[[str], bool] | None,
        skip: Callable[[str, Exception], None] | None = None,
    ) -> Iterator[NodeRecord]:
        """Yield a node and what is below it; see `RecordBackend.read_nodes`.

        With ``skip``, unreadable nodes are passed to it, see `RecordBackend.read_intact_nodes`.
        """
        children: Iterable[NodeRecord] = ()
        try:
            yield self._with_items(node, wants, item_filter)
            if node.kind != LINK and (max_depth is None or max_depth > 0):
                children = sorted(self.children(node.path), key=_rank)
        except (StorageFormatError, RefusedPickleError) as error:
            if skip is None:
                raise
            skip(node.path, error)
        left = None if max_depth is None else max_depth - 1
        for child in children:
            yield from self.read(
                child, max_depth=left, wants=wants, item_filter=item_filter, skip=skip
            )

    def _with_items(
        self,
        node: NodeRecord,
        wants: Callable[[str], bool],
        item_filter: Callable[[str], bool] | None,
    ) -> NodeRecord:
        if node.kind != LEAF or not wants(node.path):
            return node
        names = None
        if item_filter is not None:
            names = [name for name in self.item_names(node.path) if item_filter(name)]
        return node._replace(items=tuple(sorted(self.get_items(node.path, names), key=_name)))


def _rank(node: NodeRecord) -> tuple[bool, str]:
    return node.kind == LINK, node.path


def _name(item: Item) -> str:
    return item.name


def link_conflict(path: str, link: str) -> ValueError:
    """Return the error for a node that cannot be created because of a link."""
    return ValueError(
        f"{path!r} cannot be stored: there is a link {link.rpartition('.')[2]!r} on the way. "
        "Delete it first."
    )


def described(
    node: NodeRecord, comment: str, annotations: Mapping[str, Any], *, replace: bool
) -> NodeRecord:
    """Return a node with the comment and annotations that it lacks, or has to ``replace``.

    The very same record is returned if nothing changes.
    """
    if comment and comment != node.comment and (replace or not node.comment):
        node = node._replace(comment=comment)
    if replace and (annotations or node.annotations):
        return node._replace(annotations=dict(annotations))
    added = {name: value for name, value in annotations.items() if name not in node.annotations}
    return node._replace(annotations={**node.annotations, **added}) if added else node
