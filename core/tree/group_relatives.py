"""The part of groups that says who is around: parent and direct children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet.tree import storing, text
from pypet.tree.group_state import GroupState
from pypet.tree.proxies import ChildrenView

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode


class Relatives(GroupState):
    """Parent and direct children of a group."""

    __slots__ = ()

    @property
    def v_root(self) -> Any:
        """The trajectory, None for a group outside any."""
        return self._root

    @property
    def kids(self) -> ChildrenView:
        """View of the direct children and links, without shortcuts and values."""
        return ChildrenView(self)

    def f_get_parent(self) -> NNGroupNode:
        """Return the group that this one lies in.

        Raises
        ------
        TypeError
            This is the trajectory, or a group outside any.
        """
        parent = self._parent
        if parent is None:
            raise TypeError(f"`{self._full_name or self._name}` has no parent.")
        return parent

    def f_children(self) -> int:
        """Return the number of direct children, links included."""
        return len(self._children)

    def f_groups(self) -> int:
        """Return the number of groups among the direct children, links not included."""
        return len(self._groups)

    def f_leaves(self) -> int:
        """Return the number of leaves among the direct children, links not included."""
        return len(self._leaves)

    def f_links(self) -> int:
        """Return the number of links in this group."""
        return len(self._links)

    def f_has_children(self) -> bool:
        """Say whether there are direct children or links."""
        return bool(self._children)

    def f_has_groups(self) -> bool:
        """Say whether there are groups among the direct children."""
        return bool(self._groups)

    def f_has_leaves(self) -> bool:
        """Say whether there are leaves among the direct children."""
        return bool(self._leaves)

    def f_has_links(self) -> bool:
        """Say whether there are links in this group."""
        return bool(self._links)

    def f_get_children(self, copy: bool = True) -> Mapping[str, Any]:
        """Return children and links by name: a copy, or the live dictionary, not to be changed."""
        return self._children.copy() if copy else self._children

    def f_get_groups(self, copy: bool = True) -> Mapping[str, Any]:
        """Return the groups in here by name, see `f_get_children`."""
        return self._groups.copy() if copy else self._groups

    def f_get_leaves(self, copy: bool = True) -> Mapping[str, Any]:
        """Return the leaves in here by name, see `f_get_children`."""
        return self._leaves.copy() if copy else self._leaves

    def f_get_links(self, copy: bool = True) -> Mapping[str, Any]:
        """Return the nodes linked from here by the links' names, see `f_get_children`."""
        return self._links.copy() if copy else self._links

    def f_dir_data(self) -> list[str]:
        """Return the names of all children and links; with `v_auto_load` also stored ones."""
        root = self._root
        if root is not None and root._auto_load and root._storage_service is not None:
            storing.load_names(root._tree, self)
        return list(self._children)

    def f_debug(self) -> text.DebugView:
        """Return a plain object that mirrors the subtree, for debuggers."""
        return text.debug_view(self)
