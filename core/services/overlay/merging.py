"""Merging the records of a storage with those of nodes that operations have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from pypet.records import (
    LEAF,
    LINK,
    NodeRecord,
)
from pypet.services.record_tree import Node, bare_record

if TYPE_CHECKING:
    from pypet.services.overlay.pending import PathOperations
    from pypet.services.overlay.view import OverlayView

Wants = Callable[[str], bool]
Skip = Callable[[str, Exception], None]

ELSEWHERE: Final = "elsewhere"
"""Kind of a child that no operation concerns: it is only known to be there."""
UNREADABLE: Final = "unreadable"
"""Kind of a stored node whose record cannot be read."""


class RecordStream:
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


class RecordMerge:
    """Merges the records of the backend with those of the tree, both in the same order."""

    __slots__ = ("_item_filter", "_skip", "_view", "_wants", "stream")

    def __init__(
        self,
        view: OverlayView,
        stream: RecordStream,
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
        self, path: str, node: Node, place: PathOperations, max_depth: int | None
    ) -> Iterator[NodeRecord]:
        """Yield the records of what is below a node of the tree."""
        if max_depth is not None and max_depth <= 0:
            return
        left = None if max_depth is None else max_depth - 1
        own = [
            (child.rank, name)
            for name, child in node.children.items()
            if child.kind not in (ELSEWHERE, UNREADABLE)
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
            if not is_concerned or (child is not None and child.kind == UNREADABLE):
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
        self, prefix: str, name: str, node: Node, place: PathOperations, left: int | None
    ) -> Iterator[NodeRecord]:
        child, path = node.children[name], prefix + name
        is_skipped = True
        for record in self.node(path, child):
            is_skipped = False
            yield record
        if not is_skipped:
            yield from self.below(path, child, place.below[name], left)
