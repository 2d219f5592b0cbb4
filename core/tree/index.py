"""The indices of a tree: short names to the nodes that have them, and who links to whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet.tree.navigation import Navigation
    from pypet.tree.node import NNTreeNode

    Level = dict[str, NNTreeNode]

_FIRST_STRIDE = 8


class NameIndex:
    """Short name -> depth -> full name -> node.

    A name that only one node has, as run groups do, leads to the node itself: that spares two
    dictionaries for each of a million runs.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[str, NNTreeNode | dict[int, Level]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def add(self, name: str, node: NNTreeNode) -> None:
        """Enter a node, whose depth and full name must be final."""
        entry = self._entries.setdefault(name, node)
        if entry is node:
            return
        if type(entry) is not dict:
            other: Any = entry
            entry = self._entries[name] = {other._depth: {other._full_name: other}}
        level = entry.get(node._depth)
        if level is None:
            level = entry[node._depth] = {}
        level[node._full_name] = node

    def remove(self, name: str, depth: int, full_name: str) -> None:
        """Forget a node that was entered."""
        entry = self._entries[name]
        if type(entry) is dict:
            level = entry[depth]
            del level[full_name]
            if level:
                return
            del entry[depth]
            if entry:
                return
        del self._entries[name]

    def only(self, name: str, start: Navigation) -> NNTreeNode | None:
        """Return the node called ``name`` if the tree has one only and it is below ``start``."""
        entry: Any = self._entries.get(name)
        if entry is None or type(entry) is dict:
            return None
        above = start._full_name
        return entry if not above or entry._full_name.startswith(above + ".") else None

    def below(
        self, name: str, start: Navigation, max_steps: int | None = None
    ) -> Iterator[NNTreeNode]:
        """Yield the nodes called ``name`` below ``start``, shallow ones first."""
        prefix = start._full_name + "." if start._full_name else ""
        for _, level in self._levels(name, start, max_steps):
            for node in level.values():
                if node._full_name.startswith(prefix):
                    yield node

    def shallowest(
        self, name: str, start: Navigation, max_steps: int | None = None
    ) -> list[NNTreeNode]:
        """Return the nodes called ``name`` with the fewest steps below ``start``, at most two."""
        entry = self._entries.get(name)
        if entry is None:
            return []
        prefix = start._full_name + "." if start._full_name else ""
        if type(entry) is not dict:
            node: Any = entry
            steps = node._depth - start._depth
            fits = node._full_name.startswith(prefix)
            return [node] if fits and (max_steps is None or steps <= max_steps) else []
        for depth, level in self._levels(name, start, max_steps):
            found = _two_below(level, name, start, depth, prefix)
            if found:
                return found
        return []

    def _levels(
        self, name: str, start: Navigation, max_steps: int | None
    ) -> Iterator[tuple[int, Level]]:
        entry = self._entries.get(name)
        if entry is None:
            return
        if type(entry) is not dict:
            node: Any = entry
            entry = {node._depth: {node._full_name: node}}
        top = start._depth
        for depth in sorted(entry):
            if depth > top and (max_steps is None or depth - top <= max_steps):
                yield depth, entry[depth]


def _two_below(
    level: Level, name: str, start: Navigation, depth: int, prefix: str
) -> list[NNTreeNode]:
    """Return the nodes of a level that lie below ``start``, at most two.

    Either all nodes of the level are checked or all groups below ``start`` that could be their
    parents. Either can be huge while the other is tiny, so both advance alternately.
    """
    if not prefix:
        return list(islice(level.values(), 2))
    candidates = iter(level.values())
    groups = _groups_at(start, depth - start._depth - 1)
    by_name: list[NNTreeNode] = []
    by_parent: list[NNTreeNode] = []
    stride = _FIRST_STRIDE
    while True:
        chunk = list(islice(candidates, stride))
        by_name += [node for node in chunk if node._full_name.startswith(prefix)]
        if len(chunk) < stride or len(by_name) > 1:
            return by_name[:2]
        parents = list(islice(groups, stride))
        by_parent += [
            group._children[name]
            for group in parents
            if group is not None and name in group._children and name not in group._links
        ]
        if len(parents) < stride or len(by_parent) > 1:
            return by_parent[:2]
        stride *= 2


def _groups_at(start: Navigation, steps: int) -> Iterator[Navigation | None]:
    """Yield the groups ``steps`` below ``start``, and a None for every other group visited."""
    if steps == 0:
        yield start
        return
    for group in start._groups.values():
        if steps > 1:
            yield None
        yield from _groups_at(group, steps - 1)


class LinkRegistry:
    """Who links to whom; the links themselves are kept by their groups."""

    __slots__ = ("_depths", "_names", "linked_by")

    def __init__(self) -> None:
        self.linked_by: dict[str, dict[tuple[str, str], Navigation]] = {}
        """Full name of a target -> (full name of the group, name of the link) -> group."""
        self._names: dict[str, int] = {}
        self._depths: dict[int, int] = {}

    def __bool__(self) -> bool:
        """Return whether there is any link."""
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        """Return whether any link has this name."""
        return name in self._names

    def __iter__(self) -> Iterator[tuple[Navigation, str, NNTreeNode]]:
        """Yield group, link name and target of every link."""
        for users in list(self.linked_by.values()):
            for (_, name), group in list(users.items()):
                yield group, name, group._links[name]

    def within(self, depth: int, steps: int | None) -> bool:
        """Return whether groups of depth ``depth`` to ``depth + steps - 1`` hold links anywhere."""
        return any(
            held >= depth and (steps is None or held < depth + steps) for held in self._depths
        )

    def enter(self, group: Navigation, name: str, target: NNTreeNode) -> None:
        """Enter a link."""
        users = self.linked_by.setdefault(target._full_name, {})
        users[group._full_name, name] = group
        self._names[name] = self._names.get(name, 0) + 1
        self._depths[group._depth] = self._depths.get(group._depth, 0) + 1

    def forget(self, group: Navigation, name: str, target: NNTreeNode) -> None:
        """Remove a link."""
        users = self.linked_by[target._full_name]
        del users[group._full_name, name]
        if not users:
            del self.linked_by[target._full_name]
        _decrease(self._names, name)
        _decrease(self._depths, group._depth)


def _decrease(counts: dict[Any, int], key: Any) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def walk(
    start: Navigation, components: Sequence[str], with_links: bool = True
) -> NNTreeNode | None:
    """Follow direct children, and links if they count; None if one is missing."""
    node: Any = start
    for name in components:
        if node._is_leaf:
            return None
        child = node._children.get(name)
        if child is None or not (with_links or name not in node._links):
            return None
        node = child
    return node  # type: ignore[no-any-return]
