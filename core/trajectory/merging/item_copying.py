"""Copying item by item through memory, for storage services that cannot copy by themselves."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pypet.errors import DataNotInStorageError, NoSuchServiceError
from pypet.pypetconstants import LOAD_SKELETON, MERGE
from pypet.trajectory.merging.plan import MergeOptions
from pypet.trajectory.merging.transfer import Transfer
from pypet.tree.node import set_stored
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

logger = logging.getLogger(__name__)


def copy_items(
    traj: Trajectory,
    other: Trajectory,
    transfer: Transfer,
    options: MergeOptions,
    last_step: Callable[[], None],
) -> None:
    """Load each item of the other trajectory, store it under its new name, and release it.

    ``last_step`` is called when all items are copied. After an error, also of the last step, the
    copies are deleted. Items of the other trajectory are deleted only after success.
    """
    copies = _Copies(traj)
    try:
        for old, new in transfer.nodes.items():
            _transfer(traj, other, old, new, copies)
        for path, target in transfer.links.items():
            copies.add_link(path, tree_of(traj).get_node(target))
        last_step()
    except BaseException:
        copies.roll_back()
        raise
    if not other.v_stored:
        return
    if options.delete_other_trajectory:
        _delete_all(other)
    elif options.move_data:
        leaves = [
            tree_of(other).leaves[name] for name in transfer.nodes if name in tree_of(other).leaves
        ]
        other.f_delete_items(leaves)


class _Copies:
    """Records what was added to a trajectory, to roll it back after a failure."""

    def __init__(self, traj: Trajectory) -> None:
        self._traj = traj
        self._tops: list[str] = []
        """Topmost new nodes."""
        self._links: list[tuple[str, str]] = []
        """Full name of the group and name of each new link in a group that existed."""

    def is_free(self, path: str, kind: str) -> bool:
        """Return whether a path is free, in memory and in the storage; warn if not."""
        if self._find(path) is None:
            return True
        logger.warning(
            "`%s` exists in trajectory `%s` already; the %s of this name is not merged.",
            path,
            self._traj.v_name,
            kind,
        )
        return False

    def record(self, path: str) -> None:
        """Record the topmost parent of a new node that does not exist yet."""
        components = path.split(".")
        for depth in range(1, len(components) + 1):
            top = ".".join(components[:depth])
            if self._find(top) is None:
                self._tops.append(top)
                return

    def add_link(self, path: str, target: Any) -> None:
        """Add and store a link."""
        if not self.is_free(path, "link"):
            return
        location, _, name = path.rpartition(".")
        if self._find(location) is None:
            self.record(location)
        else:
            self._links.append((location, name))
        tree_of(self._traj).insert_link(path, target)
        tree_of(self._traj).get_node(location).f_store_child(name)

    def roll_back(self) -> None:
        """Delete everything that was added, from the storage and from memory."""
        tree = tree_of(self._traj)
        for location, name in reversed(self._links):
            group = tree.get_node(location)
            if name in group.f_get_links(copy=False):
                _try(self._traj.f_delete_link, (group, name))
                group.f_remove_link(name)
        for path in reversed(self._tops):
            node = tree.get_node(path)
            if node is not None:
                _try(self._traj.f_delete_item, node, recursive=True)
                tree.remove_node(node, recursive=True)

    def _find(self, path: str) -> Any:
        """Return what is at exactly this path, from memory or the skeleton in the storage."""
        tree = tree_of(self._traj)
        if not path:
            return self._traj
        location, _, name = path.rpartition(".")
        parent = tree.get_node(location) if location else self._traj
        if (
            parent is not None
            and not parent.v_is_leaf
            and name in parent.f_get_children(copy=False)
        ):
            return parent.f_get_children(copy=False)[name]
        try:
            return self._traj.f_load_child(path, load_data=LOAD_SKELETON)
        except (DataNotInStorageError, AttributeError):
            return None


def _try(action: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    try:
        action(*args, **kwargs)
    except Exception:
        logger.exception("Copies that a failed merge had made could not be deleted.")


def _transfer(traj: Trajectory, other: Trajectory, old: str, new: str, copies: _Copies) -> None:
    """Copy one node, unless its path exists already."""
    node = tree_of(other).get_node(old)
    if not node.v_is_leaf:
        if copies.is_free(new, "group"):
            copies.record(new)
            group = tree_of(traj).insert_group(new, type(node), node.v_comment)
            group.v_annotations.f_set(**node.v_annotations.f_to_dict())
            _store(traj, group)
        return
    if not copies.is_free(new, "leaf"):
        return
    was_empty = node.f_is_empty()
    if was_empty and node.v_stored:
        other.f_load_item(node)
    twin = copy.copy(node)
    twin._rename(new)
    set_stored(twin, False)
    copies.record(new)
    tree_of(traj).insert_leaf(new, twin)
    _store(traj, twin)
    if was_empty:
        for leaf in (node, twin):
            if leaf.v_is_parameter:
                leaf.f_unlock()
            leaf.f_empty()


def _delete_all(other: Trajectory) -> None:
    """Delete a stored trajectory, child by child if its service cannot delete it as a whole."""
    try:
        storage_service_of(other).store(
            MERGE,
            None,
            trajectory_name=other.v_name,
            other_trajectory_name=other.v_name,
            rename_dict={},
            delete_trajectory=True,
        )
        set_stored(other, False)
    except NoSuchServiceError:
        other.f_delete_items(list(other.f_get_children().values()), recursive=True)


def _store(traj: Trajectory, node: Any) -> None:
    storage_service_of(traj).store(
        "LEAF" if node.v_is_leaf else "GROUP", node, trajectory_name=traj.v_name
    )
