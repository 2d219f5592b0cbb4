"""What lookups and groups ask of the storage service of their trajectory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, NoSuchServiceError
from pypet.tree.index import walk

if TYPE_CHECKING:
    from pypet.tree.navigation import Navigation
    from pypet.tree.node import NNTreeNode
    from pypet.tree.tree import Tree

logger = logging.getLogger(__name__)


def load_below(group: Navigation, path: str, **kwargs: Any) -> None:
    """Load what has the exact ``path`` below ``group``, and all groups in between."""
    root = group.v_root
    root._require_service().load(constants.TREE, group, path, trajectory_name=root._name, **kwargs)


def load_names(group: Navigation) -> None:
    """Try to load the direct children of ``group`` without data; a failure is no error."""
    root = group.v_root
    try:
        root._require_service().load(
            constants.GROUP,
            group,
            trajectory_name=root.v_name,
            recursive=True,
            load_data=constants.LOAD_SKELETON,
            max_depth=1,
        )
    except Exception as error:
        logger.debug("The children of `%s` could not be loaded: %r", group.v_full_name, error)


def load_path(tree: Tree, start: Navigation, components: Sequence[str]) -> NNTreeNode:
    """Load a node that is not in memory, with its data, from its exact path below ``start``.

    Raises
    ------
    DataNotInStorageError
        It is not in the storage, or there is no storage to look into.
    """
    path = ".".join(components)
    where = start._full_name or tree.root._name
    try:
        load_below(start, path, load_data=constants.LOAD_DATA, with_links=True, recursive=False)
    except (ValueError, NoSuchServiceError) as error:
        # Without a file, a trajectory in it, or a service, the name that is looked up is missing.
        raise DataNotInStorageError(
            f"`{path}` is not in memory below `{where}` and cannot be loaded: {error}"
        ) from error
    node = walk(start, components)
    if node is None:
        raise DataNotInStorageError(
            f"`{path}` is neither in memory below `{where}` nor in the storage."
        )
    _set_to_current_run(tree, node)
    return node


def load_data_of(tree: Tree, leaf: Any) -> None:
    """Load the data of an empty leaf; a parameter without a value need not be in the storage."""
    root = tree.root
    try:
        root._require_service().load(
            constants.LEAF, leaf, trajectory_name=root._name, load_data=constants.LOAD_DATA
        )
    except (DataNotInStorageError, NoSuchServiceError, ValueError):
        if not leaf._means_none():
            raise
        return
    _set_to_current_run(tree, leaf)


def _set_to_current_run(tree: Tree, node: Any) -> None:
    """Set an explored parameter that was just loaded to its value of the current run."""
    idx = tree.root._idx
    if idx >= 0 and node._is_leaf and node._is_parameter and node.f_has_range():
        node._set_parameter_access(idx)


def exact_path(tree: Tree, start: Navigation, name: str) -> str:
    """Return the translated path of an existing node or link, for the current run or the dummy.

    Raises
    ------
    ValueError
        There is none at this path.
    """
    parsed = tree.wildcards.parse(name)
    for idx in (tree.root._idx, -1):
        components = tree.wildcards.substitute(parsed, idx)
        if components and walk(start, components) is not None:
            return ".".join(components)
    raise ValueError(
        f"There is no `{name}` below `{start._full_name or 'the trajectory'}`; "
        "the path has to be complete here."
    )


def load_exact(tree: Tree, start: Navigation, name: str, **kwargs: Any) -> NNTreeNode:
    """Load the node at a complete path, for the current run or else the dummy, and return it.

    Raises
    ------
    DataNotInStorageError
        It is not in the storage.
    """
    parsed = tree.wildcards.parse(name)
    components = tree.wildcards.substitute(parsed, tree.root._idx)
    try:
        load_below(start, ".".join(components), **kwargs)
    except DataNotInStorageError as first:
        dummies = tree.wildcards.substitute(parsed, -1)
        if dummies == components:
            raise
        components = dummies
        try:
            load_below(start, ".".join(components), **kwargs)
        except DataNotInStorageError:
            raise first from None
    node = walk(start, components)
    if node is None:
        reason = tree.root._load_errors.get(".".join(filter(None, (start._full_name, *components))))
        raise DataNotInStorageError(
            f"`{name}` below `{start._full_name}` was not loaded{f': {reason}' if reason else '.'}"
        )
    return node
