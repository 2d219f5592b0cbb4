"""`NNGroupNode`: inner nodes of the tree, with natural naming for what is below them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from pypet.pypetconstants import GROUP, LOAD_DATA, STORE_DATA, TREE
from pypet.support.arguments import check_flag, on_error_keyword
from pypet.tree import adding, lookup, nested
from pypet.tree.assignment import add_link, assign, assign_item
from pypet.tree.completion import child_names, in_debugger, key_completions
from pypet.tree.names import BRANCH_SHORTCUTS
from pypet.tree.navigation import Navigation
from pypet.tree.node import KnowsTrajectory, class_member, put, value_or_leaf
from pypet.tree.storage import exact_path, load_exact
from pypet.tree.views import group_text

if TYPE_CHECKING:
    from pypet.tree.lookup import Key

    NodePredicate = Callable[[Any], bool]

__all__ = ["KnowsTrajectory", "NNGroupNode"]


class NNGroupNode(Navigation, KnowsTrajectory):
    """A group of nodes and links.

    Attributes that are not members of the class are nodes below the group: ``group.x`` finds the
    child ``x`` or the shallowest node ``x`` further down, and gives its value if it is a leaf
    with a single one, None for a parameter that was added without a value. The trajectory's
    settings ``v_fast_access``, ``v_shortcuts``, ``v_max_depth``, ``v_with_links`` and
    ``v_auto_load`` apply to this and to item access.
    """

    __slots__ = ()

    # ----- attributes, items, iteration ----------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_":
            raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")
        root = self._root
        if root is None:
            raise AttributeError(
                f"Group `{self._full_name}` has no `{name}`: it is not part of a trajectory."
            )
        child = self._children.get(name)
        if child is None and name in BRANCH_SHORTCUTS:
            child = self._children.get(BRANCH_SHORTCUTS[name])
        # Direct children, which run functions mostly ask for, take no search at all.
        if child is not None:
            settings = root._lookup
            if settings.max_depth is None and settings.with_links:
                if not child._is_leaf:
                    return child
                if not settings.auto_load:
                    return value_or_leaf(child) if settings.fast_access else child
        try:
            return lookup.get_attribute(root._tree, self, name)
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
            assign(self._require_tree(), self, name, value)
        elif hasattr(type(member), "__set__"):
            put(self, name, value)
        else:
            raise AttributeError(
                f"`{name}` belongs to the class {type(self).__name__} and cannot be replaced; "
                f"a node of this name is reached by `group['{name}']`."
            )

    def __getitem__(self, key: Key) -> Any:
        return lookup.get_attribute(self._require_tree(), self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        assign_item(self._require_tree(), self, key, value)

    def __contains__(self, item: object) -> bool:
        tree = self._require_tree()
        return lookup.contains(tree, self, item, tree.root._lookup)

    def __iter__(self) -> Iterator[Any]:
        return self.f_iter_nodes(recursive=self._require_tree().root._iter_recursive)

    def __dir__(self) -> list[str]:
        names = list(super().__dir__())
        # The debugger reads all of them, which would load and show whole trees.
        if not in_debugger():
            names += child_names(self)
        return names

    def _ipython_key_completions_(self) -> list[str]:
        """Return keys that IPython suggests for ``group['``."""
        return key_completions(self)

    def __str__(self) -> str:
        return group_text(self)

    def __repr__(self) -> str:
        return f"<{self}>"

    def __copy__(self) -> NNGroupNode:
        """Copy the whole trajectory and return the group of the copy."""
        twin = copy.copy(self._require_tree().root)
        group: NNGroupNode = twin._tree.get_node(self._full_name)
        return group

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a group of a trajectory as the trajectory and the full name of the group."""
        root = self._root
        if root is None or root is self or root._tree.groups.get(self._full_name) is not self:
            return super().__reduce_ex__(protocol)
        return _group_of, (root, self._full_name)

    # ----- adding and removing -------------------------------------------------------------

    def f_add_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below this one and return it.

        Arguments are an instance, or a name and a comment; a class may precede the name. Missing
        groups of a dotted name are created. A nested dictionary after the name, or alone, gives
        the contents: dictionaries in it are groups, everything else is the value of a leaf. After
        an error nothing is added. A dictionary alone is added to this group (by methods for a
        branch, to the group of the branch), which is returned.

        Raises
        ------
        ValueError
            There is no name, or the name breaks a rule.
        AttributeError
            The name is in use, or the path leads through a leaf or link.
        TypeError
            A group of this class does not belong there, or not during a run.
        """
        return nested.add_group(self, adding.ANY_GROUP, adding.ANY_LEAF, args, kwargs)

    def f_add_leaf(self, *args: Any, **kwargs: Any) -> Any:
        """Add a leaf below this group and return it; the branch determines its class.

        Arguments are an instance, or a name and what the class takes beside it; a class may
        precede the name. Errors are those of `f_add_group`.
        """
        return adding.add(self, adding.ANY_LEAF, args, kwargs)

    def f_add_link(self, name_or_item: Any, full_name_or_item: Any = None) -> Any:
        """Link to a node of the tree and return that node.

        Arguments are the node, or a name for the link and then the node or its name.

        Raises
        ------
        ValueError
            The target cannot be linked to, or the name is not possible.
        AttributeError
            The name is in use, or there is no node of the target's name.
        """
        return add_link(self._require_tree(), self, name_or_item, full_name_or_item)

    def f_remove_link(self, name: str) -> None:
        """Remove a link from this group.

        Raises
        ------
        ValueError
            There is no such link.
        """
        self._require_tree().remove_link(self, name)

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
        self._require_tree().remove_child(self, name, recursive, predicate)

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
        tree = self._require_tree()
        if self is not tree.root:
            tree.remove_node(self, recursive, predicate)
        elif recursive:
            tree.remove_children(self, predicate)
        else:
            raise ValueError("All of a trajectory can only be removed with `recursive=True`.")

    # ----- storing and loading -------------------------------------------------------------

    def f_store(
        self, recursive: bool = True, store_data: int = STORE_DATA, max_depth: int | None = None
    ) -> None:
        """Store the group and, if ``recursive``, what is at most ``max_depth`` steps below it.

        Raises
        ------
        NoSuchServiceError
            The trajectory has no storage service.
        """
        root = self._require_tree().root
        root._require_service().store(
            GROUP,
            self,
            trajectory_name=root._name,
            recursive=recursive,
            store_data=store_data,
            max_depth=max_depth,
        )

    def f_store_child(
        self,
        name: str,
        recursive: bool = False,
        store_data: int = STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        """Store the node or link at the exact path ``name`` below the group, and its groups.

        Raises
        ------
        ValueError
            There is nothing at this path.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        tree = self._require_tree()
        tree.root._require_service().store(
            TREE,
            self,
            exact_path(tree, self, name),
            trajectory_name=tree.root._name,
            recursive=recursive,
            store_data=store_data,
            max_depth=max_depth,
        )

    def f_load(
        self,
        recursive: bool = True,
        load_data: int = LOAD_DATA,
        max_depth: int | None = None,
        *,
        on_error: str = "raise",
    ) -> Self:
        """Load the group and, if ``recursive``, what is at most ``max_depth`` steps below it.

        With ``on_error='skip'`` nodes that cannot be loaded are left out and listed, see
        `Trajectory.f_load`.

        Raises
        ------
        ValueError
            A level or ``on_error`` is wrong.
        DataNotInStorageError
            The group is not in the storage.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        root = self._require_tree().root
        root._require_service().load(
            GROUP,
            self,
            trajectory_name=root._name,
            recursive=recursive,
            load_data=load_data,
            max_depth=max_depth,
            **on_error_keyword(on_error),
        )
        return self

    def f_load_child(
        self,
        name: str,
        recursive: bool = False,
        load_data: int = LOAD_DATA,
        max_depth: int | None = None,
        *,
        on_error: str = "raise",
    ) -> Any:
        """Load the node at the exact path ``name`` below the group, and return it.

        With ``on_error='skip'`` nodes below it that cannot be loaded are left out and listed, see
        `Trajectory.f_load`.

        Raises
        ------
        ValueError
            A level or ``on_error`` is wrong.
        DataNotInStorageError
            There is nothing stored at this path, or nothing that can be loaded.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        return load_exact(
            self._require_tree(),
            self,
            name,
            recursive=recursive,
            load_data=load_data,
            max_depth=max_depth,
            **on_error_keyword(on_error),
        )


def _group_of(trajectory: Any, full_name: str) -> Any:
    return trajectory._tree.groups[full_name]
