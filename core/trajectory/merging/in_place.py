"""Merging runs of a copy of a trajectory into the trajectory, where they keep index and name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError
from pypet.trajectory.merging.merger import move_data
from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.transfer import MERGED_CONFIG, Transfer, plan_transfer
from pypet.trajectory.merging.translation import Translation
from pypet.tree.storage import load_below

logger = logging.getLogger(__name__)

OPTIONS = MergeOptions()


def merge_in_place(
    traj: Any, copy: Any, completed: Sequence[int], failed: Sequence[int], known: set[str]
) -> None:
    """Take over what ``copy`` has of some runs, and what it notes about its environments.

    Of failed runs only the errors are taken over. Data comes first: the runs count as completed
    when all of it is stored. After an error both are stored as they were. The skeleton of ``copy``
    has to be in memory. ``known`` are names of config data that is there already, see
    `stored_config`; what is taken over is added.
    """
    translation = Translation(traj, copy, {idx: idx for idx in completed})
    transfer = _news(traj, plan_transfer(traj, copy, translation, OPTIONS), translation, known)
    former = traj._runs.copy()

    def store_runs() -> None:
        traj._runs.update_from(copy._runs, [*completed, *failed])
        traj.f_store(only_init=True)

    try:
        move_data(traj, copy, transfer, OPTIONS, store_runs)
    except BaseException:
        traj._runs = former
        raise
    known.update(name for name in transfer.nodes if name.startswith("config."))


def stored_config(traj: Any) -> set[str]:
    """Return the full names of the config data that a merge takes over and that is stored."""
    for branch in MERGED_CONFIG:
        try:
            load_below(
                traj,
                branch,
                recursive=True,
                load_data=constants.LOAD_SKELETON,
                with_links=False,
            )
        except DataNotInStorageError:
            logger.debug("There is no `%s`.", branch)
    return {name for name in traj._tree.leaves if name.startswith(MERGED_CONFIG)}


def _news(traj: Any, transfer: Transfer, translation: Translation, known: set[str]) -> Transfer:
    """Leave out what belongs to no run and was there already when the copy was made."""

    def is_known(path: str) -> bool:
        if path in known:
            return True
        return translation.run_of(path) is None and traj._tree.get_node(path) is not None

    return Transfer(
        {old: new for old, new in transfer.nodes.items() if not is_known(old)},
        {path: target for path, target in transfer.links.items() if not is_known(path)},
    )
