"""What a merge does to runs and parameters: its options, the new runs and their ranges."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pypet.trajectory.merging.compatibility import DATA_BRANCHES, shared_leaves
from pypet.trajectory.parameter_space import find_points
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """The arguments of `pypet.Trajectory.f_merge`, which documents them."""

    trial_parameter: str | None = None
    remove_duplicates: bool = False
    ignore_data: frozenset[str] = frozenset()
    move_data: bool = False
    delete_other_trajectory: bool = False
    keep_info: bool = True
    keep_other_trajectory_info: bool = True
    merge_config: bool = True
    consecutive_merge: bool = False
    slow_merge: bool = False


class MergePoints(NamedTuple):
    """The runs to append, and the ranges of the parameters that change."""

    runs: list[int]
    """Indices of the other's runs to append, ascending."""
    ranges: dict[str, tuple[list[Any] | None, list[Any]]]
    """Full name -> (values of the old runs, None if they are in the range already; values of
    the new runs)."""
    trial: str | None
    """Full name of the trial parameter, None without one."""


def plan_points(traj: Trajectory, other: Trajectory, options: MergeOptions) -> MergePoints:
    """Return the changes of runs and parameters, without making them.

    Raises
    ------
    AttributeError
        There is no node of the trial parameter's name.
    TypeError
        The trial parameter does not count trials 0, 1, 2, ... in both trajectories.
    ValueError
        All points of the other trajectory are duplicates.
    """
    own, others = (shared_leaves(each, options.ignore_data) for each in (traj, other))
    trial = None
    remove_duplicates = options.remove_duplicates
    if options.trial_parameter is not None:
        trial = _trial_parameter(traj, other, options.trial_parameter)
        if remove_duplicates:
            logger.warning("With a trial parameter there are no duplicates to remove.")
            remove_duplicates = False
    changed = [
        name
        for name, leaf in own.items()
        if name == trial or (not leaf.f_is_empty() and _differ(leaf, others[name]))
    ]
    runs = list(range(len(other)))
    if remove_duplicates:
        runs = _without_duplicates(traj, other, changed)
        if not runs:
            raise ValueError(
                f"All runs of trajectory `{other.v_name}` are duplicates of runs of "
                f"`{traj.v_name}`; there is nothing to merge."
            )
    ranges = {name: _ranges(traj, other, name, runs, name == trial) for name in changed}
    return MergePoints(runs, ranges, trial)


def _differ(leaf: Any, twin: Any) -> bool:
    if leaf.f_has_range() or twin.f_has_range():
        return True
    return not leaf._equal_values(leaf.f_get(), twin.f_get())


def _ranges(
    traj: Trajectory, other: Trajectory, name: str, runs: list[int], is_trial: bool
) -> tuple[list[Any] | None, list[Any]]:
    leaf, twin = tree_of(traj).leaves[name], tree_of(other).leaves[name]
    own = None if leaf.f_has_range() else [leaf.f_get_default()] * len(traj)
    if twin.f_has_range():
        values = twin.f_get_range(copy=False)
        new = [values[idx] for idx in runs]
    else:
        new = [twin.f_get_default()] * len(runs)
    if is_trial:
        first = max(_values(traj, name)) + 1
        new = [value + first for value in new]
    return own, new


def _values(traj: Trajectory, name: str) -> Sequence[Any]:
    leaf = tree_of(traj).leaves[name]
    values: Sequence[Any] = (
        leaf.f_get_range(copy=False) if leaf.f_has_range() else [leaf.f_get_default()]
    )
    return values


def _trial_parameter(traj: Trajectory, other: Trajectory, name: str) -> str:
    full_name = None
    for each in (traj, other):
        node = each.f_get(name)
        if not (node.v_is_leaf and node.v_is_parameter and node.v_branch in DATA_BRANCHES):
            raise TypeError(f"The trial parameter `{node.v_full_name}` is not a parameter.")
        full_name = full_name or node.v_full_name
        values = _values(each, full_name)
        if not all(_is_integer(value) for value in values) or set(values) != set(
            range(max(values) + 1)
        ):
            shown = ", ".join(map(repr, values[:10]))
            raise TypeError(
                f"The trial parameter `{full_name}` of trajectory `{each.v_name}` has to count "
                f"trials 0, 1, 2, ... without gaps; its values are {shown}."
            )
    return str(full_name)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _without_duplicates(traj: Trajectory, other: Trajectory, changed: list[str]) -> list[int]:
    """Return the other's runs whose points are not among the own ones."""
    for name in changed:
        pair = (tree_of(traj).leaves[name], tree_of(other).leaves[name])
        if not any(leaf.f_has_range() for leaf in pair):
            return list(range(len(other)))  # points that differ everywhere in this value
    leaves = [tree_of(traj).leaves[name] for name in changed]
    points = [*_points(traj, changed), *_points(other, changed)]
    own = len(traj)
    runs: list[int] = []
    for _, members in find_points(leaves, points):
        if members[0] >= own:
            runs += [member - own for member in members]
    return sorted(runs)


def _points(traj: Trajectory, names: list[str]) -> list[tuple[Any, ...]]:
    columns = []
    for name in names:
        leaf = tree_of(traj).leaves[name]
        if leaf.f_has_range():
            columns.append(leaf.f_get_range(copy=False))
        else:
            columns.append([leaf.f_get_default()] * len(traj))
    return list(zip(*columns, strict=True)) if columns else [()] * len(traj)
