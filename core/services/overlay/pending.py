"""Operations that wait to be applied, found by the paths that they concern."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from pypet.records import (
    DeleteLink,
    DeleteNode,
    Operation,
    PutLink,
    PutMeta,
    PutNode,
)


class PathOperations:
    """What operations say about one path, and about those below it."""

    __slots__ = ("below", "first", "first_put", "is_removed", "operations")

    def __init__(self, first: int) -> None:
        self.first = first
        """Position of the first operation here or below."""
        self.first_put: int | None = None
        """Position of the first one that makes a node here or below."""
        self.is_removed = False
        """Whether a node or link is removed here or below."""
        self.below: dict[str, PathOperations] = {}
        self.operations: list[int] = []
        """Their positions in the order in which they were added."""


class PendingOperations:
    """The operations that wait for one trajectory, found by their paths."""

    __slots__ = ("operations", "root")

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.root = PathOperations(0)

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
                    known = place.below[name] = PathOperations(position)
                place = known
                place.is_removed = place.is_removed or removes
                if puts and place.first_put is None:
                    place.first_put = position
        place.operations.append(position)
        self.operations.append(operation)

    def followed_by(self, operations: Iterable[Operation]) -> PendingOperations:
        """Return these operations and more."""
        longer = PendingOperations()
        for operation in itertools.chain(self.operations, operations):
            longer.add(operation)
        return longer

    def concerns(self, path: str) -> bool:
        """Return whether the node at ``path``, or what is below it, may not be as stored."""
        return self._look(path) is not None or bool(self._removals_above(path))

    def place(self, path: str) -> PathOperations:
        """Return what the requests change at a path, if anything."""
        return self._look(path) or PathOperations(0)

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

    def _look(self, path: str) -> PathOperations | None:
        place: PathOperations | None = self.root
        for name in path.split(".") if path else ():
            if place is None:
                return None
            place = place.below.get(name)
        return place

    def _above(self, path: str) -> Iterator[PathOperations]:
        """Yield the places of all parent groups of a path."""
        if path:
            place: PathOperations | None = self.root
            for name in path.split("."):
                if place is None:
                    return
                yield place
                place = place.below.get(name)

    def _removes_all(self, position: int) -> bool:
        operation = self.operations[position]
        return isinstance(operation, DeleteNode) and operation.recursive
