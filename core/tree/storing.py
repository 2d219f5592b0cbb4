"""What groups ask of the storage service: storing and loading parts of the tree."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, NoSuchServiceError

if TYPE_CHECKING:
    from pypet.tree.group_state import GroupState
    from pypet.tree.node import NNTreeNode
    from pypet.tree.tree import Tree

logger = logging.getLogger(__name__)


def service_of(tree: Tree) -> Any:
    """Return the storage service of the trajectory.

    Raises
    ------
    NoSuchServiceError
        It has none.
    """
    service = tree.root._storage_service
    if service is None:
        raise NoSuchServiceError(
            f"Trajectory `{tree.root._name}` has no storage service: give it a `filename`, or "
            "set `v_storage_service`."
        )
    return service


def store_group(tree: Tree, group: GroupState, **kwargs: Any) -> None:
    """Store a group and, if asked for, what is below it."""
    service_of(tree).store(constants.GROUP, group, trajectory_name=tree.root._name, **kwargs)


def store_child(tree: Tree, group: GroupState, path: str, **kwargs: Any) -> None:
    """Store what lies at the exact ``path`` below ``group`` and everything on the way."""
    service_of(tree).store(constants.TREE, group, path, trajectory_name=tree.root._name, **kwargs)


def load_group(tree: Tree, group: GroupState, **kwargs: Any) -> None:
    """Load a group and, if asked for, what is below it."""
    service_of(tree).load(constants.GROUP, group, trajectory_name=tree.root._name, **kwargs)


def load_child(tree: Tree, group: GroupState, path: str, **kwargs: Any) -> None:
    """Load what lies at the exact ``path`` below ``group`` and everything on the way."""
    service_of(tree).load(constants.TREE, group, path, trajectory_name=tree.root._name, **kwargs)


def load_names(tree: Tree, group: GroupState) -> None:
    """Try to load the skeleton one level below ``group``; that it fails is no error."""
    try:
        load_group(tree, group, recursive=True, load_data=constants.LOAD_SKELETON, max_depth=1)
    except Exception as error:
        logger.debug("The children of `%s` could not be loaded: %r", group._full_name, error)


def load_path(tree: Tree, start: GroupState, components: Sequence[str]) -> NNTreeNode:
    """Load a node that is not in memory, with its data, from its exact path below ``start``.

    Raises
    ------
    DataNotInStorageError
        It is not in the storage, or there is no storage to look into.
    """
    path = ".".join(components)
    where = start._full_name or tree.root._name
    try:
        load_child(
            tree, start, path, load_data=constants.LOAD_DATA, with_links=True, recursive=False
        )
    except (ValueError, NoSuchServiceError) as error:
        # No file, no such trajectory in it, no service: for who looks up a name, it is missing.
        raise DataNotInStorageError(
            f"`{path}` is not in memory below `{where}` and cannot be loaded: {error}"
        ) from error
    node: Any = start
    for name in components:
        node = None if node is None or node._is_leaf else node._children.get(name)
    if node is None:
        raise DataNotInStorageError(
            f"`{path}` is neither in memory below `{where}` nor in the storage."
        )
    switch_to_run(tree, node)
    return node  # type: ignore[no-any-return]


def load_data_of(tree: Tree, leaf: Any) -> None:
    """Load the data of an empty leaf; a parameter without a value need not be in the storage."""
    try:
        service_of(tree).load(
            constants.LEAF,
            leaf,
            trajectory_name=tree.root._name,
            load_data=constants.LOAD_DATA,
        )
    except (DataNotInStorageError, NoSuchServiceError, ValueError):
        if not leaf._means_none():
            raise
        return
    switch_to_run(tree, leaf)


def switch_to_run(tree: Tree, node: Any) -> None:
    """Set a freshly loaded explored parameter to the current run."""
    idx = tree.root._idx
    if idx >= 0 and node._is_leaf and node._is_parameter and node.f_has_range():
        node._set_parameter_access(idx)
