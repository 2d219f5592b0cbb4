"""A tree as plain lists of its nodes, for pickling.

Nodes know their parents, children and the trajectory. If pickling followed them, it would climb
from node to node, deeper than Python allows where links form chains.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pypet.slots import HasSlots
from pypet.tree.group import NNGroupNode
from pypet.tree.node import NO_RUN_BRANCH, put, set_stored
from pypet.tree.tree import Tree
from pypet.tree.wildcards import Wildcards

_GROUP_STATE = frozenset(NNGroupNode.__all_slots__)


class GroupState(NamedTuple):
    """One group without its children."""

    full_name: str
    group_class: type[NNGroupNode]
    comment: str
    annotations: Any
    stored: bool
    run_branch: str
    own: dict[str, Any]
    """What the group's class adds to the state of groups."""


class TreeState(NamedTuple):
    """All of a tree."""

    wildcards: Wildcards
    groups: list[GroupState]
    """All but the root, in the order of adding: after their parents."""
    leaves: dict[str, Any]
    """Leaves by full name, in the order of adding."""
    links: list[tuple[str, str, str]]
    """Full name of the group, name of the link, full name of the target."""
    orders: dict[str, list[str]]
    """Names of the children of mixed groups, by full name."""
    new_nodes: list[str]
    new_links: list[tuple[str, str]]


def tree_state(tree: Tree) -> TreeState:
    """Return a tree as lists."""
    groups = list(tree.groups.values())
    return TreeState(
        tree.wildcards,
        [group_state(group) for group in groups if group is not tree.root],
        dict(tree.leaves),
        [
            (group._full_name, name, target._full_name)
            for group in groups
            for name, target in group._links.items()
        ],
        {group._full_name: list(group._children) for group in groups if is_mixed(group)},
        list(tree.new_nodes),
        list(tree.new_links),
    )


def restore_tree(tree: Tree, state: TreeState) -> None:
    """Put everything into a new tree."""
    tree.wildcards = state.wildcards
    for entry in state.groups:
        group = group_from(entry, tree.root)
        tree.attach(tree.groups[entry.full_name.rpartition(".")[0]], group)
        put(group, "_run_branch", entry.run_branch)
    for full_name, leaf in state.leaves.items():
        run_branch = _run_branch_of(leaf, full_name)
        tree.attach(tree.groups[full_name.rpartition(".")[0]], leaf)
        put(leaf, "_run_branch", run_branch)
    for location, name, target in state.links:
        tree.insert_link(f"{location}.{name}" if location else name, tree.get_node(target))
    for full_name, names in state.orders.items():
        arrange_children(tree.groups[full_name], names)
    tree.new_nodes = {name: tree.get_node(name) for name in state.new_nodes}
    tree.new_links = {
        (location, name): tree.groups[location]._links[name] for location, name in state.new_links
    }


def _run_branch_of(leaf: Any, full_name: str) -> str:
    """Return the run that a leaf belongs to; make it nameable if its own state comes later.

    That is so if pickling began at the leaf, and the leaf led to the trajectory.
    """
    try:
        run_branch: str = object.__getattribute__(leaf, "_run_branch")
    except AttributeError:
        leaf._rename(full_name)
        return NO_RUN_BRANCH
    return run_branch


# ----- single groups -----------------------------------------------------------------------


def group_state(group: Any) -> GroupState:
    """Return a group without its children as plain data."""
    cls = type(group)
    own: dict[str, Any] = {}
    if hasattr(group, "__dict__") or not _GROUP_STATE.issuperset(cls.__all_slots__):
        state = HasSlots.__getstate__(group)
        own = {name: value for name, value in state.items() if name not in _GROUP_STATE}
    return GroupState(
        group._full_name,
        cls,
        group._comment,
        group._annotations,
        group._stored,
        group._run_branch,
        own,
    )


def group_from(state: GroupState, root: Any) -> Any:
    """Return a new group; it is not part of the tree yet."""
    group: Any = state.group_class.__new__(state.group_class)
    NNGroupNode.__init__(group, state.full_name, root, state.comment)
    put(group, "_annotations", state.annotations)
    set_stored(group, state.stored)
    for name, value in state.own.items():
        put(group, name, value)
    return group


def is_mixed(group: Any) -> bool:
    """Return whether the order of children does not follow from that of its groups or leaves."""
    return bool(group._links) or bool(group._groups and group._leaves)


def arrange_children(group: Any, names: Iterable[str]) -> None:
    """Bring the children of a group into the order of ``names``; others come last."""
    children = group._children
    ordered = {name: children[name] for name in names if name in children}
    ordered.update(children)
    children.clear()
    children.update(ordered)
