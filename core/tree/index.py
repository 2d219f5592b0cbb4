"""The index of a tree: from short names to the nodes that carry them, by depth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pypet.errors import NotUniqueNodeError

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
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

    def only(self, name: str, start: NNGroupNode) -> NNTreeNode | None:
        """Return the node called ``name`` if the tree has one only and it is below ``start``."""
        entry: Any = self._entries.get(name)
        if entry is None or type(entry) is dict:
            return None
        above = start._full_name
        return entry if not above or entry._full_name.startswith(above + ".") else None

    def below(
        self, name: str, start: NNGroupNode, max_steps: int | None = None
    ) -> Iterator[NNTreeNode]:
        """Yield the nodes called ``name`` below ``start``, shallow ones first."""
        prefix = start._full_name + "." if start._full_name else ""
        for _, level in self._levels(name, start, max_steps):
            for node in level.values():
                if node._full_name.startswith(prefix):
                    yield node

    def shallowest(
        self, name: str, start: NNGroupNode, max_steps: int | None = None
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
        self, name: str, start: NNGroupNode, max_steps: int | None
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


def not_unique(name: str, start: NNGroupNode, *places: str) -> NotUniqueNodeError:
    """Return the error for a name that fits several nodes equally well."""
    where = f"below `{start._full_name}`" if start._full_name else "in the trajectory"
    advice = "Give more of the path."
    run_of = start._nn().wildcards.run_index
    if all(any(run_of(part) is not None for part in place.split(".")) for place in places):
        advice = (
            f"Say of which run: `crun.{name}` after `v_idx = 0`, a run's name before `{name}`, "
            f"or `f_get_from_runs('{name}')` for all of them."
        )
    return NotUniqueNodeError(
        f"`{name}` is not unique {where}: there are {', '.join(f'`{place}`' for place in places)}. "
        f"{advice}"
    )


def _two_below(
    level: Level, name: str, start: NNGroupNode, depth: int, prefix: str
) -> list[NNTreeNode]:
    """Return the nodes of a level that lie below ``start``, at most two.

    Either all nodes of the level are checked or all groups below ``start`` that could be their
    parents. One of both can be huge while the other is tiny, so both advance in turn.
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


def _groups_at(start: NNGroupNode, steps: int) -> Iterator[NNGroupNode | None]:
    """Yield the groups ``steps`` below ``start``, and a None for every other group visited."""
    if steps == 0:
        yield start
        return
    for group in start._groups.values():
        if steps > 1:
            yield None
        yield from _groups_at(group, steps - 1)
