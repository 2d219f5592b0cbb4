"""Storing a trajectory, or single items of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pypet import pypetconstants as constants
from pypet.records import Info
from pypet.support.arguments import check_flag, check_iterable
from pypet.support.decorators import kwargs_api_change, kwargs_mutual_exclusive
from pypet.trajectory.items import Entry, entries
from pypet.trajectory.state import TrajectoryState
from pypet.tree.storage import storage_service_of


class Storing(TrajectoryState):
    """The part of a trajectory that asks its storage service to store."""

    __slots__ = ()

    @kwargs_api_change("new_filename")
    @kwargs_api_change("new_name")
    @kwargs_mutual_exclusive("only_init", "recursive", lambda recursive: not recursive)
    def f_store(
        self,
        only_init: bool = False,
        store_data: int = constants.STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        """Store the trajectory; during a run, what was added in the run and is not stored yet.

        If one value cannot be stored nothing of this call is. Remove it, or store the others by
        `f_store_items`. (What an environment stores at the end of a run is different: there
        everything else is stored, and the run counts as failed.)

        Parameters
        ----------
        only_init
            Only store what concerns the trajectory itself: its comment, annotations, and what is
            known about runs. ``recursive`` is accepted for the opposite.
        store_data
            `STORE_NOTHING` 0; `STORE_DATA_SKIPPING` 1: leave out nodes that were stored before;
            `STORE_DATA` 2: add what is new, never change what is there; `OVERWRITE_DATA` 3:
            write everything anew.
        max_depth
            Only store nodes that are at most so many steps below the root.

        Raises
        ------
        NoSuchServiceError
            The trajectory has no storage service.
        RuntimeError
            The trajectory was never stored, but there is one of its name already.
        TypeError
            A value cannot be stored; the message names it.
        """
        check_flag(only_init, "only_init", "`f_store_item` stores a single item.")
        service = storage_service_of(self)
        if not self._is_run:
            service.store(
                constants.TRAJECTORY,
                self,
                trajectory_name=self._name,
                only_init=only_init,
                store_data=store_data,
                max_depth=max_depth,
            )
            self._stored = True
            self._runs.mark_stored()
        elif self._new_nodes or self._new_links:
            service.store(
                constants.SINGLE_RUN,
                self,
                trajectory_name=self._name,
                recursive=not only_init,
                store_data=store_data,
                max_depth=max_depth,
            )

    def f_store_item(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Store one item, see `f_store_items`."""
        self.f_store_items([item], *args, **kwargs)

    def f_store_items(
        self, iterator: Iterable[Any], *args: Any, non_empties: bool = False, **kwargs: Any
    ) -> None:
        """Store single leaves and groups.

        An item is a node, its name (found as `f_get` does), or a tuple ``(message, item)`` with
        arguments and keywords of its own as third and fourth entry. Other arguments go to the
        storage service: ``store_data``; for leaves ``overwrite`` (True, or names of the parts to
        write anew) and how to write, for instance ``complevel``; for groups ``recursive``,
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
        chosen: list[Entry] = [
            entry
            for entry in entries(self._tree, "store", iterator, args, kwargs)
            if not (non_empties and entry[1]._is_leaf and entry[1].f_is_empty())
        ]
        if not chosen:
            raise ValueError("There is nothing to store: no item was given, or all are empty.")
        storage_service_of(self).store(constants.LIST, chosen, trajectory_name=self._name)

    def _check_stored(self, what: str) -> None:
        if not self._stored:
            raise TypeError(
                f"Trajectory `{self._name}` was never stored, so no part of it can be {what}; "
                "call `f_store(only_init=True)` first."
            )

    def _info(self) -> Info:
        """Return what is stored about the trajectory itself."""
        return Info(
            name=self._name or "",
            time=self._time,
            timestamp=self._timestamp,
            comment=self._comment,
            length=len(self._runs),
            version=self._version,
            python=self._python,
        )
