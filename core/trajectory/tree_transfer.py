"""Copying nodes of one trajectory into another, to the same places."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import chain
from typing import Any

from pypet.trajectory.tree_state import arrange_children, group_from, group_state, is_mixed
from pypet.tree.node import put
from pypet.tree.tree import Tree

_OF_THE_PLACE = ("_parent", "_depth", "_branch", "_run_branch", "_name", "_full_name")


class TreeTransfer:
    """Copies nodes of one trajectory into another, to the same places."""

    def __init__(self, source: Any, target: Any, copy_leaves: bool | str, overwrite: bool) -> None:
        if copy_leaves not in (True, False, "explored"):
            raise ValueError(f"`copy_leaves` takes True, False or 'explored', not {copy_leaves!r}.")
        self._source = source
        self._root = target
        self._tree: Tree = target._tree
        self._copy_leaves = copy_leaves
        self._overwrite = overwrite

    def copy_below(self, top: Any, with_links: bool) -> None:
        """Copy what is below a group, then the links, and restore the order of children."""
        groups, leaves = self._below(top)
        for node in chain(groups[1:], leaves):
            self.copy_node(node)
        if with_links:
            for group in groups:
                for name, target in group._links.items():
                    self._copy_link(group, name, target)
        for group in groups:
            if is_mixed(group):
                arrange_children(self._tree.groups[group._full_name], group._children)

    def _below(self, top: Any) -> tuple[list[Any], Iterable[Any]]:
        """Return ``top`` and the groups below it, parents first, and the leaves below it."""
        tree = self._source._tree
        if top is self._source:
            return list(tree.groups.values()), tree.leaves.values()
        groups = [top]
        for group in groups:
            groups.extend(group._groups.values())
        return groups, [leaf for group in groups for leaf in group._leaves.values()]

    def copy_node(self, node: Any) -> None:
        """Copy one node without its children."""
        full_name = node._full_name
        there = self._tree.get_node(full_name)
        if there is None:
            if node._is_leaf:
                self._new_leaf(full_name, node)
            else:
                self._new_group(full_name, node)
        elif there._is_leaf is not node._is_leaf:
            raise AttributeError(
                f"`{full_name}` is a {type(node).__name__}, but a {type(there).__name__} in "
                f"trajectory `{self._root._name}`; it cannot be copied there."
            )
        elif self._overwrite:
            if node._is_leaf:
                _take_state(there, node)
            else:
                self.refresh_group(node, there)

    def refresh_group(self, node: Any, there: Any) -> None:
        """Take over comment and annotations of a group."""
        put(there, "_comment", node._comment)
        put(there, "_annotations", node._annotations)

    def _new_leaf(self, full_name: str, node: Any) -> None:
        wanted = self._copy_leaves
        if wanted == "explored":
            wanted = full_name in self._source._explored
        leaf = copy.copy(node) if wanted else node
        home = node._parent
        run_branch = node._run_branch
        self._tree.insert_leaf(full_name, leaf)
        put(leaf, "_run_branch", run_branch)
        if leaf is node:
            put(leaf, "_parent", home)  # a shared leaf stays at home where it was first

    def _new_group(self, full_name: str, node: Any) -> None:
        group = group_from(group_state(node), self._root)
        parent, _ = self._tree.create_parents(full_name.rpartition(".")[0])
        self._tree.attach(parent, group)
        put(group, "_run_branch", node._run_branch)

    def _copy_link(self, group: Any, name: str, target: Any) -> None:
        place = self._tree.groups[group._full_name]
        twin = self._tree.get_node(target._full_name)
        if twin is not None and name not in place._children:
            self._tree.insert_link(f"{group._full_name}.{name}".lstrip("."), twin)


def _take_state(leaf: Any, other: Any) -> None:
    place = {name: getattr(leaf, name) for name in _OF_THE_PLACE}
    leaf.__setstate__(copy.copy(other).__getstate__())
    for name, value in place.items():
        put(leaf, name, value)
