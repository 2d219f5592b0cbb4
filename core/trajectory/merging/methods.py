"""The methods `f_backup`, `f_merge` and `f_merge_many` of trajectories."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from pypet.support.arguments import check_iterable
from pypet.support.decorators import kwargs_api_change, not_in_run
from pypet.trajectory.merging.compatibility import check_mergeable
from pypet.trajectory.merging.merger import check_not_destroyed, merge
from pypet.trajectory.merging.plan import MergeOptions
from pypet.trajectory.whole_storage import WholeStorage

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

logger = logging.getLogger(__name__)


class Merging(WholeStorage):
    """The part of a trajectory that merges others into it."""

    __slots__ = ()

    @kwargs_api_change("backup_filename", "backup")
    @kwargs_api_change("move_nodes", "move_data")
    @kwargs_api_change("ignore_trajectory_derived_parameters")
    @kwargs_api_change("ignore_trajectory_results")
    @not_in_run
    def f_merge(
        self,
        other_trajectory: Any,
        trial_parameter: str | None = None,
        remove_duplicates: bool = False,
        ignore_data: str | Iterable[str] = (),
        backup: bool = True,
        move_data: bool = False,
        delete_other_trajectory: bool = False,
        keep_info: bool = True,
        keep_other_trajectory_info: bool = True,
        merge_config: bool = True,
        consecutive_merge: bool = False,
        slow_merge: bool = False,
    ) -> None:
        """Make the runs of another trajectory further runs of this one.

        Both need the same parameters. Those that were explored in one of them, or have different
        values, are explored afterwards. What the other's runs stored is copied under the names
        of the new runs, and so is everything else that does not exist here. After an error both
        trajectories are stored as before.

        Parameters
        ----------
        trial_parameter
            A parameter that counts repetitions 0, 1, 2, ... in both; those of the other one
            continue the own ones.
        remove_duplicates
            Skip runs whose point in the parameter space this trajectory has already.
        ignore_data
            Full names to skip: parameters, results, links, targets of links.
        backup
            Back up both first, to the default files.
        move_data
            Delete what was copied from the other trajectory.
        delete_other_trajectory
            Delete the other trajectory from its storage.
        keep_info, keep_other_trajectory_info
            Record the merge, and information about the other one, below ``config.merge``.
        merge_config
            Copy the other's config about environments, git commits and merges.
        consecutive_merge
            Do not store at the end, because more merges follow; call `f_store` after the last.
        slow_merge
            Copy item by item through memory, for services that cannot copy otherwise.

        Raises
        ------
        TypeError
            The other one is not a trajectory or has different wildcards or parameters; or the trial
            parameter does not count trials.
        ValueError
            This trajectory was never stored, all runs are duplicates, there are backups, or both
            backups would go to the same place, as for trajectories of the same name in one folder.
            Or the trajectory is merged with itself and would be moved or deleted.
        AttributeError
            There is no node of the trial parameter's name.
        """
        if consecutive_merge and (backup or trial_parameter is not None):
            logger.warning(
                "A backup or a trial parameter with every one of many consecutive merges costs "
                "more with each of them."
            )
        options = MergeOptions(
            trial_parameter,
            remove_duplicates,
            _names(ignore_data),
            move_data,
            delete_other_trajectory,
            keep_info,
            keep_other_trajectory_info,
            merge_config,
            consecutive_merge,
            slow_merge,
        )
        merge(cast("Trajectory", self), other_trajectory, options, backup=bool(backup))

    @not_in_run
    def f_merge_many(
        self,
        other_trajectories: Iterable[Any],
        ignore_data: str | Iterable[str] = (),
        move_data: bool = False,
        delete_other_trajectory: bool = False,
        keep_info: bool = True,
        keep_other_trajectory_info: bool = True,
        merge_config: bool = True,
        backup: bool = True,
    ) -> None:
        """Merge several trajectories, one after the other, and store once at the end.

        Only this trajectory is backed up. For arguments and errors see `f_merge`; all trajectories
        are checked before the first merge.
        """
        traj = cast("Trajectory", self)
        others = list(check_iterable(other_trajectories, "f_merge_many", "f_merge"))
        for other in others:
            check_mergeable(traj, other)
        options = MergeOptions(
            ignore_data=_names(ignore_data),
            move_data=move_data,
            delete_other_trajectory=delete_other_trajectory,
            keep_info=keep_info,
            keep_other_trajectory_info=keep_other_trajectory_info,
            merge_config=merge_config,
            consecutive_merge=True,
        )
        for other in others:
            check_not_destroyed(traj, other, options)
        if backup:
            self.f_backup()
        try:
            for other in others:
                merge(traj, other, options, backup=False)
        finally:
            self.f_store()


def _names(names: str | Iterable[str]) -> frozenset[str]:
    return frozenset((names,)) if isinstance(names, str) else frozenset(names)
