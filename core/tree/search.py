"""One search: from translated components to a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pypet.errors import DataNotInStorageError, NotUniqueNodeError
from pypet.tree.index import not_unique
from pypet.tree.storing import load_path

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.group_state import GroupState
    from pypet.tree.node import NNTreeNode
    from pypet.tree.tree import Tree

NO_RUN_IS_SET = "no run is set, so choose one first, for example by `v_idx = 0`"


def walk(
    start: GroupState, components: Sequence[str], with_links: bool = True
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


class Search:
    """Finds nodes below one start group; asked once or, because of wildcards, twice."""

    __slots__ = (
        "_auto_load",
        "_components",
        "_holder",
        "_max_depth",
        "_shortcuts",
        "_start",
        "_tree",
        "_with_links",
    )

    def __init__(
        self,
        tree: Tree,
        start: NNGroupNode,
        with_links: bool,
        shortcuts: bool,
        max_depth: int | None,
        auto_load: bool,
    ) -> None:
        self._tree = tree
        self._start = start
        self._with_links = with_links
        self._shortcuts = shortcuts
        self._max_depth = max_depth
        self._auto_load = auto_load
        self._components: tuple[str, ...] = ()
        self._holder: NNGroupNode | None = None

    def run(self, components: tuple[str, ...]) -> NNTreeNode:
        """Return the node, from memory or from the storage, or raise."""
        self._components = components
        self._holder = None
        node = walk(self._start, components, self._with_links)
        if node is not None:
            return node
        if self._auto_load:
            try:
                node = self._by_shortcuts(components) if self._shortcuts else None
            except NotUniqueNodeError:
                raise
            except AttributeError:
                node = None
            return node if node is not None else self._load(components)
        if not self._shortcuts:
            raise self._missing(components, components[0], self._start)
        return self._by_shortcuts(components)

    def _load(self, components: tuple[str, ...]) -> NNTreeNode:
        try:
            return load_path(self._tree, self._start, components)
        except DataNotInStorageError as err:
            err.add_note(
                "pypet: `v_auto_load` finds what is not in memory by its complete path only, for "
                "example `results.runs.run_00000000.z`."
            )
            raise

    def last_link(self) -> tuple[NNGroupNode, str] | None:
        """Return the link that the last step of a successful run went over."""
        holder: Any = self._holder
        if not self._components:
            return None
        if holder is None:
            holder = walk(self._start, self._components[:-1], self._with_links)
        name = self._components[-1]
        if holder is None or holder._is_leaf or name not in holder._links:
            return None
        return holder, name

    def _by_shortcuts(self, components: tuple[str, ...]) -> NNTreeNode:
        tree = self._tree
        for name in components:
            if name not in tree.index and not (self._with_links and name in tree.links):
                raise self._missing(components, name, self._start)
        node = self._absolute(components)
        return node if node is not None else self._stepwise(components)

    def _absolute(self, components: tuple[str, ...]) -> NNTreeNode | None:
        """Follow a complete path from the root, if it leads to the inside of the start group."""
        start = self._start
        depth = start._depth
        if not depth or len(components) <= depth:
            return None
        if ".".join(components[:depth]) != start._full_name:
            return None
        # The components below the start are fewer than all, so they respect the maximum depth.
        return walk(start, components[depth:], self._with_links)

    def _stepwise(self, components: tuple[str, ...]) -> NNTreeNode:
        node: Any = self._start
        left = self._max_depth
        for name in components:
            if node._is_leaf:
                raise AttributeError(
                    f"`{'.'.join(components)}` leads through `{node._full_name}`, which is a "
                    f"{type(node).__name__} and has nothing below it."
                )
            found, steps = self._shallowest(name, node, left)
            if found is None:
                raise self._missing(components, name, node)
            if left is not None:
                left -= steps
            node = found
        return node  # type: ignore[no-any-return]

    def _shallowest(
        self, name: str, group: NNGroupNode, limit: int | None
    ) -> tuple[NNTreeNode | None, int]:
        """Return the best node called ``name`` below ``group`` and the steps down to it."""
        if limit is not None and limit < 1:
            return None, 0
        child = group._children.get(name)
        if child is not None and (self._with_links or name not in group._links):
            self._holder = group
            return child, 1
        self._holder = None
        tree = self._tree
        best = tree.index.shallowest(name, group, limit)
        if best:
            limit = best[0]._depth - group._depth
        # Links only matter above the best real node: often there are none.
        if self._with_links and tree.links.within(group._depth, limit):
            self._holder, steps = _breadth_first(name, group, limit)
            if self._holder is None:
                return None, 0
            return self._holder._children[name], steps
        if len(best) > 1:
            raise not_unique(name, group, *(node._full_name for node in best))
        return (best[0], limit or 0) if best else (None, 0)

    def _missing(
        self, components: tuple[str, ...], name: str, group: NNGroupNode
    ) -> AttributeError:
        start = f"`{self._start._full_name}`" if self._start._full_name else "the trajectory"
        what = ".".join(components)
        detail = "" if what == name else f" (there is no `{name}` below `{group._full_name}`)"
        limit = "" if self._max_depth is None else f" within {self._max_depth} steps"
        # Python may add ". Did you mean ...?", so there is no full stop at the end.
        return AttributeError(f"`{what}` is not part of {start}{limit}{detail}{self._advice(name)}")

    def _advice(self, name: str) -> str:
        """Return what to do about a missing name, with the punctuation before it."""
        root: Any = self._tree.root
        if name == self._tree.wildcards.dummy and root._idx < 0:
            return f": {NO_RUN_IS_SET}"
        if root._stored and not root._is_run and not self._auto_load:
            return (
                "; if it is only in the storage, load it first, for example by "
                "`f_load(load_data=2)`, or set `v_auto_load = True` and give the complete path"
            )
        return ""


def _breadth_first(
    name: str, start: NNGroupNode, limit: int | None
) -> tuple[NNGroupNode | None, int]:
    """Search level by level, also over links, for the group that has a child ``name``.

    Every group is entered once. Returned are the group and the steps from ``start`` to the child.

    Raises
    ------
    NotUniqueNodeError
        Several routes of the same length end with ``name``.
    """
    seen = {id(start)}
    level = [start]
    steps = 0
    while level and (limit is None or steps < limit):
        steps += 1
        holders = [group for group in level if name in group._children]
        if len(holders) > 1:
            places = [f"{holder._full_name}.{name}".lstrip(".") for holder in holders[:2]]
            raise not_unique(name, start, *places)
        if holders:
            return holders[0], steps
        below: list[NNGroupNode] = []
        for group in level:
            for child in (*group._groups.values(), *group._links.values()):
                if not child._is_leaf and id(child) not in seen:
                    seen.add(id(child))
                    below.append(child)
        level = below
    return None, 0
