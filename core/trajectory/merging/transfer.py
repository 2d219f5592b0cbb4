"""Which nodes and links a merge copies, and under which names."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pypet.runs import run_table_of
from pypet.support.comparisons import nested_equal
from pypet.trajectory.merging.compatibility import chosen_aliases
from pypet.trajectory.merging.plan import MergeOptions
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

logger = logging.getLogger(__name__)

_TRANSFERRED = ("results", "derived_parameters")
_STANDARD_GROUPS = frozenset(name for branch in _TRANSFERRED for name in (branch, f"{branch}.runs"))
MERGED_CONFIG = ("config.git", "config.environment", "config.merge")


class RunRenaming:
    """Maps full names of the other's runs to full names of the new runs.

    Each component that a wildcard expanded to for the old run becomes what the same wildcard
    expands to for the new one.
    """

    def __init__(self, traj: Trajectory, other: Trajectory, new_indices: Mapping[int, int]) -> None:
        """``new_indices`` maps runs of ``other`` to those that they become in ``traj``."""
        self._traj = traj
        self._other = other
        self._wildcards = sorted(chosen_aliases(traj))
        self.new_indices = dict(new_indices)
        self.dummies = {other.f_wildcard(wildcard, -1): wildcard for wildcard in self._wildcards}
        self._cached: dict[int, dict[str, str]] = {}

    def _components(self, old: int) -> dict[str, str]:
        """Return old component -> new component for one of the other's runs."""
        table = self._cached.get(old)
        if table is None:
            new = self.new_indices[old]
            table = {
                self._other.f_wildcard(wildcard, old): self._traj.f_wildcard(wildcard, new)
                for wildcard in self._wildcards
            }
            self._cached = {old: table}  # one run is enough: its nodes follow each other
        return table

    def run_of(self, path: str) -> int | None:
        """Return the other's run that a path belongs to, None if it belongs to no run."""
        for part in path.split("."):
            idx = run_table_of(self._other).find(part)
            if idx is not None:
                return int(idx)
        return None

    def rename(self, path: str, old: int) -> str:
        """Return the new full name of a node of the other's run ``old``."""
        table = self._components(old)
        return ".".join([table.get(part, part) for part in path.split(".")])

    def expand_dummies(self, path: str, new: int) -> str:
        """Return the full name with dummy names replaced by those of the new run ``new``."""
        dummies = self.dummies
        return ".".join(
            [
                self._traj.f_wildcard(dummies[part], new) if part in dummies else part
                for part in path.split(".")
            ]
        )

    def has_dummy(self, path: str) -> bool:
        """Return whether a component is a dummy name."""
        return not self.dummies.keys().isdisjoint(path.split("."))


@dataclass(slots=True)
class Transfer:
    """Names in the other trajectory -> names in the merged one."""

    nodes: dict[str, str] = field(default_factory=dict)
    """Leaves and groups, each alone, parents before children."""
    links: dict[str, str] = field(default_factory=dict)
    """Full name of each new link -> full name of its target; both in the merged trajectory."""


def plan_transfer(
    traj: Trajectory, other: Trajectory, renaming: RunRenaming, options: MergeOptions
) -> Transfer:
    """Return what to copy; the skeleton of ``other`` has to be in memory."""
    transfer = Transfer()
    dummies: list[Any] = []
    for group in [*tree_of(other).groups.values()]:
        if group.v_branch in _TRANSFERRED and _is_special(group):
            _plan_node(traj, group, renaming, options, transfer, dummies)
    for leaf in tree_of(other).leaves.values():
        if leaf.v_branch in _TRANSFERRED:
            _plan_node(traj, leaf, renaming, options, transfer, dummies)
        elif options.merge_config and leaf.v_full_name.startswith(MERGED_CONFIG):
            _plan_config(traj, leaf, transfer)
    # Nodes of a single run take precedence over those that all runs have in common.
    used = _with_parents(transfer.nodes.values())
    for leaf in dummies:
        if not _has_equal(traj, other, leaf):
            _plan_dummy(leaf, renaming, transfer, used)
    used |= _with_parents(transfer.nodes.values())
    for group in [*tree_of(other).groups.values()]:
        for name, target in group.f_get_links(copy=False).items():
            _plan_link(traj, other, group, name, target, renaming, options, transfer, used)
    return transfer


