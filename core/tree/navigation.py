"""`Navigation`: the state of groups, and finding what is around and below them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pypet.errors import DataNotInStorageError
from pypet.support.decorators import kwargs_api_change
from pypet.tree import iteration, lookup
from pypet.tree.lookup import LookupSettings
from pypet.tree.node import NNTreeNode, slot_setter
from pypet.tree.storage import load_names
from pypet.tree.views import ChildrenView, DebugView, debug_view

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.iteration import Predicate
    from pypet.tree.lookup import Key
    from pypet.tree.tree import Tree
    from pypet.tree.typed_groups import RootGroup


class Navigation(NNTreeNode):
    """A group with its parent, its children and lookups; `NNGroupNode` adds what changes it."""

    __slots__ = ("_children", "_groups", "_leaves", "_links", "_root")

    # `_children` has all of `_groups`, `_leaves` and `_links`, in the order of adding.
    _children: dict[str, Any]
    _groups: dict[str, Any]
    _leaves: dict[str, Any]
    _links: dict[str, Any]
    _root: RootGroup | None

    def __init__(
        self, full_name: str = "", trajectory: RootGroup | None = None, comment: str = ""
    ) -> None:
        NNTreeNode.__init__(self, full_name, comment)
        _set_children(self, {})
        _set_groups(self, {})
        _set_leaves(self, {})
        _set_links(self, {})
        set_root(self, trajectory)

    def _require_tree(self) -> Tree:
        """Return the tree that the group belongs to.

        Raises
        ------
        TypeError
            It belongs to none.
        """
        root = self._root
        if root is None:
            raise TypeError(
                f"Group `{self._full_name}` is not part of a trajectory; add it to one first."
            )
        return root._tree

    # ----- parent and children -------------------------------------------------------------

    @property
    def v_root(self) -> Any:
        """The trajectory, None for a group outside any."""
        return self._root

    @property
    def kids(self) -> ChildrenView:
        """View of the direct children and links, without shortcuts and values."""
        return ChildrenView(self)

    def f_get_parent(self) -> NNGroupNode:
        """Return the group that contains this one.

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
        """Return whether there are direct children or links."""
        return bool(self._children)

    def f_has_groups(self) -> bool:
        """Return whether there are groups among the direct children."""
        return bool(self._groups)

    def f_has_leaves(self) -> bool:
        """Return whether there are leaves among the direct children."""
        return bool(self._leaves)

    def f_has_links(self) -> bool:
        """Return whether there are links in this group."""
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
        if root is not None and root._lookup.auto_load and root._storage_service is not None:
            load_names(self)
        return list(self._children)

    def f_debug(self) -> DebugView:
        """Return a plain object that mirrors the subtree, for debuggers."""
        return debug_view(self)

    # ----- lookup --------------------------------------------------------------------------

    @kwargs_api_change("backwards_search")
    def f_get(
        self,
        name: Key,
        fast_access: bool = False,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> Any:
        """Return the node that ``name`` means: its path below this group, or parts of it.

        ``name`` is dotted text, the index of a run (-1 for the dummy run), or a list of such
        components. With ``shortcuts`` groups in between may be left out; the shallowest node
        wins. ``max_depth`` limits the steps down from here. With ``fast_access`` leaves with a
        single value give that value, parameters without one give None. With ``auto_load`` what
        is not in memory is loaded.

        Raises
        ------
        AttributeError
            There is no such node; as `NotUniqueNodeError`, there are several of the same depth.
        DataNotInStorageError
            ``auto_load`` found it neither in memory nor in the storage.
        ValueError
            The name has more components than ``max_depth``; ``auto_load`` without
            ``with_links``.
        TypeError
            The key is not a name.
        """
        settings = LookupSettings(fast_access, with_links, shortcuts, max_depth, auto_load)
        return lookup.get(self._require_tree(), self, name, settings)

    @kwargs_api_change("backwards_search")
    def f_get_default(
        self,
        name: Key,
        default: Any = None,
        fast_access: bool = True,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> Any:
        """Return what `f_get` finds, or ``default`` if there is nothing or nothing unique."""
        settings = LookupSettings(fast_access, with_links, shortcuts, max_depth, auto_load)
        try:
            return lookup.get(self._require_tree(), self, name, settings)
        except (AttributeError, DataNotInStorageError):
            return default

    @kwargs_api_change("backwards_search")
    def f_contains(
        self,
        item: object,
        with_links: bool = True,
        shortcuts: bool = False,
        max_depth: int | None = None,
    ) -> bool:
        """Return whether a name, or this very node, is found below the group.

        Raises
        ------
        ValueError
            With ``shortcuts``: the name has more components than ``max_depth``.
        """
        settings = LookupSettings(False, with_links, shortcuts, max_depth)
        return lookup.contains(self._require_tree(), self, item, settings)

    def f_get_all(
        self, name: Key, max_depth: int | None = None, shortcuts: bool = True
    ) -> list[Any]:
        """Return all nodes below the group that ``name`` fits, shallow ones first.

        Links do not count, and wildcards refer to the current run only.
        """
        return lookup.get_all(self._require_tree(), self, name, max_depth, shortcuts)

    # ----- iteration -----------------------------------------------------------------------

    def f_iter_nodes(
        self,
        recursive: bool = True,
        with_links: bool = True,
        max_depth: int | None = None,
        predicate: Predicate | Iterable[int | str] | None = None,
    ) -> Iterator[Any]:
        """Iterate over the nodes below the group, breadth first, each of them once.

        ``predicate`` is called with a node and returns whether to yield it and to go on below it.
        Or it is a list of run indices and names: nodes of other runs are then left out.

        Raises
        ------
        KeyError
            ``predicate`` has the index of a run that does not exist.
        """
        tree = self._require_tree()
        return iteration.iter_nodes(tree, self, recursive, with_links, max_depth, predicate)

    def f_iter_leaves(self, with_links: bool = True) -> Iterator[Any]:
        """Iterate over the leaves below the group, breadth first."""
        return iteration.iter_leaves(self._require_tree(), self, with_links)

    def f_to_dict(
        self,
        fast_access: bool = False,
        short_names: bool = False,
        nested: bool = False,
        with_links: bool = True,
    ) -> dict[str, Any]:
        """Return the leaves below the group by full or short name, or nested by group.

        Raises
        ------
        ValueError
            ``short_names`` and ``nested`` together, or a short name that occurs twice.
        """
        tree = self._require_tree()
        return iteration.to_dict(tree, self, fast_access, short_names, nested, with_links)


_set_children = slot_setter(Navigation, "_children")
_set_groups = slot_setter(Navigation, "_groups")
_set_leaves = slot_setter(Navigation, "_leaves")
_set_links = slot_setter(Navigation, "_links")
set_root = slot_setter(Navigation, "_root")
