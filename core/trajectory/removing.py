"""Removing items from memory, and deleting them from the storage."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from pypet import pypetconstants as constants
from pypet.support.arguments import check_flag, check_iterable
from pypet.support.decorators import kwargs_api_change
from pypet.trajectory.items import entries, nodes_from
from pypet.trajectory.state import TrajectoryState
from pypet.tree.node import NNTreeNode
from pypet.tree.storage import storage_service_of

logger = logging.getLogger(__name__)


class Removing(TrajectoryState):
    """The part of a trajectory that takes items away."""

    __slots__ = ()

    @kwargs_api_change("remove_empty_groups")
    def f_remove_item(self, item: Any, recursive: bool = False) -> None:
        """Remove one item from memory, see `f_remove_items`."""
        self.f_remove_items([item], recursive=recursive)

    @kwargs_api_change("remove_empty_groups")
    def f_remove_items(self, iterator: Iterable[Any], recursive: bool = False) -> None:
        """Remove nodes, given by themselves or by name, from memory, with all links to them.

        A name that leads to a link removes this link alone. What is stored stays stored.

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
        """Delete nodes from the storage; in memory they stay unless said otherwise.

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
            The trajectory was never stored; ``delete_only`` meets a group; a node is not of this
            trajectory.
        TypeError
            A group has children in the storage and ``recursive`` is false.
        DataNotInStorageError
            An item is not in the storage.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        check_iterable(iterator, "f_delete_items", "f_delete_item")
        check_flag(recursive, "recursive", "Give several items as a list.")
        service = storage_service_of(self)
        self._check_deletable()
        if delete_only is not None and not isinstance(delete_only, str):
            delete_only = list(delete_only)
        kwargs.update(
            recursive=recursive, delete_only=delete_only, remove_from_item=remove_from_item
        )
        chosen = list(entries(self._tree, "delete", iterator, args, kwargs))
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
        for gone in list(nodes_from(node)):
            gone._stored = False
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
        """Delete links from the storage; the nodes that they point to stay.

        A link is given by its full name, or by its group and its name. With
        ``remove_from_trajectory`` it is removed from memory too.

        Raises
        ------
        ValueError
            The trajectory was never stored, or there is no such link in memory to remove.
        TypeError
            A link is given by something else.
        DataNotInStorageError
            A link is not in the storage.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        service = storage_service_of(self)
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
