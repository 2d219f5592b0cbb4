"""Merging runs of a copy of a trajectory into the trajectory, where they keep index and name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pypet.trajectory.merging.merger import move_data
from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.transfer import Transfer, plan_transfer
from pypet.trajectory.merging.translation import Translation

OPTIONS = MergeOptions()


def merge_in_place(traj: Any, copy: Any, completed: Sequence[int], failed: Sequence[int]) -> None:
    """Take over what ``copy`` has of some runs, and what it notes about its environments.

    Of failed runs only the errors are taken over. Data comes first: the runs count as completed
    when all of it is stored. After an error both are stored as they were. The skeleton of ``copy``
    has to be in memory.
    """
    translation = Translation(traj, copy, {idx: idx for idx in completed})
    transfer = _news(traj, copy, plan_transfer(traj, copy, translation, OPTIONS), translation)
    former = traj._runs.copy()

    def store_runs() -> None:
        traj._runs.replace(copy._runs, [*completed, *failed])
        traj.f_store(only_init=True)

    try:
        move_data(traj, copy, transfer, OPTIONS, store_runs)
    except BaseException:
        traj._runs = former
        raise


def _news(traj: Any, copy: Any, transfer: Transfer, translation: Translation) -> Transfer:
    """Leave out what belongs to no run and was there already when the copy was made."""

    def is_known(path: str) -> bool:
        return translation.run_of(path) is None and traj._tree.get_node(path) is not None

    return Transfer(
        {old: new for old, new in transfer.nodes.items() if not is_known(old)},
        {path: target for path, target in transfer.links.items() if not is_known(path)},
    )
