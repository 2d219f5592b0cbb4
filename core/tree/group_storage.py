"""The part of groups that stores and loads them."""

from __future__ import annotations

from typing import Any, Self

from pypet.pypetconstants import LOAD_DATA, STORE_DATA
from pypet.support.arguments import on_error_keyword
from pypet.tree import lookup, storing
from pypet.tree.group_state import GroupState


class GroupStorage(GroupState):
    """Storing and loading of a group and what is below it."""

    __slots__ = ()

    def f_store(
        self, recursive: bool = True, store_data: int = STORE_DATA, max_depth: int | None = None
    ) -> None:
        """Store the group and, if ``recursive``, what is at most ``max_depth`` steps below it.

        Raises
        ------
        NoSuchServiceError
            The trajectory has no storage service.
        """
        storing.store_group(
            self._nn(), self, recursive=recursive, store_data=store_data, max_depth=max_depth
        )

    def f_store_child(
        self,
        name: str,
        recursive: bool = False,
        store_data: int = STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        """Store what lies at the exact path ``name`` below the group, and all on the way to it.

        Raises
        ------
        ValueError
            There is nothing at this path.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        tree = self._nn()
        storing.store_child(
            tree,
            self,
            lookup.exact_path(tree, self, name),
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
        storing.load_group(
            self._nn(),
            self,
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
        """Load what lies at the exact path ``name`` below the group, and return it.

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
        return lookup.load_exact(
            self._nn(),
            self,
            name,
            recursive=recursive,
            load_data=load_data,
            max_depth=max_depth,
            **on_error_keyword(on_error),
        )
