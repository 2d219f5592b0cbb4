"""Placing nodes at their full names, completely or not at all.

Everything is checked before the first group is created; if a node cannot be
attached after all, the groups created for it are removed.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from pypet.tree.names import BRANCHES, RESERVED_UNDER_ROOT
from pypet.tree.node import NO_RUN_BRANCH, set_branch, set_depth, set_run_branch

if TYPE_CHECKING:
    from pypet.tree.adding import Kind
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree

logger = logging.getLogger(__name__)

NOT_IN_RUN_BRANCHES = ("config", "parameters")
"""Branches that cannot grow during a run."""


def place(
    tree: Tree,
    full_name: str,
    kind: Kind,
    node: Any,
    node_class: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Put an instance, or a new one, at a checked full name; return what is there then."""
    location, _, name = full_name.rpartition(".")
    branch = full_name.partition(".")[0]
    check_place(tree, full_name, branch)
    if not location and kind.is_leaf and full_name in BRANCHES:
        raise ValueError(
            f"The name `{full_name}` directly under the trajectory is reserved for a group, so no "
            "parameter or result has it."
        )
    parent = tree.groups.get(location)
    if parent is not None and name in parent._children:
        return name_conflict(tree, parent, name)
    if node is not None:
        _check_free(tree, node, full_name)
    else:
        if node_class is None:
            node_class = tree.leaf_class(branch) if kind.is_leaf else tree.group_class(branch)
        if knows_trajectory(node_class):
            node = node_class(full_name, tree.root, *args, **kwargs)
        else:
            node = node_class(full_name, *args, **kwargs)
    if not kind.is_leaf:
        _check_group_class(tree, node, branch, full_name)
    elif kind.branch is not None and bool(node._is_parameter) is not kind.is_parameter:
        raise TypeError(
            f"`{kind.method}` adds {'parameters' if kind.is_parameter else 'results'}, but "
            f"`{full_name}` would be a {type(node).__name__}."
        )
    return attach_with_parents(tree, location, parent, full_name, node)


def attach_with_parents(
    tree: Tree, location: str, parent: NNGroupNode | None, full_name: str, node: Any
) -> Any:
    """Attach a node and its missing parents; all of it or, after an error, nothing."""
    first_new = None
    if parent is None:
        parent, first_new = tree.create_parents(location)
    old_name = node._full_name
    try:
        if old_name != full_name:
            node._rename(full_name)
        tree.attach(parent, node)
    except BaseException:
        if tree.get_node(full_name) is node:
            tree.detach(node)
        if first_new is not None:
            tree.remove_node(first_new)
        node._rename(old_name)
        set_depth(node, 0)
        set_branch(node, None)
        set_run_branch(node, NO_RUN_BRANCH)
        raise
    return node


def check_place(tree: Tree, full_name: str, branch: str) -> None:
    """Make sure that nodes may be added to a branch now.

    Raises
    ------
    TypeError
        They may not during a run.
    ValueError
        The first component of the name is the one that is reserved under the root.
    """
    if branch in NOT_IN_RUN_BRANCHES and tree.root._is_run:
        raise TypeError(
            f"`{full_name}` cannot be added during a single run: `{branch}` is fixed by then."
        )
    if branch == RESERVED_UNDER_ROOT:
        raise ValueError(
            f"The name `{branch}` directly under the trajectory is reserved for the tables of the "
            "storage; deeper in the tree it is free."
        )


def path_conflict(group: NNGroupNode, name: str, wanted: str) -> AttributeError:
    """Return the error for a child ``name`` on the path to ``wanted`` that is not a group."""
    child = group._children[name]
    if name in group._links:
        return AttributeError(
            f"Nothing can be added at `{wanted}`: `{name}` in `{group._full_name}` is a link. "
            f"Add it to the linked node `{child._full_name}` itself."
        )
    return AttributeError(
        f"Nothing can be added at `{wanted}`: `{child._full_name}` is a "
        f"{type(child).__name__}, not a group."
    )


def name_conflict(tree: Tree, group: NNGroupNode, name: str) -> Any:
    """Return the node that has the name already if the trajectory keeps old nodes.

    Raises
    ------
    AttributeError
        The trajectory does not: adding twice is an error.
    """
    old = group._children[name]
    what = "link" if name in group._links else "leaf" if old._is_leaf else "group"
    where = group._full_name or "the trajectory"
    if not tree.root._no_clobber:
        raise AttributeError(
            f"There is a {what} `{name}` in `{where}` already; remove it first, or set "
            "`v_no_clobber` to keep what exists."
        )
    logger.warning("There is a %s `%s` in `%s` already; it is kept.", what, name, where)
    return old


@functools.cache
def knows_trajectory(node_class: type) -> bool:
    """Return whether instances are made with the trajectory as second argument."""
    return bool(getattr(node_class, "KNOWS_TRAJECTORY", False))


def _check_group_class(tree: Tree, group: Any, branch: str, full_name: str) -> None:
    if group._root is group:
        raise TypeError(
            f"A trajectory cannot be part of another one; no group `{full_name}` is made of "
            f"`{group._name}`. `f_merge` takes over its runs."
        )
    wanted_class = tree.group_class(branch)
    if type(group) is not wanted_class and tree.is_standard_group_class(type(group)):
        raise TypeError(
            f"Groups {'in' if branch in BRANCHES else 'such as'} `{full_name}` are of class "
            f"{wanted_class.__name__} (or a class of your own), not {type(group).__name__}."
        )


def _check_free(tree: Tree, node: Any, full_name: str) -> None:
    """Refuse instances that are in a tree already or have children."""
    if tree.get_node(node._full_name) is node:
        raise AttributeError(
            f"`{node._full_name}` is part of the trajectory already and cannot be added as "
            f"`{full_name}` too; `f_add_link` gives it a second name."
        )
    if node._is_leaf:
        # A leaf may be shared by two trajectories, but it has one name.
        elsewhere = node._parent is not None and node._full_name != full_name
    else:
        elsewhere = node._parent is not None or bool(node._children)
    if elsewhere:
        raise AttributeError(
            f"The {type(node).__name__} `{node._full_name}` belongs to another trajectory and "
            f"cannot be added as `{full_name}`; remove it there first, or add a copy."
        )
