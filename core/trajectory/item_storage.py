"""Storing, loading, deleting and removing single items of a trajectory."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from pypet import pypetconstants as constants
from pypet.support.arguments import check_flag, check_iterable, on_error_keyword
from pypet.support.decorators import kwargs_api_change
from pypet.trajectory.state import TrajectoryState
from pypet.tree.lookup import find
from pypet.tree.node import NNTreeNode, set_stored
from pypet.tree.tree import Tree

logger = logging.getLogger(__name__)

Entry = tuple[str, Any, tuple[Any, ...], dict[str, Any]]
"""Message, node, further arguments and keywords."""

_MESSAGES = {
    "store": (constants.LEAF, constants.GROUP),
    "load": (constants.LEAF, constants.GROUP),
    "delete": (constants.DELETE, constants.DELETE),
}
"""Messages about leaves and about groups, by what is to be done."""


class ItemStorage(TrajectoryState):
    """The part of a trajectory that stores, loads, deletes and removes single items."""

    __slots__ = ()

    def f_store_item(self, item: Any, *args: Any, non_empties: bool = False, **kwargs: Any) -> None:
        """Store one item, see `f_store_items`."""
        self._check_stored("stored")
        self._store_items([item], args, kwargs, non_empties=non_empties)

    def f_store_items(
        self, iterator: Iterable[Any], *args: Any, non_empties: bool = False, **kwargs: Any
    ) -> None:
        """Store single leaves and groups.

        An item is a node, its name (found as `f_get` does), or a tuple ``(message, item)`` with
        arguments and keywords of its own as third and fourth entry. Other arguments go to the
        storage service: ``store_data``; for leaves ``overwrite`` (True, or names of the parts to
        overwrite) and how to write, for instance ``complevel``; for groups ``recursive``,
        ``with_links`` and ``max_depth``. With ``non_empties`` empty leaves are left out. If one
        of the items cannot be stored, none is.

        Raises
        ------
        NoSuchServiceError
            The trajectory has no storage service.
        TypeError
            The trajectory was never stored; ``f_store(only_init=True)`` is enough.
        ValueError
            There is nothing to store, an item is not of this trajectory, or a tuple has not two
            to four entries.
        AttributeError
            A name is not found or not unique.
        """
        self._check_stored("stored")
        check_iterable(iterator, "f_store_items", "f_store_item")
        self._store_items(iterator, args, kwargs, non_empties=non_empties)

    def _store_items(
        self,
        items: Iterable[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        non_empties: bool,
    ) -> None:
        chosen: list[Entry] = [
            entry
            for entry in _entries(self._tree, "store", items, args, kwargs)
            if not (non_empties and entry[1]._is_leaf and entry[1].f_is_empty())
        ]
        if not chosen:
            raise ValueError("There is nothing to store: no item was given, or all are empty.")
        self._require_service().store(constants.LIST, chosen, trajectory_name=self._name)

    def _check_stored(self, what: str) -> None:
        if not self._stored:
            raise TypeError(
                f"Trajectory `{self._name}` was never stored, so no part of it can be {what}; "
                "call `f_store(only_init=True)` first."
            )

    def f_load_item(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Load one item, see `f_load_items`."""
        self.f_load_items([item], *args, **kwargs)

    def f_load_items(
        self,
        iterator: Iterable[Any],
        *args: Any,
        only_empties: bool = False,
        on_error: str = "raise",
        **kwargs: Any,
    ) -> None:
        """Load the data of leaves, or groups, that are in memory.

        An item is a node, its name (found as `f_get` does), or a tuple ``(message, item)`` with
        arguments and keywords of its own as third and fourth entry. Other arguments go to the
        storage service: ``load_data``; for leaves ``load_only`` or ``load_except`` with names of
        stored parts; for groups ``recursive``, ``with_links`` and ``max_depth``. With
        ``only_empties`` leaves that have data are left out, and with ``on_error='skip'`` what
        cannot be loaded, see `f_load`.

        Raises
        ------
        NoSuchServiceError
            The trajectory has no storage service.
        TypeError
            The trajectory was never stored.
        ValueError
            An item is not of this trajectory, a tuple has not two to four entries, or
            ``load_only`` and ``load_except`` are both given.
        ParameterLockedException
            Parts should be loaded into a locked parameter.
        DataNotInStorageError
            An item is not in the storage.
        AttributeError
            A name is not found or not unique.
        """
        self._check_stored("loaded")
        check_iterable(iterator, "f_load_items", "f_load_item")
        chosen: list[Entry] = [
            entry
            for entry in _entries(self._tree, "load", iterator, args, kwargs)
            if not (only_empties and entry[1]._is_leaf and not entry[1].f_is_empty())
        ]
        if not chosen:
            logger.warning("Nothing to load into trajectory `%s`.", self._name)
            return
        self._require_service().load(
            constants.LIST, chosen, trajectory_name=self._name, **on_error_keyword(on_error)
        )

    @kwargs_api_change("remove_empty_groups")
    def f_remove_item(self, item: Any, recursive: bool = False) -> None:
        """Remove one item from memory, see `f_remove_items`."""
        self.f_remove_items([item], recursive=recursive)

    @kwargs_api_change("remove_empty_groups")
    def f_remove_items(self, iterator: Iterable[Any], recursive: bool = False) -> None:
        """Remove nodes, given as objects or by name, from memory, with all links to them.

        A name of a link removes only this link. Stored data is not deleted.

        Raises
        ------
        AttributeError
            A name is not found or not unique.
        TypeError
            A group has children and ``recursive`` is false.
        ValueError
            A node is not of this trajectory.
        """
        items = list(check_iterable(iterator, "f_remove_items", "f_remove_item"))
        check_flag(recursive, "recursive", "Give several items as a list.")
        if not items:
            logger.warning("Nothing to remove from trajectory `%s`.", self._name)
        for item in items:
            self._tree.remove_item(item, recursive)

    @kwargs_api_change("remove_empty_groups")
    def f_delete_item(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Delete one item from the storage, see `f_delete_items`."""
        self.f_delete_items([item], *args, **kwargs)

    @kwargs_api_change("remove_empty_groups")
    def f_delete_items(
        self,
        iterator: Iterable[Any],
        *args: Any,
        remove_from_trajectory: bool = False,
        recursive: bool = False,
        delete_only: str | Iterable[str] | None = None,
        remove_from_item: bool = False,
        **kwargs: Any,
    ) -> None:
        """Delete nodes from the storage; by default they stay in memory.

        Parameters
        ----------
        iterator
            Nodes, their names, or tuples, as for `f_store_items`.
        remove_from_trajectory
            Also remove the nodes from memory.
        recursive
            Also delete what is below groups.
        delete_only
            Delete only these stored parts of leaves.
        remove_from_item
            Also drop these parts from the leaf in memory.

        Raises
        ------
        ValueError
            The trajectory was never stored; ``delete_only`` is given for a group; a node is not of
            this trajectory.
        TypeError
            A group has children in the storage and ``recursive`` is false.
        DataNotInStorageError
            An item is not in the storage.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        check_iterable(iterator, "f_delete_items", "f_delete_item")
        check_flag(recursive, "recursive", "Give several items as a list.")
        service = self._require_service()
        self._check_deletable()
        if delete_only is not None and not isinstance(delete_only, str):
            delete_only = list(delete_only)
        kwargs.update(
            recursive=recursive, delete_only=delete_only, remove_from_item=remove_from_item
        )
        chosen = list(_entries(self._tree, "delete", iterator, args, kwargs))
        if not chosen:
            logger.warning("Nothing to delete of trajectory `%s`.", self._name)
            return
        for _, node, _, own_kwargs in chosen:
            if own_kwargs.get("delete_only") is not None and not node._is_leaf:
                raise ValueError(
                    f"`delete_only` names parts of leaves, but `{node._full_name}` is a group."
                )
        service.store(constants.LIST, chosen, trajectory_name=self._name)
        for _, node, _, own_kwargs in chosen:
            if own_kwargs.get("delete_only") is None:
                self._forget_storage(node, remove_from_trajectory)

    def _forget_storage(self, node: Any, remove: bool) -> None:
        for gone in list(_nodes_from(node)):
            set_stored(gone, False)
        if remove and self._tree.get_node(node._full_name) is node:
            self._tree.remove_node(node, recursive=True)

    def f_delete_link(
        self, link: str | tuple[Any, str], remove_from_trajectory: bool = False
    ) -> None:
        """Delete one link from the storage, see `f_delete_links`."""
        self.f_delete_links([link], remove_from_trajectory)

    def f_delete_links(
        self,
        iterator_of_links: Iterable[str | tuple[Any, str]],
        remove_from_trajectory: bool = False,
    ) -> None:
        """Delete links from the storage, but not their targets.

        A link is given by its full name, or by its group and its name. With
        ``remove_from_trajectory`` it is removed from memory too.

        Raises
        ------
        ValueError
            The trajectory was never stored, or there is no such link in memory to remove.
        TypeError
            A link is given in another form.
        DataNotInStorageError
            A link is not in the storage.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        service = self._require_service()
        self._check_deletable()
        check_iterable(iterator_of_links, "f_delete_links", "f_delete_link")
        links = [self._place_of_link(link) for link in iterator_of_links]
        if not links:
            logger.warning("No links to delete of trajectory `%s`.", self._name)
            return
        service.store(
            constants.LIST,
            [(constants.DELETE_LINK, f"{place}.{name}".lstrip(".")) for place, name in links],
            trajectory_name=self._name,
        )
        if remove_from_trajectory:
            for place, name in links:
                group: Any = self._tree.groups.get(place)
                if group is None:
                    raise ValueError(f"There is no group `{place}` to remove link `{name}` from.")
                group.f_remove_link(name)

    def _place_of_link(self, link: str | tuple[Any, str]) -> tuple[str, str]:
        """Return the full name of the group that has a link, and the name of the link."""
        if isinstance(link, str):
            wildcards = self._tree.wildcards
            components = wildcards.substitute(wildcards.parse(link), self._idx)
            if components:
                return ".".join(components[:-1]), components[-1]
        if isinstance(link, tuple) and len(link) == 2:
            group, name = link
            if isinstance(group, NNTreeNode) and isinstance(name, str):
                return group._full_name, name
        raise TypeError(
            f"A link is given by its full name, or by a tuple of its group and its name, not by "
            f"{link!r}."
        )

    def _check_deletable(self) -> None:
        if not self._stored:
            raise ValueError(
                f"Trajectory `{self._name}` was never stored; there is nothing to delete."
            )


# ----- from arguments of users to entries of a LIST message ---------------------------------


def _entries(
    tree: Tree, action: str, items: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[Entry]:
    """Yield the entries for ``items``; ``args`` and ``kwargs`` are for items without their own.

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
        node = item
        if not isinstance(item, NNTreeNode):
            # Full names, which most names are, take no search.
            node = tree.get_node(item) if isinstance(item, str) and item else None
            if node is None:
                node = find(tree, tree.root, item)
        if node is tree.root:
            raise ValueError(
                f"The trajectory itself is not an item; use `f_{action}`, or name parts of it."
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


def _nodes_from(node: Any) -> Iterator[Any]:
    """Yield a node and everything below it, links not followed."""
    yield node
    if not node._is_leaf:
        yield from node.f_iter_nodes(recursive=True, with_links=False)
