"""From what users hand over, names, nodes or tuples, to the entries of a LIST message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pypet import pypetconstants as constants
from pypet.tree.lookup import find
from pypet.tree.node import NNTreeNode
from pypet.tree.tree import Tree

Entry = tuple[str, Any, tuple[Any, ...], dict[str, Any]]
"""Message, node, further arguments and keywords."""

_MESSAGES = {
    "store": (constants.LEAF, constants.GROUP),
    "load": (constants.LEAF, constants.GROUP),
    "delete": (constants.DELETE, constants.DELETE),
}
"""Messages about leaves and about groups, by what is to be done."""


def entries(
    tree: Tree, action: str, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[Entry]:
    """Yield the entries for ``items``; ``args`` and ``kwargs`` serve those that bring none.

    Raises
    ------
    ValueError
        An item is a tuple of a wrong length, the trajectory itself, or not of this tree.
    AttributeError
        A name is not found or not unique.
    """
    for item in items:
        own_args, own_kwargs, message = args, kwargs, None
        if isinstance(item, tuple):
            message, item, own_args, own_kwargs = _split(item, args, kwargs)
        node = item if isinstance(item, NNTreeNode) else find(tree, tree.root, item)
        if node is tree.root:
            raise ValueError(
                f"The trajectory itself is no item to {action}; use `f_{action}` or name its parts."
            )
        if tree.get_node(node._full_name) is not node:
            raise ValueError(
                f"The {type(node).__name__} `{node._full_name}` is not part of trajectory "
                f"`{tree.root._name}`, so it cannot {action} it."
            )
        fitting = _MESSAGES[action][0 if node._is_leaf else 1]
        if message not in (None, fitting):
            raise ValueError(
                f"To {action} the {type(node).__name__} `{node._full_name}` takes the message "
                f"{fitting!r}, not {message!r}."
            )
        yield fitting, node, tuple(own_args), dict(own_kwargs)


def _split(
    item: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any, tuple[Any, ...], dict[str, Any]]:
    if not 2 <= len(item) <= 4:
        raise ValueError(
            f"An item is (message, item[, args[, kwargs]]), not a tuple of {len(item)}: {item!r}."
        )
    own_args = item[2] if len(item) > 2 and item[2] is not None else args
    own_kwargs = item[3] if len(item) > 3 and item[3] is not None else kwargs
    return item[0], item[1], own_args, own_kwargs


def nodes_from(node: Any) -> Iterator[Any]:
    """Yield a node and everything below it, links not followed."""
    yield node
    if not node._is_leaf:
        yield from node.f_iter_nodes(recursive=True, with_links=False)
