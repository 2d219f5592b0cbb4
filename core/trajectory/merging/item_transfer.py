"""Merging item by item through memory, for storage services that cannot copy by themselves."""

from __future__ import annotations

import copy
from typing import Any

from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.transfer import Transfer
from pypet.tree.storing import service_of


def transfer_items(traj: Any, other: Any, transfer: Transfer, options: MergeOptions) -> None:
    """Load each item of the other trajectory, store it under its new name and let go of it.

    After an error what was stored is deleted again.
    """
    created: list[Any] = []
    try:
        for old, new in transfer.nodes.items():
            node = _transfer(traj, other, old, new)
            if node is not None:
                created.append(node)
        for path, target in transfer.links.items():
            traj._tree.insert_link(path, traj._tree.get_node(target))
            location, _, name = path.rpartition(".")
            traj._tree.get_node(location).f_store_child(name)
    except BaseException:
        traj.f_delete_items(created, remove_from_trajectory=True, recursive=True)
        raise
    if options.delete_other_trajectory:
        other.f_delete_items(list(other.f_get_children().values()), recursive=True)
    elif options.move_data:
        leaves = [other._tree.leaves[name] for name in transfer.nodes if name in other._tree.leaves]
        other.f_delete_items(leaves)


def _transfer(traj: Any, other: Any, old: str, new: str) -> Any:
    """Copy one node; return the copy, None if its place was taken before."""
    node = other._tree.get_node(old)
    if traj._tree.get_node(new) is not None:
        return None
    if not node.v_is_leaf:
        group = traj._tree.insert_group(new, type(node), node.v_comment)
        group.v_annotations.f_set(**node.v_annotations.f_to_dict())
        _store(traj, group)
        return None
    was_empty = node.f_is_empty()
    if was_empty and node._stored:
        other.f_load_item(node)
    twin = copy.copy(node)
    twin._rename(new)
    twin._stored = False
    traj._tree.insert_leaf(new, twin)
    _store(traj, twin)
    if was_empty:
        for leaf in (node, twin):
            if leaf.v_is_parameter:
                leaf.f_unlock()
            leaf.f_empty()
    return twin


def _store(traj: Any, node: Any) -> None:
    service_of(traj._tree).store(
        "LEAF" if node.v_is_leaf else "GROUP", node, trajectory_name=traj.v_name
    )
