"""Nested dictionaries become groups and leaves: ``{'net': {'n': 3}}`` is the leaf ``net.n``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pypet.support.arguments import check_mapping
from pypet.tree.adding import Kind, add, full_name_of

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree

_EXAMPLE = "{'net': {'n': 3}}"


def add_leaves(
    start: NNGroupNode, method: str, kind: Kind, groups: Kind, nested: Mapping[str, Any]
) -> Any:
    """Add what a nested dictionary describes, all of it or nothing; return the group that has it.

    ``kind`` is what is added for a value, ``groups`` for an empty dictionary. Names may be
    dotted, and groups may exist already. Errors are those of `add`, and TypeError for
    something else than a dictionary.
    """
    tree = start._require_tree()
    check_mapping(nested, f"`{method}` takes", _EXAMPLE)
    _Transaction(tree).add_below(start, kind, groups, nested)
    if start is not tree.root or kind.branch is None:
        return start
    return tree.create_parents(kind.branch)[0]


def add_group(
    start: NNGroupNode, kind: Kind, leaves: Kind, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Add a group as `add` does, or what a nested dictionary describes.

    The dictionary is the only argument, and the group that has its contents is returned; or it
    stands behind the name of a new group.
    """
    if args and isinstance(args[0], Mapping):
        if len(args) > 1 or kwargs:
            raise ValueError(
                f"`{kind.method}` takes a nested dictionary alone; its names are those of the "
                "groups and leaves."
            )
        return add_leaves(start, kind.method, leaves, kind, args[0])
    if len(args) < 2 or not isinstance(args[1], Mapping):
        return add(start, kind, args, kwargs)
    name, nested, *rest = args
    transaction = _Transaction(start._require_tree())
    group = transaction.add(start, kind, (name, *rest), kwargs)
    transaction.add_below(group, leaves, kind, nested)
    return group


class _Transaction:
    """Adds nodes; after an error it removes all of them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._added: list[tuple[Any, int]] = []
        """New nodes, each with the number of new groups above it."""

    def add_below(
        self, start: NNGroupNode, kind: Kind, groups: Kind, nested: Mapping[str, Any]
    ) -> None:
        """Add the contents of a nested dictionary."""
        for name, value in list(_flat(kind.method, nested, "")):
            if isinstance(value, Mapping):
                if full_name_of(self._tree, start, groups, name) not in self._tree.groups:
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
            node = add(start, kind, args, kwargs)
        except BaseException:
            self._roll_back()
            raise
        if len(tree.groups) + len(tree.leaves) > nodes:  # else what exists was kept
            new_groups = len(tree.groups) - groups
            self._added.append((node, new_groups if node._is_leaf else new_groups - 1))
        return node

    def _roll_back(self) -> None:
        for node, new_groups in reversed(self._added):
            above = node
            for _ in range(new_groups):
                above = above._parent
            self._tree.remove_node(above)


def _flat(method: str, nested: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield dotted names with values that are not dictionaries, or empty ones."""
    for name, value in nested.items():
        if not isinstance(name, str):
            raise ValueError(f"`{method}` needs text as names, not {name!r}.")
        if isinstance(value, Mapping) and value:
            yield from _flat(method, value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
