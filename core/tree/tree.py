"""`Tree`: all nodes of one trajectory and how they are found, added and removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from pypet.tree.group import NNGroupNode
from pypet.tree.index import LinkRegistry, NameIndex
from pypet.tree.lookup import find, find_link
from pypet.tree.names import NameRules
from pypet.tree.navigation import set_root
from pypet.tree.node import (
    NO_RUN_BRANCH,
    NNTreeNode,
    set_branch,
    set_depth,
    set_parent,
    set_run_branch,
)
from pypet.tree.typed_groups import GROUP_CLASSES, RootGroup
from pypet.tree.wildcards import WildcardFunction, Wildcards

if TYPE_CHECKING:
    from pypet.tree.navigation import Navigation

    Predicate = Callable[[Any], bool]

_STANDARD_CLASSES = frozenset((*GROUP_CLASSES.values(), NNGroupNode))

RUN_HOLDERS = frozenset(
    name for branch in ("results", "derived_parameters") for name in (branch, f"{branch}.runs")
)
"""Groups that belong to no run but are made by the first one that adds something. They are kept,
because otherwise every run would create and store them again."""


def tree_of(trajectory: Any) -> Tree:
    """Return the tree of a trajectory.

    A function, because names without the prefix ``v_`` on a trajectory belong to users' nodes.
    """
    tree: Tree = trajectory._tree
    return tree


class Tree:
    """Nodes, index, links and wildcards of one trajectory.

    ``root`` is the trajectory. It is notified of leaves, other than results in their branch, right
    after one was added and right before one is removed. If it raises an exception for a new leaf,
    the leaf is removed again.
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
        root: RootGroup,
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
        """Return whether ``cls`` is one of the classes that belong to certain branches only."""
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

    def leaves_of(self, branches: Collection[str]) -> dict[str, Any]:
        """Return the leaves in some branches by full name, in the order of adding."""
        # Not `v_branch`: a call per leaf would double the time of a merge into a large tree.
        return {name: leaf for name, leaf in self.leaves.items() if leaf._branch in branches}

    # ----- adding --------------------------------------------------------------------------

    def insert_leaf(self, full_name: str, leaf: Any) -> Any:
        """Put a leaf at exactly this full name, without checks of name or run; return it.

        Missing groups are made. The leaf may be part of another tree under the same name.

        Raises
        ------
        AttributeError
            The name is in use, or the path leads through a leaf or link.
        """
        location, _, name = full_name.rpartition(".")
        parent = self.groups.get(location)
        if parent is not None and name in parent._children:
            raise AttributeError(f"There is a `{full_name}` already; no leaf can be put there.")
        return self.attach_with_parents(parent, full_name, leaf)

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
            A leaf or link has the name, or is on the path.
        """
        group = self.groups.get(full_name)
        if group is not None:
            return group
        location, _, name = full_name.rpartition(".")
        parent = self.groups.get(location)
        if parent is None:
            parent, _ = self.create_parents(location)
        elif name in parent._children:
            raise AttributeError(f"`{full_name}` exists and is not a group.")
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
            Another node has the name, or the path leads through a leaf or link.
        ValueError
            The target is not a node of this tree that links can point to.
        """
        self.check_link_target(target)
        location, _, name = full_name.rpartition(".")
        group = self.groups.get(location)
        if group is None:
            group, _ = self.create_parents(location)
        elif group._links.get(name) is target:
            return target
        elif name in group._children:
            raise AttributeError(f"There is a `{full_name}` already; no link can be put there.")
        self.attach_link(group, name, target)
        return target

    def create_parents(self, full_name: str) -> tuple[Any, Any]:
        """Create the group ``full_name`` and those above it, unless they exist.

        Returns
        -------
        tuple
            The group, and the topmost new one: removing that undoes the call. None if all existed.

        Raises
        ------
        AttributeError
            A leaf or link is on the path; no group was made.
        """
        groups = self.groups
        group = groups.get(full_name)
        if group is not None:
            return group, None
        location, _, name = full_name.rpartition(".")
        parent, first_new = groups.get(location), None
        if parent is None:
            parent, first_new = self.create_parents(location)
        elif name in parent._children:
            raise _path_conflict(parent, name, full_name)
        group = self.group_class(full_name.partition(".")[0])(full_name, self.root)
        self.attach(parent, group)
        return group, group if first_new is None else first_new

    def attach_with_parents(self, parent: NNGroupNode | None, full_name: str, node: Any) -> Any:
        """Attach a node and, if ``parent`` is None, its missing parents; return the node.

        All of it or, after an error, nothing.
        """
        first_new = None
        if parent is None:
            parent, first_new = self.create_parents(full_name.rpartition(".")[0])
        old_name = node._full_name
        try:
            if old_name != full_name:
                node._rename(full_name)
            self.attach(parent, node)
        except BaseException:
            if self.get_node(full_name) is node:
                self.detach(node)
            if first_new is not None:
                self.remove_node(first_new)
            node._rename(old_name)
            set_depth(node, 0)
            set_branch(node, None)
            set_run_branch(node, NO_RUN_BRANCH)
            raise
        return node

    def attach(self, parent: NNGroupNode, node: Any) -> None:
        """Attach a node that has its full name already; no other node may have it."""
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
        if node._is_leaf and _is_followed(node):
            root._leaf_added(node)

    def attach_link(self, group: NNGroupNode, name: str, target: NNTreeNode) -> None:
        """Put a link into a group; the name must be free."""
        group._children[name] = target
        group._links[name] = target
        self.links.enter(group, name, target)
        if self.root._is_run:
            self.new_links[group._full_name, name] = target

    def check_link_target(self, target: Any) -> None:
        """Make sure that links can point to ``target``.

        Raises
        ------
        ValueError
            They cannot.
        """
        if not isinstance(target, NNTreeNode):
            raise ValueError(f"A link points to a node of the trajectory, not to {target!r}.")
        if target is self.root:
            raise ValueError("A link cannot point to the trajectory itself.")
        if self.get_node(target._full_name) is not target:
            raise ValueError(
                f"The {type(target).__name__} `{target._full_name}` is not part of this "
                "trajectory, so nothing here can link to it; add it first."
            )

    # ----- removing ------------------------------------------------------------------------

    def remove_link(self, group: Navigation, name: str) -> None:
        """Remove a link from a group.

        Raises
        ------
        ValueError
            There is no such link.
        """
        target = group._links.get(name) if isinstance(name, str) else None
        if target is None:
            raise ValueError(
                f"There is no link {name!r} in `{group._full_name}`; there are "
                f"{', '.join(group._links) or 'none'}."
            )
        del group._links[name]
        del group._children[name]
        self.links.forget(group, name, target)
        self.new_links.pop((group._full_name, name), None)

    def detach(self, node: Any) -> None:
        """Remove a single node without children from the tree, with all links to it."""
        full_name = node._full_name
        name = node._name
        linked_by = self.links.linked_by
        if linked_by and full_name in linked_by:
            for group_name, link_name in list(linked_by[full_name]):
                self.remove_link(self.groups[group_name], link_name)
        parent: Any
        if node._is_leaf:
            if _is_followed(node):
                self.root._leaf_removed(node)
            parent = self.groups[full_name[: -len(name) - 1]]
            del parent._leaves[name]
            del self.leaves[full_name]
            if node._parent is parent:  # a leaf may be shared with another trajectory
                set_parent(node, None)
        else:
            parent = node._parent
            del parent._groups[name]
            del self.groups[full_name]
            set_parent(node, None)
            set_root(node, None)
        del parent._children[name]
        self.index.remove(name, node._depth, full_name)
        if self.new_nodes:
            self.new_nodes.pop(full_name, None)

    def _remove_below(self, top: Any, predicate: Predicate | None = None) -> None:
        """Remove the nodes at and below ``top`` that fit, except for those above a kept node."""
        order = [top]
        for node in order:
            if not node._is_leaf:
                order.extend(node._groups.values())
                order.extend(node._leaves.values())
        for node in reversed(order):  # children first
            if not node._is_leaf and (node._groups or node._leaves):
                continue
            if predicate is None or predicate(node):
                for name in () if node._is_leaf else list(node._links):
                    self.remove_link(node, name)
                self.detach(node)

    def remove_node(
        self, node: Any, recursive: bool = True, predicate: Predicate | None = None
    ) -> None:
        """Remove a node; of what is below it everything or, with ``predicate``, what fits.

        Raises
        ------
        TypeError
            The node has children and ``recursive`` is false.
        ValueError
            The node is not part of the tree.
        """
        if node is self.root:
            raise ValueError(
                "The trajectory itself cannot be removed from it; name one of its nodes."
            )
        if self.get_node(node._full_name) is not node:
            raise ValueError(f"`{node._full_name}` is not part of the trajectory (any more).")
        if not recursive and not node._is_leaf and node._children:
            raise TypeError(
                f"Group `{node._full_name}` has {len(node._children)} children; "
                "remove it with `recursive=True`."
            )
        self._remove_below(node, predicate)

    def remove_child(
        self,
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
                self.remove_link(group, name)
            return
        self.remove_node(child, recursive, predicate)

    def remove_children(self, group: NNGroupNode, predicate: Predicate | None = None) -> None:
        """Remove everything below a group; with ``predicate`` only nodes that fit."""
        if predicate is None:
            for name in list(group._links):
                self.remove_link(group, name)
        for child in (*group._groups.values(), *group._leaves.values()):
            self.remove_node(child, True, predicate)

    def remove_item(self, item: Any, recursive: bool = False) -> None:
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
            self.remove_node(item, recursive)
            return
        place = find_link(self, self.root, item)
        if place is not None:
            self.remove_link(*place)
        else:
            self.remove_node(find(self, self.root, item), recursive)

    def remove_new_nodes(self) -> None:
        """Remove what was added during the current run and forget about it.

        Only the empty groups that hold the runs stay.
        """
        new_nodes, new_links = self.new_nodes, self.new_links
        self.new_nodes, self.new_links = {}, {}
        for group_name, link_name in new_links:
            group = self.groups.get(group_name)
            if group is not None and link_name in group._links:
                self.remove_link(group, link_name)
        known: Any
        for full_name, node in reversed(new_nodes.items()):
            if node._is_leaf:
                known = self.leaves.get(full_name)
                if known is node:
                    self.detach(node)
                continue
            known = self.groups.get(full_name)
            if known is node and full_name not in RUN_HOLDERS:
                if not node._children:
                    self.detach(node)
                else:  # holds what was added outside of the run
                    self._remove_below(node)

    def forget_new_nodes(self) -> None:
        """Keep what was added during the current run, but forget that it was."""
        self.new_nodes = {}
        self.new_links = {}


def _is_followed(leaf: Any) -> bool:
    """Return whether the trajectory is notified of a leaf: of all but results in their branch.

    Those have neither ranges nor presets, and runs add many of them.
    """
    return bool(leaf._is_parameter) or leaf._branch != "results"


def _path_conflict(group: NNGroupNode, name: str, wanted: str) -> AttributeError:
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
