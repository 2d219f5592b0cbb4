"""Nested dictionaries as groups and leaves: ``{'net': {'n': 3}}`` is the leaf ``net.n``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pypet.support.arguments import check_mapping
from pypet.tree import adding, removal

if TYPE_CHECKING:
    from pypet.tree.adding import Kind
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree

EXAMPLE = "{'net': {'n': 3}}"


def add_leaves(
    tree: Tree, start: NNGroupNode, method: str, kind: Kind, groups: Kind, nested: Mapping[str, Any]
) -> Any:
    """Add what a nested dictionary describes, all of it or nothing; return the group that has it.

    ``kind`` is what is added for a value, ``groups`` for an empty dictionary. Names may be
    dotted, and groups may exist already. Errors are those of `adding.add`, and TypeError for
    something else than a dictionary.
    """
    check_mapping(nested, f"`{method}` takes", EXAMPLE)
    _Undoing(tree).add_below(start, kind, groups, nested)
    if start is not tree.root or kind.branch is None:
        return start
    return tree.make_way(kind.branch)[0]


def add_group(
    tree: Tree,
    start: NNGroupNode,
    kind: Kind,
    leaves: Kind,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Add a group as `adding.add` does, or what a nested dictionary describes.

    The dictionary is the only argument, and the group that has its contents is returned; or it
    stands behind the name of a new group.
    """
    if args and isinstance(args[0], Mapping):
        if len(args) > 1 or kwargs:
            raise ValueError(
                f"`{kind.method}` takes a nested dictionary alone; its names are those of the "
                "groups and leaves."
            )
        return add_leaves(tree, start, kind.method, leaves, kind, args[0])
    if len(args) < 2 or not isinstance(args[1], Mapping):
        return adding.add(tree, start, kind, args, kwargs)
    name, nested, *rest = args
    undoing = _Undoing(tree)
    group = undoing.add(start, kind, (name, *rest), kwargs)
    undoing.add_below(group, leaves, kind, nested)
    return group


class _Undoing:
    """Adds nodes and, after an error, takes all of them back."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._added: list[tuple[Any, int]] = []
        """New nodes, each with the number of groups on the way to it that are new."""

    def add_below(
        self, start: NNGroupNode, kind: Kind, groups: Kind, nested: Mapping[str, Any]
    ) -> None:
        """Add the contents of a nested dictionary."""
        for name, value in list(_flat(kind.method, nested, "")):
            if isinstance(value, Mapping):
                if adding.full_name_of(self._tree, start, groups, name) not in self._tree.groups:
                    self.add(start, groups, (name,), {})
            else:
                self.add(start, kind, (name, value), {})

    def add(
        self, start: NNGroupNode, kind: Kind, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Add one node and return it."""
        tree = self._tree
        groups, nodes = len(tree.groups), len(tree.groups) + len(tree.leaves)
        try:
            node = adding.add(tree, start, kind, args, kwargs)
        except BaseException:
            self._undo()
            raise
        if len(tree.groups) + len(tree.leaves) > nodes:  # else what exists was kept
            new_groups = len(tree.groups) - groups
            self._added.append((node, new_groups if node._is_leaf else new_groups - 1))
        return node

    def _undo(self) -> None:
        for node, new_groups in reversed(self._added):
            above = node
            for _ in range(new_groups):
                above = above._parent
            removal.remove_node(self._tree, above)


def _flat(method: str, nested: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield dotted names with values that are no dictionaries, or empty ones."""
    for name, value in nested.items():
        if not isinstance(name, str):
            raise ValueError(f"`{method}` needs text as names, not {name!r}.")
        if isinstance(value, Mapping) and value:
            yield from _flat(method, value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
