"""Reading a storage as if requests had been applied to it that still wait.

What waits concerns few nodes, and the storage may be large. So a read goes through the records of
the storage as they come and takes others only where an operation made, changed or removed them.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pypet.errors import DataNotInStorageError
from pypet.records import (
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
    StoreRequest,
)
from pypet.services.backend import RecordBackend
from pypet.services.record_tree import Node, RecordTree, bare_record, copied

logger = logging.getLogger(__name__)

Wants = Callable[[str], bool]
Skip = Callable[[str, Exception], None]

_ELSEWHERE: Final = "elsewhere"
"""Kind of a child that no operation concerns: it is only known to be there."""
_UNREADABLE: Final = "unreadable"
"""Kind of a stored node whose record cannot be read."""
_FEW = 20
"""From more children on the names of all are read before it is asked for single ones."""


class Overlay:
    """Stored trajectories with what waits to be applied to them.

    Requests count as replayed: an operation that cannot be carried out has no effect, see
    `check` for who wants to know. Arrays of the requests must not change any more. A read sees
    those that were added when it was asked for. No request may put something below a link.

    What a backend does to records on its way to the storage beyond their operations, like leaving
    out comments that it keeps elsewhere already, is not seen.
    """

    __slots__ = ("_backend", "_pending")

    def __init__(self, backend: RecordBackend, requests: Iterable[StoreRequest] = ()) -> None:
        self._backend = backend
        self._pending: dict[str, _Pending] = {}
        for request in requests:
            self.add(request)

    def add(self, request: StoreRequest) -> None:
        """Take one more request that waits, after all others."""
        pending = self._pending.setdefault(request.trajectory, _Pending())
        for operation in request.operations:
            pending.add(operation)

    def clear(self) -> None:
        """Forget all requests: they were applied, or never will be."""
        self._pending.clear()

    def check(self, request: StoreRequest) -> None:
        """Make sure that a request which is to be added can delete what it says.

        Raises
        ------
        DataNotInStorageError
            Something to delete is not there.
        TypeError
            A node to delete has children, and that is not asked for.
        ValueError
            The trajectory is not there.
        """
        if request.replayed:
            return
        pending = self._pending.get(request.trajectory, _Pending())
        for position, operation in enumerate(request.operations):
            if isinstance(operation, DeleteNode | DeleteItems | DeleteLink):
                path = operation.path
                before = [
                    each for each in request.operations[:position] if _may_concern(each, path)
                ]
                known = pending.followed_by(before) if before else pending
                view = _View(self._backend, request.trajectory, known, path)
                view.carry_out(needs_names=True)
                view.tree.apply(operation)

    def read_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Wants,
        item_filter: Callable[[str], bool] | None = None,
    ) -> Iterator[NodeRecord]:
        """Yield records; see `RecordBackend.read_nodes`, also for the errors."""
        pending = self._pending.get(trajectory)
        if pending is None or not pending.concerns(path):
            return self._backend.read_nodes(
                trajectory,
                path,
                recursive=recursive,
                max_depth=max_depth,
                wants=wants,
                item_filter=item_filter,
            )
        view = _View(self._backend, trajectory, pending, path)
        return view.read(wants, item_filter, None, recursive=recursive, max_depth=max_depth)

    def read_intact_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Wants,
        skip: Skip,
    ) -> Iterator[NodeRecord]:
        """Yield records of all nodes but damaged ones; see `RecordBackend.read_intact_nodes`."""
        pending = self._pending.get(trajectory)
        if pending is None or not pending.concerns(path):
            return self._backend.read_intact_nodes(
                trajectory,
                path,
                recursive=recursive,
                max_depth=max_depth,
                wants=wants,
                skip=skip,
            )
        view = _View(self._backend, trajectory, pending, path)
        return view.read(wants, None, skip, recursive=recursive, max_depth=max_depth)


# ----- what waits ------------------------------------------------------------------------------


class _Place:
    """What operations say about one path, and about those below it."""

    __slots__ = ("below", "first", "first_put", "is_removed", "operations")

    def __init__(self, first: int) -> None:
        self.first = first
        """Position of the first operation here or below."""
        self.first_put: int | None = None
        """Position of the first one that makes a node here or below."""
        self.is_removed = False
        """Whether a node or link is removed here or below."""
        self.below: dict[str, _Place] = {}
        self.operations: list[int] = []
        """Their positions in the order in which they were added."""


class _Pending:
    """The operations that wait for one trajectory, found by their paths."""

    __slots__ = ("operations", "root")

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.root = _Place(0)

    def add(self, operation: Operation) -> None:
        """Take one more operation, after all others."""
        position = len(self.operations)
        place = self.root
        if not isinstance(operation, PutMeta):
            removes = isinstance(operation, DeleteNode | DeleteLink)
            puts = isinstance(operation, PutNode | PutLink)
            for name in operation.path.split("."):
                known = place.below.get(name)
                if known is None:
                    known = place.below[name] = _Place(position)
                place = known
                place.is_removed = place.is_removed or removes
                if puts and place.first_put is None:
                    place.first_put = position
        place.operations.append(position)
        self.operations.append(operation)

    def followed_by(self, operations: Iterable[Operation]) -> _Pending:
        """Return these operations and more."""
        longer = _Pending()
        for operation in itertools.chain(self.operations, operations):
            longer.add(operation)
        return longer

    def concerns(self, path: str) -> bool:
        """Return whether the node at ``path``, or what is below it, may not be as stored."""
        return self._look(path) is not None or bool(self._removals_above(path))

    def place(self, path: str) -> _Place:
        """Return what is said about a path; nothing may be."""
        return self._look(path) or _Place(0)

    def concerning(self, path: str, count: int) -> list[Operation]:
        """Return those of the first operations that may change a node or what is below it.

        In order; above the node only the removal of a whole group matters.
        """
        positions = self._removals_above(path)
        places = [self.place(path)]
        while places:
            place = places.pop()
            positions += place.operations
            places += place.below.values()
        return self._first(positions, count)

    def only_adds(self, path: str) -> bool:
        """Return whether no node or link is removed at, below or above a path."""
        return not (self.place(path).is_removed or self._removals_above(path))

    def concerning_alone(self, path: str, count: int) -> list[Operation]:
        """Return those of the first operations that may change or make one node, in order.

        This is for a path where they only add; any one that makes something below makes it, too.
        """
        place = self.place(path)
        made = () if place.first_put is None else (place.first_put,)
        return self._first({*place.operations, *made}, count)

    def _first(self, positions: Iterable[int], count: int) -> list[Operation]:
        return [self.operations[position] for position in sorted(positions) if position < count]

    def _removals_above(self, path: str) -> list[int]:
        return [
            position
            for above in self._above(path)
            for position in above.operations
            if self._removes_all(position)
        ]

    def _look(self, path: str) -> _Place | None:
        place: _Place | None = self.root
        for name in path.split(".") if path else ():
            if place is None:
                return None
            place = place.below.get(name)
        return place

    def _above(self, path: str) -> Iterator[_Place]:
        """Yield the places of all groups above a path, as far as there are any."""
        if path:
            place: _Place | None = self.root
            for name in path.split("."):
                if place is None:
                    return
                yield place
                place = place.below.get(name)

    def _removes_all(self, position: int) -> bool:
        operation = self.operations[position]
        return isinstance(operation, DeleteNode) and operation.recursive


# ----- one read --------------------------------------------------------------------------------


class _View:
    """What is at and below one path when all that waits is applied, for one read.

    The tree has the nodes that operations concern, without items that are stored; what else is
    below them comes from the backend when its turn comes.
    """

    def __init__(
        self, backend: RecordBackend, trajectory: str, pending: _Pending, path: str
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

    def place_below(self, place: _Place, name: str) -> _Place | None:
        """Return the place of a child, None if nothing is said about it."""
        below = place.below.get(name)
        return below if below is not None and below.first < self._count else None

    def _operations_at(self, place: _Place) -> Iterator[Operation]:
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
            node = self._taken(path, _Place(0))
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

    def _taken(self, path: str, place: _Place, *, needs_names: bool = False) -> Node | None:
        """Return a stored node with those below it that operations concern; None without."""
        lists = (
            needs_names
            or len(place.below) > _FEW
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
            node = self._stored[path] = Node(_UNREADABLE)
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
            node.children[name[len(prefix) :]] = Node(_ELSEWHERE)
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
        node = self.tree.find(path, self._trajectory)
        is_stored = self.is_stored(path, node)
        stored: Iterator[NodeRecord] = iter(())
        if is_stored and (recursive or node.kind == _UNREADABLE):
            stored = self._read_stored(
                wants, item_filter, skip, recursive=recursive, max_depth=max_depth
            )
        if node.kind == _UNREADABLE:
            yield from stored
            return
        reading = _Reading(self, _Stream(stored), wants, item_filter, skip)
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
            return self._origin(path) == _ELSEWHERE and wants(path)

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
        node: Node | None = self.tree.find(known)
        names = path[len(known) :].lstrip(".").split(".") if path != known else []
        while node is not None and self.is_stored(known, node):
            if node.kind == _UNREADABLE:
                return _ELSEWHERE
            if not names:
                return node.kind
            name = names.pop(0)
            below = self.place_below(place, name)
            if below is None:
                return _ELSEWHERE
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


class _Stream:
    """Records of the backend, of which one can be looked at before it is taken."""

    __slots__ = ("_next", "_records")

    def __init__(self, records: Iterator[NodeRecord]) -> None:
        self._records = records
        self._next: NodeRecord | None = None

    def next_below(self, path: str) -> NodeRecord | None:
        """Return the next record, but do not take it, if it is of something below ``path``."""
        if self._next is None:
            self._next = next(self._records, None)
        record = self._next
        if record is None or (path and not record.path.startswith(f"{path}.")):
            return None
        return record

    def take(self) -> NodeRecord:
        """Take the record that was looked at."""
        record, self._next = self._next, None
        assert record is not None
        return record

    def drop(self, path: str) -> None:
        """Take the next record if it is that of the node at ``path``."""
        if self._next is None:
            self._next = next(self._records, None)
        if self._next is not None and self._next.path == path:
            self._next = None

    def drop_below(self, path: str) -> None:
        """Take all records of what is below ``path``."""
        while self.next_below(path) is not None:
            self.take()


class _Reading:
    """Merges the records of the backend with those of the tree, both in the same order."""

    __slots__ = ("_item_filter", "_skip", "_view", "_wants", "stream")

    def __init__(
        self,
        view: _View,
        stream: _Stream,
        wants: Wants,
        item_filter: Callable[[str], bool] | None,
        skip: Skip | None,
    ) -> None:
        self._view = view
        self.stream = stream
        self._wants = wants
        self._item_filter = item_filter
        self._skip = skip

    def node(self, path: str, node: Node) -> Iterator[NodeRecord]:
        """Yield the record of a node of the tree, none if it is skipped."""
        record = bare_record(path, node)
        if node.kind == LEAF and self._wants(path):
            items = self._view.items(path, node, self._item_filter, self._skip)
            if items is None:
                return
            record = record._replace(items=items)
        yield record

    def below(
        self, path: str, node: Node, place: _Place, max_depth: int | None
    ) -> Iterator[NodeRecord]:
        """Yield the records of what is below a node of the tree."""
        if max_depth is not None and max_depth <= 0:
            return
        left = None if max_depth is None else max_depth - 1
        own = [
            (child.rank, name)
            for name, child in node.children.items()
            if child.kind not in (_ELSEWHERE, _UNREADABLE)
        ]
        own.sort(reverse=True)
        prefix = f"{path}." if path else ""
        while True:
            stored = self.stream.next_below(path) if self._view.is_stored(path, node) else None
            if stored is None:
                break
            name = stored.path[len(prefix) :]
            key = stored.kind == LINK, name
            child = node.children.get(name)
            is_concerned = self._view.place_below(place, name) is not None
            if not is_concerned or (child is not None and child.kind == _UNREADABLE):
                while own and own[-1] < key:
                    yield from self._child(prefix, own.pop()[1], node, place, left)
                yield self.stream.take()
                while self.stream.next_below(stored.path) is not None:
                    yield self.stream.take()
                continue
            if child is not None and self._view.is_stored(stored.path, child):
                while own and own[-1] < key:
                    yield from self._child(prefix, own.pop()[1], node, place, left)
                self.stream.take()
                own.remove(key)
                yield from self._child(prefix, name, node, place, left)
            else:  # it was removed, and perhaps another one made
                self.stream.take()
            self.stream.drop_below(stored.path)
        while own:
            yield from self._child(prefix, own.pop()[1], node, place, left)

    def _child(
        self, prefix: str, name: str, node: Node, place: _Place, left: int | None
    ) -> Iterator[NodeRecord]:
        child, path = node.children[name], prefix + name
        is_skipped = True
        for record in self.node(path, child):
            is_skipped = False
            yield record
        if not is_skipped:
            yield from self.below(path, child, place.below[name], left)


def _may_concern(operation: Operation, path: str) -> bool:
    """Return whether an operation is about a node at, above or below ``path``."""
    if isinstance(operation, PutMeta):
        return False
    return f"{operation.path}.".startswith(f"{path}.") or path.startswith(f"{operation.path}.")


def _everything(path: str) -> bool:
    return True


def _nothing(path: str) -> bool:
    return False


def _as_it_is(item: Item) -> Item:
    return item


def _say_nothing(*_: object) -> None:
    """Leave it to who applies the requests to tell what is odd about them."""
