"""Settings of a storage service as config parameters of the trajectory that it stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet.leaves.parameter import Parameter
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.tree.typed_groups import RootGroup


def note_settings(
    traj: RootGroup, config_group: str, settings: Mapping[str, tuple[Any, str]]
) -> None:
    """Add those settings that ``config.<config_group>`` of the trajectory does not hold yet."""
    if not settings:
        return
    tree = tree_of(traj)
    tree.insert_group(
        f"config.{config_group}",
        comment="Settings of the storage service; change them before the first storing.",
    )
    for name, (value, comment) in settings.items():
        path = f"config.{config_group}.{name}"
        if tree.get_node(path) is None:
            tree.insert_leaf(path, Parameter(path, value, comment))


def read_settings(traj: RootGroup, config_group: str | None) -> dict[str, Any]:
    """Return the settings that the trajectory holds in memory, by name below the group."""
    group = None if config_group is None else tree_of(traj).get_node(f"config.{config_group}")
    if group is None:
        return {}
    skip = len(group.v_full_name) + 1
    return {
        leaf.v_full_name[skip:]: leaf.f_get()
        for leaf in group.f_iter_leaves(with_links=False)
        if not leaf.f_is_empty()
    }


def replace_settings(
    traj: RootGroup, config_group: str | None, settings: Mapping[str, Any]
) -> None:
    """Give settings noted in memory the values that were stored.

    Otherwise the defaults of a service that was made for loading would be written over the
    settings of the file when the trajectory is stored again.
    """
    for name, value in settings.items():
        leaf = tree_of(traj).get_node(f"config.{config_group}.{name}")
        if leaf is not None and leaf.v_is_leaf and not leaf.v_stored:
            leaf.f_unlock()
            leaf.f_set(value)