def _is_special(group: Any) -> bool:
    """Return whether a group has more to copy than its children."""
    return bool(
        group.v_comment
        or not group.v_annotations.f_is_empty()
        or not group.f_get_children(copy=False)
        or not tree_of(group.v_root).is_standard_group_class(type(group))
    )


def _plan_node(
    traj: Trajectory,
    node: Any,
    renaming: RunRenaming,
    options: MergeOptions,
    transfer: Transfer,
    dummies: list[Any],
) -> None:
    path = node.v_full_name
    if path in options.ignore_data:
        return
    old = renaming.run_of(path)
    if old is not None:
        if old in renaming.new_indices:
            transfer.nodes[path] = renaming.rename(path, old)
    elif renaming.has_dummy(path):
        if node.v_is_leaf:
            dummies.append(node)
    elif path not in _STANDARD_GROUPS:
        if node.v_is_leaf and node.v_is_parameter and path in tree_of(traj).leaves:
            return  # a shared derived parameter: the values are merged, the node exists
        own = tree_of(traj).get_node(path)
        if own is None or own.v_stored:  # the storage finds out whether the name is used
            transfer.nodes[path] = path
        elif node.v_is_leaf:
            logger.warning("`%s` exists already; the other one is not merged.", path)


def _plan_dummy(node: Any, renaming: RunRenaming, transfer: Transfer, used: set[str]) -> None:
    """Store a node that the other has for all runs under the first new run, and link to it."""
    path = node.v_full_name
    first: str | None = None
    for new in renaming.new_indices.values():
        name = renaming.expand_dummies(path, new)
        if name in used:
            continue
        if first is None:
            first = transfer.nodes[path] = name
        elif name != first:
            transfer.links[name] = first


def _has_equal(traj: Trajectory, other: Trajectory, node: Any) -> bool:
    """Return whether the current trajectory has an equal leaf under the same dummy name."""
    twin = tree_of(traj).leaves.get(node.v_full_name)
    if twin is None:
        return False
    for leaf, root in ((twin, traj), (node, other)):
        if leaf.f_is_empty() and leaf.v_stored:
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


def _plan_config(traj: Trajectory, leaf: Any, transfer: Transfer) -> None:
    path = leaf.v_full_name
    in_branch = any(path.startswith(f"{branch}.") for branch in MERGED_CONFIG)
    if in_branch and tree_of(traj).get_node(path) is None:
        transfer.nodes[path] = path


def _plan_link(
    traj: Trajectory,
    other: Trajectory,
    group: Any,
    name: str,
    target: Any,
    renaming: RunRenaming,
    options: MergeOptions,
    transfer: Transfer,
    used: set[str],
) -> None:
    location, goal = group.v_full_name, target.v_full_name
    path = f"{location}.{name}" if location else name
    if {path, goal} & options.ignore_data:
        return
    if renaming.has_dummy(path) or renaming.has_dummy(goal):
        logger.warning(
            "The link `%s` to `%s` does not belong to a single run; it is not merged.", path, goal
        )
        return
    new_names = []
    for part in (path, goal):
        old = renaming.run_of(part)
        if old is None:
            new_names.append(part)
        elif old in renaming.new_indices:
            new_names.append(renaming.rename(part, old))
        else:
            return
    new_path, new_goal = new_names
    if new_path in used or new_path in transfer.links:
        logger.warning("There is a `%s` already; the link to `%s` is not merged.", path, goal)
    elif new_goal not in used and tree_of(traj).get_node(new_goal) is None:
        logger.error("The link `%s` leads to `%s`, which is not merged.", path, goal)
    else:
        transfer.links[new_path] = new_goal


def _with_parents(names: Iterable[str]) -> set[str]:
    """Return full names and those of all their parents."""
    places = set()
    for name in names:
        while name and name not in places:
            places.add(name)
            name = name.rpartition(".")[0]
    return places
