"""Which nodes and links go from one trajectory to the other, and under which names."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from pypet.support.comparisons import nested_equal
from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.translation import Translation
from pypet.tree.node import NO_RUN_BRANCH

logger = logging.getLogger(__name__)

_TRANSFERRED = ("results", "derived_parameters")
_MERGED_CONFIG = ("config.git", "config.environment", "config.merge")


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
    for group in [*other._tree.groups.values()]:
        if group._branch in _TRANSFERRED and _is_special(group):
            _plan_node(traj, other, group, translation, options, transfer)
    for leaf in other._tree.leaves.values():
        if leaf._branch in _TRANSFERRED:
            _plan_node(traj, other, leaf, translation, options, transfer)
        elif options.merge_config and leaf._full_name.startswith(_MERGED_CONFIG):
            _plan_config(traj, leaf, transfer)
    for group in [*other._tree.groups.values()]:
        for name, target in group._links.items():
            _plan_link(other, group, name, target, translation, options, transfer)
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
    other: Any,
    node: Any,
    translation: Translation,
    options: MergeOptions,
    transfer: Transfer,
) -> None:
    path = node._full_name
    if path in options.ignore_data:
        return
    if node._run_branch != NO_RUN_BRANCH:
        old = other.f_idx_to_run(node._run_branch)
        if old in translation.new_indices:
            transfer.nodes[path] = translation.of_run(path, old)
    elif translation.has_dummy(path):
        if node._is_leaf and not _is_known(traj, other, node):
            _plan_dummy(node, translation, transfer)
    elif path not in ("results", "derived_parameters", "results.runs", "derived_parameters.runs"):
        if node._is_leaf and node.v_is_parameter and path in traj._tree.leaves:
            return  # a shared derived parameter: its values are merged, not the node
        transfer.nodes[path] = path


def _plan_dummy(node: Any, translation: Translation, transfer: Transfer) -> None:
    """Store what the other has for all of its runs under the first new run, and link to it."""
    path = node._full_name
    first: str | None = None
    for new in translation.new_indices.values():
        name = translation.of_dummy(path, new)
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
    in_branch = any(path.startswith(f"{branch}.") for branch in _MERGED_CONFIG)
    if in_branch and traj._tree.get_node(path) is None:
        transfer.nodes[path] = path


def _plan_link(
    other: Any,
    group: Any,
    name: str,
    target: Any,
    translation: Translation,
    options: MergeOptions,
    transfer: Transfer,
) -> None:
    location = group._full_name
    path = f"{location}.{name}" if location else name
    if {path, target._full_name} & options.ignore_data:
        return
    if translation.has_dummy(path) or translation.has_dummy(target._full_name):
        logger.warning(
            "The link `%s` to `%s` belongs to no single run; it is not merged.",
            path,
            target._full_name,
        )
        return
    new_names = []
    for part, branch in ((path, group._run_branch), (target._full_name, target._run_branch)):
        if branch == NO_RUN_BRANCH:
            new_names.append(part)
            continue
        old = other.f_idx_to_run(branch)
        if old not in translation.new_indices:
            return
        new_names.append(translation.of_run(part, old))
    transfer.links[new_names[0]] = new_names[1]
