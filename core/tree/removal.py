"""Removing nodes from memory; what is stored stays stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pypet.tree.group_state import set_root
from pypet.tree.links import detach_link
from pypet.tree.lookup import find, find_link
from pypet.tree.node import NNTreeNode, set_parent

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree

    Predicate = Callable[[Any], bool]


def detach(tree: Tree, node: Any) -> None:
    """Take one node without children out of the tree, with all links to it."""
    full_name = node._full_name
    name = node._name
    linked_by = tree.links.linked_by
    if linked_by and full_name in linked_by:
        for group_name, link_name in list(linked_by[full_name]):
            detach_link(tree, tree.groups[group_name], link_name)
    parent: Any
    if node._is_leaf:
        tree.root._leaf_removed(node)
        parent = tree.groups[full_name[: -len(name) - 1]]
        del parent._leaves[name]
        del tree.leaves[full_name]
        if node._parent is parent:  # a leaf may be shared with another trajectory
            set_parent(node, None)
    else:
        parent = node._parent
        del parent._groups[name]
        del tree.groups[full_name]
        set_parent(node, None)
        set_root(node, None)
    del parent._children[name]
    tree.index.remove(name, node._depth, full_name)
    if tree.new_nodes:
        tree.new_nodes.pop(full_name, None)


def remove_subtree(tree: Tree, top: Any) -> None:
    """Remove a node and everything below it."""
    order = [top]
    for node in order:
        if not node._is_leaf:
            order.extend(node._groups.values())
            order.extend(node._leaves.values())
    for node in reversed(order):
        if not node._is_leaf:
            for name in list(node._links):
                detach_link(tree, node, name)
        detach(tree, node)


def remove_where(tree: Tree, top: Any, predicate: Predicate) -> None:
    """Remove the nodes at and below ``top`` that fit, except for those above a kept node."""
    order = [top]
    for node in order:
        if not node._is_leaf:
            order.extend(node._groups.values())
            order.extend(node._leaves.values())
    for node in reversed(order):
        if node._is_leaf:
            if predicate(node):
                detach(tree, node)
        elif not node._groups and not node._leaves and predicate(node):
            for name in list(node._links):
                detach_link(tree, node, name)
            detach(tree, node)


def remove_node(
    tree: Tree, node: Any, recursive: bool = True, predicate: Predicate | None = None
) -> None:
    """Remove a node; of what is below it everything or, with ``predicate``, what fits.

    Raises
    ------
    TypeError
        The node has children and ``recursive`` is false.
    ValueError
        The node is not part of the tree.
    """
    if node is tree.root:
        raise ValueError("The trajectory itself cannot be removed from it; name one of its nodes.")
    if tree.get_node(node._full_name) is not node:
        raise ValueError(f"`{node._full_name}` is not part of the trajectory (any more).")
    if not recursive and not node._is_leaf and node._children:
        raise TypeError(
            f"Group `{node._full_name}` has {len(node._children)} children; "
            "remove it with `recursive=True`."
        )
    if predicate is None:
        remove_subtree(tree, node)
    else:
        remove_where(tree, node, predicate)


def remove_child(
    tree: Tree,
    group: NNGroupNode,
    name: str,
    recursive: bool = False,
    predicate: Predicate | None = None,
) -> None:
    """Remove a direct child, or the link of that name.

    Raises
    ------
    ValueError
        There is neither.
    TypeError
        The child has children and ``recursive`` is false.
    """
    child = group._children.get(name) if isinstance(name, str) else None
    if child is None:
        raise ValueError(
            f"Group `{group._full_name}` has no direct child or link {name!r}; "
            "dotted names and shortcuts do not count here."
        )
    if name in group._links:
        if predicate is None or predicate(child):
            detach_link(tree, group, name)
        return
    remove_node(tree, child, recursive, predicate)


def remove_children(tree: Tree, group: NNGroupNode, predicate: Predicate | None = None) -> None:
    """Remove everything below a group; with ``predicate`` only nodes that fit."""
    if predicate is None:
        for name in list(group._links):
            detach_link(tree, group, name)
    for child in (*group._groups.values(), *group._leaves.values()):
        remove_node(tree, child, True, predicate)


def remove_item(tree: Tree, item: Any, recursive: bool = False) -> None:
    """Remove a node given by itself or by a name, which may use shortcuts.

    A name that leads to a link removes this link and leaves the node that it points to.

    Raises
    ------
    AttributeError
        No node has the name.
    TypeError
        The node has children and ``recursive`` is false.
    """
    if isinstance(item, NNTreeNode):
        remove_node(tree, item, recursive)
        return
    place = find_link(tree, tree.root, item)
    if place is not None:
        detach_link(tree, *place)
    else:
        remove_node(tree, find(tree, tree.root, item), recursive)


FRAMES = frozenset(
    name for branch in ("results", "derived_parameters") for name in (branch, f"{branch}.runs")
)
"""Groups that belong to no run but are made by the first one that adds something: kept, since
otherwise every run would make and store them anew."""


def remove_new_nodes(tree: Tree) -> None:
    """Remove what was added during the current run and forget about it.

    Only the empty groups that hold the runs stay.
    """
    new_nodes, new_links = tree.new_nodes, tree.new_links
    tree.new_nodes, tree.new_links = {}, {}
    for group_name, link_name in new_links:
        group = tree.groups.get(group_name)
        if group is not None and link_name in group._links:
            detach_link(tree, group, link_name)
    known: Any
    for full_name, node in reversed(new_nodes.items()):
        if node._is_leaf:
            known = tree.leaves.get(full_name)
            if known is node:
                detach(tree, node)
            continue
        known = tree.groups.get(full_name)
        if known is node and full_name not in FRAMES:
            if not node._children:
                detach(tree, node)
            else:  # holds what was added outside of the run
                remove_subtree(tree, node)
