"""`NNGroupNode`: inner nodes of the tree, with natural naming for what is below them."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pypet.errors import DataNotInStorageError
from pypet.support.arguments import check_flag
from pypet.support.decorators import kwargs_api_change
from pypet.tree import adding, iteration, links, lookup, nested, removal, text
from pypet.tree.assignment import assign, assign_item
from pypet.tree.group_relatives import Relatives
from pypet.tree.group_state import KnowsTrajectory
from pypet.tree.group_storage import GroupStorage
from pypet.tree.names import BRANCH_SHORTCUTS
from pypet.tree.node import class_member, put

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypet.tree.lookup import Key

    NodePredicate = Callable[[Any], bool]

__all__ = ["KnowsTrajectory", "NNGroupNode"]


class NNGroupNode(Relatives, GroupStorage, KnowsTrajectory):
    """A group of nodes and links.

    Attributes that are no members of the class are nodes below the group: ``group.x`` finds the
    child ``x`` or the shallowest node ``x`` further down, and gives its value if it is a leaf
    with a single one, None for a parameter that was added without a value. The trajectory's
    settings ``v_fast_access``, ``v_shortcuts``, ``v_max_depth``, ``v_with_links`` and
    ``v_auto_load`` rule this and item access.
    """

    __slots__ = ()

    # ----- attributes, items, iteration ----------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_":
            raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        child = self._children.get(name)
        if child is None and name in BRANCH_SHORTCUTS:
            child = self._children.get(BRANCH_SHORTCUTS[name])
        root = self._root
        if child is not None and root._max_depth is None and root._with_links:
            if not child._is_leaf:
                return child
            if not root._auto_load:
                if root._fast_access:
                    if child.f_supports_fast_access():
                        return child.f_get()
                    if child._means_none():
                        return None
                return child
        if root is None:
            raise AttributeError(
                f"Group `{self._full_name}` has no `{name}`: it is not part of a trajectory."
            )
        try:
            return lookup.get_by_settings(root._tree, self, name)
        except AttributeError as err:
            if name[:2] not in ("f_", "v_") or type(err) is not AttributeError:
                raise
            raise AttributeError(f"{err}{lookup.advice_on_member(self, name)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:1] == "_":
            put(self, name, value)
            return
        member = class_member(type(self), name)
        if member is None:
            assign(self._nn(), self, name, value)
        elif hasattr(type(member), "__set__"):
            put(self, name, value)
        else:
            raise AttributeError(
                f"`{name}` belongs to the class {type(self).__name__} and cannot be replaced; "
                f"a node of this name is reached by `group['{name}']`."
            )

    def __getitem__(self, key: Key) -> Any:
        return lookup.get_by_settings(self._nn(), self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        assign_item(self._nn(), self, key, value)

    def __contains__(self, item: object) -> bool:
        root = self._nn().root
        return lookup.contains(
            root._tree, self, item, root._with_links, root._shortcuts, root._max_depth
        )

    def __iter__(self) -> Iterator[Any]:
        return self.f_iter_nodes(recursive=self._nn().root._iter_recursive)

    def __dir__(self) -> list[str]:
        names = list(super().__dir__())
        # The debugger asks for all of them, which would load and show whole trees.
        if "pydevd" not in sys.modules:
            names += self.f_dir_data()
        return names

    def __str__(self) -> str:
        return text.group_text(self)

    def __repr__(self) -> str:
        return f"<{self}>"

    def __copy__(self) -> NNGroupNode:
        """Copy the whole trajectory and return the group of the copy."""
        twin = copy.copy(self._nn().root)
        group: NNGroupNode = twin._tree.get_node(self._full_name)
        return group

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a group of a trajectory as the trajectory and the way to the group."""
        root = self._root
        if root is None or root is self or root._tree.groups.get(self._full_name) is not self:
            return super().__reduce_ex__(protocol)
        return _group_of, (root, self._full_name)

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
            The key is no name.
        """
        return lookup.get(
            self._nn(), self, name, fast_access, with_links, shortcuts, max_depth, auto_load
        )

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
        try:
            return lookup.get(
                self._nn(), self, name, fast_access, with_links, shortcuts, max_depth, auto_load
            )
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
        """Say whether a name, or this very node, is found below the group.

        Raises
        ------
        ValueError
            With ``shortcuts``: the name has more components than ``max_depth``.
        """
        return lookup.contains(self._nn(), self, item, with_links, shortcuts, max_depth)

    def f_get_all(
        self, name: Key, max_depth: int | None = None, shortcuts: bool = True
    ) -> list[Any]:
        """Return all nodes below the group that ``name`` fits, shallow ones first.

        Links do not count, and wildcards stand for the current run only.
        """
        return lookup.get_all(self._nn(), self, name, max_depth, shortcuts)

    # ----- iteration -----------------------------------------------------------------------

    def f_iter_nodes(
        self,
        recursive: bool = True,
        with_links: bool = True,
        max_depth: int | None = None,
        predicate: NodePredicate | Iterable[int | str] | None = None,
    ) -> Iterator[Any]:
        """Iterate over the nodes below the group, breadth first, each of them once.

        ``predicate`` is called with a node and says whether to yield it and to go on below it.
        Or it is a list of run indices and names: nodes of other runs are then left out.

        Raises
        ------
        KeyError
            ``predicate`` has the index of a run that does not exist.
        """
        return iteration.iter_nodes(self._nn(), self, recursive, with_links, max_depth, predicate)

    def f_iter_leaves(self, with_links: bool = True) -> Iterator[Any]:
        """Iterate over the leaves below the group, breadth first."""
        return iteration.iter_leaves(self._nn(), self, with_links)

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
        return iteration.to_dict(self._nn(), self, fast_access, short_names, nested, with_links)

    # ----- adding and removing -------------------------------------------------------------

    def f_add_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below this one and return it.

        Arguments are an instance, or a name and a comment; a class may stand before the name.
        Groups on the way of a dotted name are made too. A nested dictionary behind the name, or
        alone, gives the contents: dictionaries in it are groups, everything else the value of a
        leaf. All of it is added or, after an error, nothing. Given alone, the contents are added
        to this group (for the methods of a branch, to the group of the branch), which is
        returned.

        Raises
        ------
        ValueError
            There is no name, or the name breaks a rule.
        AttributeError
            The place is taken, or the way leads through a leaf or link.
        TypeError
            A group of this class does not belong there, or not during a run.
        """
        return nested.add_group(self._nn(), self, adding.ANY_GROUP, adding.ANY_LEAF, args, kwargs)

    def f_add_leaf(self, *args: Any, **kwargs: Any) -> Any:
        """Add a leaf below this group and return it; its class follows from the branch.

        Arguments are an instance, or a name and what the class takes beside it; a class may
        stand before the name. Errors are those of `f_add_group`.
        """
        return adding.add(self._nn(), self, adding.ANY_LEAF, args, kwargs)

    def f_add_link(self, name_or_item: Any, full_name_or_item: Any = None) -> Any:
        """Link to a node of the tree and return that node.

        Arguments are the node, or a name for the link and then the node or its name.

        Raises
        ------
        ValueError
            The target cannot be linked to, or the name is not possible.
        AttributeError
            The name is taken, or the target's name leads nowhere.
        """
        return links.add_link(self._nn(), self, name_or_item, full_name_or_item)

    def f_remove_link(self, name: str) -> None:
        """Remove a link from this group.

        Raises
        ------
        ValueError
            There is no such link.
        """
        links.detach_link(self._nn(), self, name)

    def f_remove_child(
        self, name: str, recursive: bool = False, predicate: NodePredicate | None = None
    ) -> None:
        """Remove a direct child from memory, or the link of that name.

        ``predicate`` is called with each node and says whether to remove it; groups above kept
        nodes stay.

        Raises
        ------
        ValueError
            There is no such child.
        TypeError
            The child has children itself and ``recursive`` is false.
        """
        check_flag(recursive, "recursive", "Remove one child after the other.")
        removal.remove_child(self._nn(), self, name, recursive, predicate)

    def f_remove(self, recursive: bool = True, predicate: NodePredicate | None = None) -> None:
        """Remove the group itself from memory; for a trajectory, everything below it.

        Raises
        ------
        TypeError
            The group has children and ``recursive`` is false.
        ValueError
            ``recursive`` is false for a trajectory.
        """
        check_flag(recursive, "recursive", "`f_remove_child` removes a single child.")
        tree = self._nn()
        if self is not tree.root:
            removal.remove_node(tree, self, recursive, predicate)
        elif recursive:
            removal.remove_children(tree, self, predicate)
        else:
            raise ValueError("All of a trajectory can only be removed with `recursive=True`.")


def _group_of(trajectory: Any, full_name: str) -> Any:
    return trajectory._tree.groups[full_name]
