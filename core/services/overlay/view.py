"""One read through the operations that wait: what is at and below one path."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pypet.errors import DataNotInStorageError
from pypet.records import (
    LINK,
    DeleteItems,
    DeleteNode,
    Item,
    NodeRecord,
    Operation,
    PutNode,
)
from pypet.services.backend import RecordBackend
from pypet.services.overlay.merging import (
    ELSEWHERE,
    UNREADABLE,
    RecordMerge,
    RecordStream,
    Skip,
    Wants,
)
from pypet.services.overlay.pending import PathOperations, PendingOperations
from pypet.services.record_tree import Node, RecordTree, copied

logger = logging.getLogger(__name__)

MAX_SINGLE_READS = 20
"""From more children on the names of all are read before it is asked for single ones."""


class OverlayView:
    """What is at and below one path when all that waits is applied, for one read.

    The tree has the nodes that operations concern, without items that are stored; what else is
    below them comes from the backend when its turn comes.
    """

    def __init__(
        self, backend: RecordBackend, trajectory: str, pending: PendingOperations, path: str
    ) -> None:
        self._backend = backend
        self._trajectory = trajectory
        self._pending = pending
        self._path = path
        self._count = len(pending.operations)
        self._stored: dict[str, Node] = {}
        """Nodes of the tree as they were taken from the storage, by path."""
        self.tree = self._new_tree()

    def _new_tree(self) -> RecordTree:
        return RecordTree(keep=_as_it_is, grow=self._grown, warn=_say_nothing)

    def _grown(self, stored: Item, added: Item, options: Mapping[str, Any]) -> Item:
        unpacked = self._backend.unpacked
        return self._backend.grown(unpacked(stored), unpacked(added), options)

    # ----- what waited when the read was asked for -------------------------------------------

    def place_below(self, place: PathOperations, name: str) -> PathOperations | None:
        """Return the place of a child, None if the requests do not mention it."""
        below = place.below.get(name)
        return below if below is not None and below.first < self._count else None

    def _operations_at(self, place: PathOperations) -> Iterator[Operation]:
        operations = self._pending.operations
        return (operations[position] for position in place.operations if position < self._count)

    # ----- from the storage to the tree ------------------------------------------------------

    def carry_out(self, *, alone: bool = False, needs_names: bool = False) -> None:
        """Take the nodes that operations concern from the storage, and carry these out.

        Not necessarily what is below the node of the view, if that is needed ``alone``. With
        ``needs_names`` it is known then what else is directly below it.
        """
        path = self._path
        pending = self._pending
        if alone and pending.only_adds(path):
            operations = pending.concerning_alone(path, self._count)
            node = self._taken(path, PathOperations(0))
        else:
            operations = pending.concerning(path, self._count)
            node = self._taken(path, pending.place(path), needs_names=needs_names)
        if node is not None and path:
            location, _, name = path.rpartition(".")
            group = self.tree.made(location) if location else self.tree.root
            group.children[name] = node
        elif node is not None:
            self.tree.root = node
        for operation in operations:
            try:
                self.tree.apply(operation)
            except (DataNotInStorageError, TypeError, ValueError) as error:
                logger.debug("Without effect: %s", error)

    def _taken(self, path: str, place: PathOperations, *, needs_names: bool = False) -> Node | None:
        """Return a stored node with those below it that operations concern; None without."""
        lists = (
            needs_names
            or len(place.below) > MAX_SINGLE_READS
            or any(
                isinstance(each, DeleteNode) and not each.recursive
                for each in self._operations_at(place)
            )
        )
        unreadable: list[str] = []
        records = self._backend.read_intact_nodes(
            self._trajectory,
            path,
            recursive=lists,
            max_depth=1,
            wants=_nothing,
            skip=lambda failed, _: unreadable.append(failed),
        )
        try:
            record = next(records, None)
        except DataNotInStorageError:
            return None
        if record is None:
            if not unreadable:  # a link that leads nowhere
                return None
            node = self._stored[path] = Node(UNREADABLE)
            return node
        node = Node(
            record.kind,
            record.class_name,
            record.comment,
            dict(record.annotations),
            target=record.target,
        )
        self._stored[path] = node
        prefix = f"{path}." if path else ""
        names = [child.path for child in records] + [each for each in unreadable if each != path]
        for name in names:
            node.children[name[len(prefix) :]] = Node(ELSEWHERE)
        if record.kind != LINK:
            for name in place.below:
                below = self.place_below(place, name)
                if below is not None and (not lists or name in node.children):
                    child = self._taken(prefix + name, below)
                    if child is not None:
                        node.children[name] = child
        return node

    # ----- from the tree to records ----------------------------------------------------------

    def read(
        self,
        wants: Wants,
        item_filter: Callable[[str], bool] | None,
        skip: Skip | None,
        *,
        recursive: bool,
        max_depth: int | None,
    ) -> Iterator[NodeRecord]:
        """Yield the records of all nodes."""
        path = self._path
        self.carry_out(alone=not recursive)
        self.tree.find(path, self._trajectory)
        node = self.tree.node(path)
        is_stored = self.is_stored(path, node)
        stored: Iterator[NodeRecord] = iter(())
        if is_stored and (recursive or node.kind == UNREADABLE):
            stored = self._read_stored(
                wants, item_filter, skip, recursive=recursive, max_depth=max_depth
            )
        if node.kind == UNREADABLE:
            yield from stored
            return
        reading = RecordMerge(self, RecordStream(stored), wants, item_filter, skip)
        if is_stored and recursive:
            reading.stream.drop(path)
        yield from reading.node(path, node)
        if recursive:
            yield from reading.below(path, node, self._pending.place(path), max_depth)

    def _read_stored(
        self,
        wants: Wants,
        item_filter: Callable[[str], bool] | None,
        skip: Skip | None,
        *,
        recursive: bool,
        max_depth: int | None,
    ) -> Iterator[NodeRecord]:
        """Return the records of the backend; those of other nodes than its own lack items."""

        def wants_stored(path: str) -> bool:
            return self._origin(path) == ELSEWHERE and wants(path)

        if skip is None:
            return self._backend.read_nodes(
                self._trajectory,
                self._path,
                recursive=recursive,
                max_depth=max_depth,
                wants=wants_stored,
                item_filter=item_filter,
            )

        def skip_stored(path: str, error: Exception) -> None:
            if self._origin(path) is not None:
                skip(path, error)

        return self._backend.read_intact_nodes(
            self._trajectory,
            self._path,
            recursive=recursive,
            max_depth=max_depth,
            wants=wants_stored,
            skip=skip_stored,
        )

    def _origin(self, path: str) -> str | None:
        """Return where the record of a stored node is from: its kind in the tree, or elsewhere.

        None if it was removed.
        """
        known, place = self._path, self._pending.place(self._path)
        node: Node | None = self.tree.node(known)
        names = path[len(known) :].lstrip(".").split(".") if path != known else []
        while node is not None and self.is_stored(known, node):
            if node.kind == UNREADABLE:
                return ELSEWHERE
            if not names:
                return node.kind
            name = names.pop(0)
            below = self.place_below(place, name)
            if below is None:
                return ELSEWHERE
            known, place = f"{known}.{name}" if known else name, below
            node = node.children.get(name)
        return None

    def is_stored(self, path: str, node: Node) -> bool:
        """Return whether a node of the tree, maybe changed, is one of the storage."""
        return self._stored.get(path) is node

    def items(
        self,
        path: str,
        node: Node,
        item_filter: Callable[[str], bool] | None,
        skip: Skip | None,
    ) -> tuple[Item, ...] | None:
        """Return the items of a leaf, which are the caller's; None if it was skipped."""
        found = node.items
        if self.is_stored(path, node):
            record = self._stored_leaf(path, item_filter, skip)
            if record is None:
                return None
            found = self._changed_items(path, record.items or ())
        return tuple(
            self._given(found[name])
            for name in sorted(found)
            if item_filter is None or item_filter(name)
        )

    def _stored_leaf(
        self, path: str, item_filter: Callable[[str], bool] | None, skip: Skip | None
    ) -> NodeRecord | None:
        if skip is None:
            return next(
                self._backend.read_nodes(
                    self._trajectory,
                    path,
                    recursive=False,
                    max_depth=None,
                    wants=_everything,
                    item_filter=item_filter,
                )
            )
        records = self._backend.read_intact_nodes(
            self._trajectory,
            path,
            recursive=False,
            max_depth=None,
            wants=_everything,
            skip=skip,
        )
        return next(records, None)

    def _changed_items(self, path: str, stored: Iterable[Item]) -> dict[str, Item]:
        """Return the items of a stored leaf by name, after what operations do to them."""
        tree = self._new_tree()
        leaf = tree.made(path)
        leaf.items = {item.name: item for item in stored}
        for operation in self._operations_at(self._pending.place(path)):
            if isinstance(operation, PutNode | DeleteItems):
                tree.apply(operation)
        return leaf.items

    def _given(self, item: Item) -> Item:
        unpacked = self._backend.unpacked(item)
        return copied(item) if unpacked is item else unpacked


def _everything(path: str) -> bool:
    return True


def _nothing(path: str) -> bool:
    return False


def _as_it_is(item: Item) -> Item:
    return item


def _say_nothing(*_: object) -> None:
    """Do nothing: whoever applies the requests reports what is odd about them."""
