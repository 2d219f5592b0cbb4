"""Which nodes and links go from one trajectory to the other, and under which names."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pypet.support.comparisons import nested_equal
from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.translation import Translation

logger = logging.getLogger(__name__)

_TRANSFERRED = ("results", "derived_parameters")
_FRAMES = frozenset(name for branch in _TRANSFERRED for name in (branch, f"{branch}.runs"))
MERGED_CONFIG = ("config.git", "config.environment", "config.merge")


@dataclass(slots=True)
class Transfer:
    """Names in the other trajectory -> names in the merged one."""

    nodes: dict[str, str] = field(default_factory=dict)
    """Leaves and groups, each alone, parents before children."""
    links: dict[str, str] = field(default_factory=dict)
    """Full name of each new link -> full name of its target; both in the merged trajectory."""


def plan_transfer(
    traj: Any, other: Any, translation: Translation, options: MergeOptions
) -> Transfer:
    """Return what the merge copies; the skeleton of ``other`` has to be in memory."""
    transfer = Transfer()
    dummies: list[Any] = []
    for group in [*other._tree.groups.values()]:
        if group._branch in _TRANSFERRED and _is_special(group):
            _plan_node(traj, group, translation, options, transfer, dummies)
    for leaf in other._tree.leaves.values():
        if leaf._branch in _TRANSFERRED:
            _plan_node(traj, leaf, translation, options, transfer, dummies)
        elif options.merge_config and leaf._full_name.startswith(MERGED_CONFIG):
            _plan_config(traj, leaf, transfer)
    # What a run has itself wins over what all runs have in common.
    taken = _with_ways(transfer.nodes.values())
    for leaf in dummies:
        if not _is_known(traj, other, leaf):
            _plan_dummy(leaf, translation, transfer, taken)
    taken |= _with_ways(transfer.nodes.values())
    for group in [*other._tree.groups.values()]:
        for name, target in group._links.items():
            _plan_link(traj, other, group, name, target, translation, options, transfer, taken)
    return transfer


def _is_special(group: Any) -> bool:
    """Say whether more is known about a group than that there is something below it."""
    return bool(
        group._comment
        or (group._annotations is not None and not group._annotations.f_is_empty())
        or not group._children
        or not group.v_root._tree.is_standard_group_class(type(group))
    )


def _plan_node(
    traj: Any,
    node: Any,
    translation: Translation,
    options: MergeOptions,
    transfer: Transfer,
    dummies: list[Any],
) -> None:
    path = node._full_name
    if path in options.ignore_data:
        return
    old = translation.run_of(path)
    if old is not None:
        if old in translation.new_indices:
            transfer.nodes[path] = translation.of_run(path, old)
    elif translation.has_dummy(path):
        if node._is_leaf:
            dummies.append(node)
    elif path not in _FRAMES:
        if node._is_leaf and node.v_is_parameter and path in traj._tree.leaves:
            return  # a shared derived parameter: its values are merged, not the node
        own = traj._tree.get_node(path)
        if own is None or own._stored:  # the storage knows whether the name is taken
            transfer.nodes[path] = path
        elif node._is_leaf:
            logger.warning("`%s` exists already; the other one is not merged.", path)


def _plan_dummy(node: Any, translation: Translation, transfer: Transfer, taken: set[str]) -> None:
    """Store what the other has for all of its runs under the first new run, and link to it."""
    path = node._full_name
    first: str | None = None
    for new in translation.new_indices.values():
        name = translation.of_dummy(path, new)
        if name in taken:
            continue
        if first is None:
            first = transfer.nodes[path] = name
        elif name != first:
            transfer.links[name] = first


def _is_known(traj: Any, other: Any, node: Any) -> bool:
    """Say whether the current trajectory has an equal leaf under the same dummy name."""
    twin = traj._tree.leaves.get(node._full_name)
    if twin is None:
        return False
    for leaf, root in ((twin, traj), (node, other)):
        if leaf.f_is_empty() and leaf._stored:
            root.f_load_item(leaf)
    if twin.f_is_empty() or node.f_is_empty():
        return bool(twin.f_is_empty() == node.f_is_empty())
    if node.v_is_parameter != twin.v_is_parameter:
        return False
    if node.v_is_parameter:
        return bool(twin._values_of_same_type(twin.f_get(), node.f_get())) and bool(
            twin._equal_values(twin.f_get(), node.f_get())
        )
    return _same_items(twin, node)


def _same_items(one: Any, two: Any) -> bool:
    return bool(nested_equal(one.f_to_dict(copy=False), two.f_to_dict(copy=False)))


def _plan_config(traj: Any, leaf: Any, transfer: Transfer) -> None:
    path = leaf._full_name
    in_branch = any(path.startswith(f"{branch}.") for branch in MERGED_CONFIG)
    if in_branch and traj._tree.get_node(path) is None:
        transfer.nodes[path] = path


def _plan_link(
    traj: Any,
    other: Any,
    group: Any,
    name: str,
    target: Any,
    translation: Translation,
    options: MergeOptions,
    transfer: Transfer,
    taken: set[str],
) -> None:
    location, goal = group._full_name, target._full_name
    path = f"{location}.{name}" if location else name
    if {path, goal} & options.ignore_data:
        return
    if translation.has_dummy(path) or translation.has_dummy(goal):
        logger.warning(
            "The link `%s` to `%s` belongs to no single run; it is not merged.", path, goal
        )
        return
    new_names = []
    for part in (path, goal):
        old = translation.run_of(part)
        if old is None:
            new_names.append(part)
        elif old in translation.new_indices:
            new_names.append(translation.of_run(part, old))
        else:
            return
    new_path, new_goal = new_names
    if new_path in taken or new_path in transfer.links:
        logger.warning("There is a `%s` already; the link to `%s` is not merged.", path, goal)
    elif new_goal not in taken and traj._tree.get_node(new_goal) is None:
        logger.error("The link `%s` leads to `%s`, which is not merged.", path, goal)
    else:
        transfer.links[new_path] = new_goal


def _with_ways(names: Iterable[str]) -> set[str]:
    """Return full names and those of all groups on the way to them."""
    places = set()
    for name in names:
        while name and name not in places:
            places.add(name)
            name = name.rpartition(".")[0]
    return places
