"""Links: further names for nodes of the same tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypet.tree.adding import warn_of_translation
from pypet.tree.lookup import find
from pypet.tree.names import BRANCH_SHORTCUTS, BRANCHES, RESERVED_UNDER_ROOT
from pypet.tree.node import NNTreeNode
from pypet.tree.placing import check_place, taken

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree

_FORBIDDEN_UNDER_ROOT = frozenset((*BRANCHES, *BRANCH_SHORTCUTS, RESERVED_UNDER_ROOT))


class LinkRegistry:
    """Who links to whom; the links themselves are kept by their groups."""

    __slots__ = ("_depths", "_names", "linked_by")

    def __init__(self) -> None:
        self.linked_by: dict[str, dict[tuple[str, str], NNGroupNode]] = {}
        """Full name of a target -> (full name of the group, name of the link) -> group."""
        self._names: dict[str, int] = {}
        self._depths: dict[int, int] = {}

    def __bool__(self) -> bool:
        """Say whether there is any link."""
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        """Say whether any link has this name."""
        return name in self._names

    def __iter__(self) -> Iterator[tuple[NNGroupNode, str, NNTreeNode]]:
        """Yield group, link name and target of every link."""
        for users in list(self.linked_by.values()):
            for (_, name), group in list(users.items()):
                yield group, name, group._links[name]

    def within(self, depth: int, steps: int | None) -> bool:
        """Say whether groups of depth ``depth`` to ``depth + steps - 1`` hold links anywhere."""
        return any(
            held >= depth and (steps is None or held < depth + steps) for held in self._depths
        )

    def enter(self, group: NNGroupNode, name: str, target: NNTreeNode) -> None:
        """Note a link."""
        users = self.linked_by.setdefault(target._full_name, {})
        users[group._full_name, name] = group
        self._names[name] = self._names.get(name, 0) + 1
        self._depths[group._depth] = self._depths.get(group._depth, 0) + 1

    def forget(self, group: NNGroupNode, name: str, target: NNTreeNode) -> None:
        """Take a link out."""
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


def attach_link(tree: Tree, group: NNGroupNode, name: str, target: NNTreeNode) -> None:
    """Put a link into a group; the name must be free."""
    group._children[name] = target
    group._links[name] = target
    tree.links.enter(group, name, target)
    if tree.root._is_run:
        tree.new_links[group._full_name, name] = target


def detach_link(tree: Tree, group: NNGroupNode, name: str) -> None:
    """Take a link out of its group.

    Raises
    ------
    ValueError
        The group has no such link.
    """
    target = group._links.get(name) if isinstance(name, str) else None
    if target is None:
        raise ValueError(
            f"There is no link {name!r} in `{group._full_name}`; there are "
            f"{', '.join(group._links) or 'none'}."
        )
    del group._links[name]
    del group._children[name]
    tree.links.forget(group, name, target)
    tree.new_links.pop((group._full_name, name), None)


def add_link(
    tree: Tree, start: NNGroupNode, name_or_item: Any, full_name_or_item: Any = None
) -> Any:
    """Link from ``start`` to a node; return the node.

    Raises
    ------
    ValueError
        The target is missing, the root or not of this tree; the name is not possible.
    AttributeError
        The name is taken, a group on the way is none, or no node has the target's name.
    """
    name: Any = name_or_item
    target: Any = full_name_or_item
    if isinstance(name_or_item, NNTreeNode):
        name, target = name_or_item._name, name_or_item
        if full_name_or_item is not None:
            raise ValueError("A link is made of a name and then a node, not of two nodes.")
    if isinstance(target, str):
        target = find(tree, tree.root, target)
    check_target(tree, target)
    if not isinstance(name, str):
        raise ValueError(f"A link needs text as name, not {name!r}.")
    return link(tree, start, name, target)


def check_target(tree: Tree, target: Any) -> None:
    """Make sure that links can point to ``target``.

    Raises
    ------
    ValueError
        They cannot.
    """
    if not isinstance(target, NNTreeNode):
        raise ValueError(f"A link points to a node of the trajectory, not to {target!r}.")
    if target is tree.root:
        raise ValueError("A link cannot point to the trajectory itself.")
    if tree.get_node(target._full_name) is not target:
        raise ValueError(
            f"The {type(target).__name__} `{target._full_name}` is not part of this trajectory, "
            "so nothing here can link to it; add it first."
        )


def link(tree: Tree, start: NNGroupNode, name: str, target: NNTreeNode) -> Any:
    """Make the link ``name``, dotted or not, below ``start`` to a checked target."""
    wildcards = tree.wildcards
    parsed = wildcards.parse(name)
    components = wildcards.substitute(parsed, tree.root._idx)
    tree.rules.check(components)
    warn_of_translation(tree, start, parsed, components)
    full_name = ".".join((start._full_name, *components) if start._full_name else components)
    location, _, short = full_name.rpartition(".")
    if not location and short in _FORBIDDEN_UNDER_ROOT:
        raise ValueError(f"The name `{short}` is reserved under the trajectory; no link has it.")
    if tree.groups.get(start._full_name) is not start:
        raise ValueError(f"Group `{start._full_name}` is not part of the trajectory (any more).")
    group = tree.groups.get(location)
    if group is None:
        check_place(tree, location, location.partition(".")[0])
        group, _ = tree.make_way(location)
    elif short in group._children:
        return taken(tree, group, short)
    attach_link(tree, group, short, target)
    return target
