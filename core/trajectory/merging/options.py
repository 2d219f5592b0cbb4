"""How to merge: the arguments of a merge, and one place for what they mean."""

from __future__ import annotations

from dataclasses import dataclass


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
