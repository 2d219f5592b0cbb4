"""Views of nodes in memory, like those of stored ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pypet.leaves.base_parameter import BaseParameter
from pypet.records import GROUP, LEAF


class LiveView:
    """The view of a node in memory; links are followed at once, as natural naming does."""

    __slots__ = ("kind", "node")

    def __init__(self, node: Any) -> None:
        self.node = node
        self.kind = LEAF if node._is_leaf else GROUP

    @property
    def path(self) -> str:
        """Full name of the node."""
        return str(self.node._full_name)

    @property
    def comment(self) -> str:
        """Comment of the node."""
        return str(self.node._comment)

    def names(self) -> Collection[str]:
        """Return the names of the children, without links."""
        return () if self.node._is_leaf else [*self.node._groups, *self.node._leaves]

    def child(self, name: str) -> LiveView | None:
        """Return the child of this name, or what the link of this name leads to."""
        if self.node._is_leaf:
            return None
        node = self.node
        child = node._children.get(name)
        return None if child is None else LiveView(child)

    def number_of(self, name: str) -> None:
        """Return None: a view costs nothing here."""


def values_of_leaf(leaf: Any) -> Mapping[str, Any]:
    """Return the data of a leaf by item name; empty if there is none.

    A parameter has one item, called like itself.
    """
    if leaf.f_is_empty():
        return {}
    if leaf._is_parameter:
        return {leaf._name: parameter_value(leaf)}
    if hasattr(leaf, "f_to_dict"):
        values: Mapping[str, Any] = leaf.f_to_dict(copy=False)
        return values
    return {leaf._name: leaf.f_get()}


def parameter_value(leaf: BaseParameter) -> Any:
    """Return the default of a parameter, without locking it as reading does otherwise."""
    locked = leaf._locked
    try:
        return leaf.f_get_default()
    finally:
        leaf._locked = locked


def parameter_range(leaf: BaseParameter) -> list[Any]:
    """Return the range of a parameter, not to be changed, or an empty list without one."""
    values: list[Any] = leaf.f_get_range(copy=False) if leaf.f_has_range() else []
    return values
