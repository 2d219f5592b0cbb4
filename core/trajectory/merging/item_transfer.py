"""Merging item by item through memory, for storage services that cannot copy by themselves."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any

from pypet.errors import DataNotInStorageError, NoSuchServiceError
from pypet.pypetconstants import LOAD_SKELETON, MERGE
from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.transfer import Transfer
from pypet.tree.storage import storage_service_of

logger = logging.getLogger(__name__)


def transfer_items(
    traj: Any,
    other: Any,
    transfer: Transfer,
    options: MergeOptions,
    last_step: Callable[[], None],
) -> None:
    """Load each item of the other trajectory, store it under its new name and let go of it.

    ``last_step`` is called when all of it has arrived. After an error, also of the last step,
    what was stored is deleted again. Only then items of the other trajectory are deleted.
    """
    arrivals = _Arrivals(traj)
    try:
        for old, new in transfer.nodes.items():
            _transfer(traj, other, old, new, arrivals)
        for path, target in transfer.links.items():
            arrivals.link(path, traj._tree.get_node(target))
        last_step()
    except BaseException:
        arrivals.take_back()
        raise
    if not other._stored:
        return
    if options.delete_other_trajectory:
        _delete_all(other)
    elif options.move_data:
        leaves = [other._tree.leaves[name] for name in transfer.nodes if name in other._tree.leaves]
        other.f_delete_items(leaves)


class _Arrivals:
    """What came into a trajectory, to take it back after a failure."""

    def __init__(self, traj: Any) -> None:
        self._traj = traj
        self._tops: list[str] = []
        """Topmost new nodes."""
        self._links: list[tuple[str, str]] = []
        """Full name of the group and name of each new link in a group that existed."""

    def is_free(self, path: str, kind: str) -> bool:
        """Say whether a place is free, in memory and in the storage; warn if not."""
        if self._find(path) is None:
            return True
        logger.warning(
            "`%s` exists in trajectory `%s` already; the %s of this name is not merged.",
            path,
            self._traj.v_name,
            kind,
        )
        return False

    def note(self, path: str) -> None:
        """Remember the topmost node on the way to a new one that does not exist yet."""
        components = path.split(".")
        for depth in range(1, len(components) + 1):
            top = ".".join(components[:depth])
            if self._find(top) is None:
                self._tops.append(top)
                return

    def link(self, path: str, target: Any) -> None:
        """Make and store a link."""
        if not self.is_free(path, "link"):
            return
        location, _, name = path.rpartition(".")
        if self._find(location) is None:
            self.note(location)
        else:
            self._links.append((location, name))
        self._traj._tree.insert_link(path, target)
        self._traj._tree.get_node(location).f_store_child(name)

    def take_back(self) -> None:
        """Delete everything again, from the storage and from memory."""
        tree = self._traj._tree
        for location, name in reversed(self._links):
            group = tree.get_node(location)
            if name in group._links:
                _try(self._traj.f_delete_link, (group, name))
                group.f_remove_link(name)
        for path in reversed(self._tops):
            node = tree.get_node(path)
            if node is not None:
                _try(self._traj.f_delete_item, node, recursive=True)
                tree.remove_node(node, recursive=True)

    def _find(self, path: str) -> Any:
        """Return what is at exactly this path, from memory or the skeleton in the storage."""
        tree = self._traj._tree
        if not path:
            return self._traj
        location, _, name = path.rpartition(".")
        parent = tree.get_node(location) if location else self._traj
        if parent is not None and not parent.v_is_leaf and name in parent._children:
            return parent._children[name]
        try:
            return self._traj.f_load_child(path, load_data=LOAD_SKELETON)
        except (DataNotInStorageError, AttributeError):
            return None


def _try(action: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    try:
        action(*args, **kwargs)
    except Exception:
        logger.exception("What a failed merge had copied could not be deleted again.")


def _transfer(traj: Any, other: Any, old: str, new: str, arrivals: _Arrivals) -> None:
    """Copy one node, unless its place is taken."""
    node = other._tree.get_node(old)
    if not node.v_is_leaf:
        if arrivals.is_free(new, "group"):
            arrivals.note(new)
            group = traj._tree.insert_group(new, type(node), node.v_comment)
            group.v_annotations.f_set(**node.v_annotations.f_to_dict())
            _store(traj, group)
        return
    if not arrivals.is_free(new, "leaf"):
        return
    was_empty = node.f_is_empty()
    if was_empty and node._stored:
        other.f_load_item(node)
    twin = copy.copy(node)
    twin._rename(new)
    twin._stored = False
    arrivals.note(new)
    traj._tree.insert_leaf(new, twin)
    _store(traj, twin)
    if was_empty:
        for leaf in (node, twin):
            if leaf.v_is_parameter:
                leaf.f_unlock()
            leaf.f_empty()


def _delete_all(other: Any) -> None:
    """Delete a stored trajectory; what its service cannot delete as a whole, child by child."""
    try:
        storage_service_of(other).store(
            MERGE,
            None,
            trajectory_name=other.v_name,
            other_trajectory_name=other.v_name,
            rename_dict={},
            delete_trajectory=True,
        )
        other._stored = False
    except NoSuchServiceError:
        other.f_delete_items(list(other.f_get_children().values()), recursive=True)


def _store(traj: Any, node: Any) -> None:
    storage_service_of(traj).store(
        "LEAF" if node.v_is_leaf else "GROUP", node, trajectory_name=traj.v_name
    )
