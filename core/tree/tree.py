"""`Tree`: all nodes of one trajectory and how they are found, added and removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pypet.tree import links, lookup, placing, removal
from pypet.tree.group import NNGroupNode
from pypet.tree.group_state import set_root
from pypet.tree.index import NameIndex
from pypet.tree.links import LinkRegistry
from pypet.tree.names import NameRules
from pypet.tree.node import (
    NO_RUN_BRANCH,
    NNTreeNode,
    set_branch,
    set_depth,
    set_parent,
    set_run_branch,
)
from pypet.tree.typed_groups import GROUP_CLASSES
from pypet.tree.wildcards import WildcardFunction, Wildcards

_STANDARD_CLASSES = frozenset((*GROUP_CLASSES.values(), NNGroupNode))


class Tree:
    """Ties nodes, index, links and wildcards of one trajectory together.

    ``root`` is the trajectory, itself a group. It has to have the settings that the tree reads
    (``_is_run``, ``_idx``, ``_no_clobber``, ``_auto_run_prepend``, ``_standard_parameter``,
    ``_standard_result``, ``_standard_leaf``, ...), a table ``_runs`` whose ``find(name)`` gives
    the index of a run or None, and it is told what happens by
    ``root._leaf_added(leaf)`` and, right before, ``root._leaf_removed(leaf)``. A leaf whose
    addition it refuses, by an exception, is taken out again.
    """

    __slots__ = (
        "groups",
        "index",
        "leaves",
        "links",
        "new_links",
        "new_nodes",
        "root",
        "rules",
        "wildcards",
    )

    def __init__(
        self,
        root: Any,
        wildcard_functions: Mapping[str | tuple[str, ...], WildcardFunction] | None = None,
    ) -> None:
        self.root = root
        self.wildcards = Wildcards(wildcard_functions)
        self.rules = NameRules(type(root))
        self.index = NameIndex()
        self.links = LinkRegistry()
        self.groups: dict[str, Any] = {"": root}
        """Full name -> group, in the order of adding; the root is ``''``."""
        self.leaves: dict[str, Any] = {}
        """Full name -> leaf, in the order of adding."""
        self.new_nodes: dict[str, Any] = {}
        """Full name -> node, of what was added during the current run."""
        self.new_links: dict[tuple[str, str], Any] = {}
        """(Full name of the group, link name) -> target, of the same."""

    # ----- classes -------------------------------------------------------------------------

    def group_class(self, branch: str) -> type[NNGroupNode]:
        """Return the class of groups in a branch."""
        return GROUP_CLASSES.get(branch, NNGroupNode)

    def is_standard_group_class(self, cls: type) -> bool:
        """Say whether ``cls`` is one of the classes that belong to certain branches only."""
        return cls in _STANDARD_CLASSES

    def leaf_class(self, branch: str) -> type[Any]:
        """Return the class that leaves of a branch have if nothing else is asked for."""
        root = self.root
        if branch == "results":
            leaf: type[Any] = root._standard_result
        elif branch in GROUP_CLASSES:
            leaf = root._standard_parameter
        else:
            leaf = root._standard_leaf
        return leaf

    # ----- finding -------------------------------------------------------------------------

    def get_node(self, full_name: str) -> Any:
        """Return the node of exactly this full name, None if there is none; links do not count."""
        node = self.groups.get(full_name)
        return node if node is not None else self.leaves.get(full_name)

    def find(self, start: NNGroupNode, name: Any, **settings: Any) -> NNTreeNode:
        """Return the node that a name means below ``start``, see `pypet.tree.lookup.find`."""
        return lookup.find(self, start, name, **settings)

    # ----- adding --------------------------------------------------------------------------

    def insert_leaf(self, full_name: str, leaf: Any) -> Any:
        """Put a leaf at exactly this full name, without checks of name or run; return it.

        Missing groups are made. The leaf may be part of another tree under the same name.

        Raises
        ------
        AttributeError
            The place is taken, or something on the way is no group.
        """
        location, _, name = full_name.rpartition(".")
        parent = self.groups.get(location)
        if parent is not None and name in parent._children:
            raise AttributeError(f"There is a `{full_name}` already; no leaf can be put there.")
        return placing.attach_with_way(self, location, parent, full_name, leaf)

    def insert_group(
        self,
        full_name: str,
        group_class: type[NNGroupNode] | None = None,
        comment: str = "",
    ) -> Any:
        """Return the group of exactly this full name; make it if it does not exist.

        Raises
        ------
        AttributeError
            A leaf or link has the name, or is on the way.
        """
        group = self.groups.get(full_name)
        if group is not None:
            return group
        location, _, name = full_name.rpartition(".")
        parent = self.groups.get(location)
        if parent is None:
            parent, _ = self.make_way(location)
        elif name in parent._children:
            raise AttributeError(f"`{full_name}` exists and is no group.")
        if group_class is None:
            group_class = self.group_class(full_name.partition(".")[0])
        group = group_class(full_name, self.root, comment)
        self.attach(parent, group)
        return group

    def insert_link(self, full_name: str, target: Any) -> Any:
        """Put a link at exactly this full name, without checks of name or run; return the target.

        The same link may exist already.

        Raises
        ------
        AttributeError
            The place is taken by something else, or something on the way is no group.
        ValueError
            The target is no node of this tree that links can point to.
        """
        links.check_target(self, target)
        location, _, name = full_name.rpartition(".")
        group = self.groups.get(location)
        if group is None:
            group, _ = self.make_way(location)
        elif group._links.get(name) is target:
            return target
        elif name in group._children:
            raise AttributeError(f"There is a `{full_name}` already; no link can be put there.")
        links.attach_link(self, group, name, target)
        return target

    def make_way(self, full_name: str) -> tuple[Any, Any]:
        """Make the groups down to ``full_name`` that do not exist.

        Returns the last one and the topmost one that is new (None if all existed).

        Raises
        ------
        AttributeError
            A leaf or link is in the way; nothing was made.
        """
        groups = self.groups
        group = groups.get(full_name)
        if group is not None:
            return group, None
        location, _, name = full_name.rpartition(".")
        parent, first_new = groups.get(location), None
        if parent is None:
            parent, first_new = self.make_way(location)
        elif name in parent._children:
            raise placing.in_the_way(parent, name, full_name)
        group = self.group_class(full_name.partition(".")[0])(full_name, self.root)
        self.attach(parent, group)
        return group, group if first_new is None else first_new

    def attach(self, parent: NNGroupNode, node: Any) -> None:
        """Enter a node that has its full name already into the tree; its place must be free."""
        root = self.root
        name = node._name
        set_parent(node, parent)
        set_depth(node, parent._depth + 1)
        set_branch(node, parent._branch or name)
        run_branch = parent._run_branch
        if run_branch == NO_RUN_BRANCH and (
            name == root._run_name or root._runs.find(name) is not None
        ):
            run_branch = name
        parent._children[name] = node
        if node._is_leaf:
            parent._leaves[name] = node
            self.leaves[node._full_name] = node
        else:
            set_root(node, root)
            parent._groups[name] = node
            self.groups[node._full_name] = node
        set_run_branch(node, run_branch)
        self.index.add(name, node)
        if root._is_run:
            self.new_nodes[node._full_name] = node
        if node._is_leaf:
            root._leaf_added(node)

    # ----- removing ------------------------------------------------------------------------

    def detach(self, node: Any) -> None:
        """Take a node without children out of the tree, with all links to it."""
        removal.detach(self, node)

    def remove_node(
        self,
        node: Any,
        recursive: bool = True,
        predicate: Callable[[Any], bool] | None = None,
    ) -> None:
        """Remove a node and what is below it, see `pypet.tree.removal.remove_node`."""
        removal.remove_node(self, node, recursive, predicate)

    def remove_link(self, group: NNGroupNode, name: str) -> None:
        """Remove a link from a group.

        Raises
        ------
        ValueError
            There is no such link.
        """
        links.detach_link(self, group, name)

    def remove_item(self, item: Any, recursive: bool = False) -> None:
        """Remove a node or what a name means, see `pypet.tree.removal.remove_item`."""
        removal.remove_item(self, item, recursive)

    def remove_new_nodes(self) -> None:
        """Remove what was added during the current run, links too, and forget about it."""
        removal.remove_new_nodes(self)

    def forget_new_nodes(self) -> None:
        """Keep what was added during the current run, but forget that it was."""
        self.new_nodes = {}
        self.new_links = {}
