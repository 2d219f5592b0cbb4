"""The merge itself, in an order in which a failure leaves both trajectories as they were."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.leaves.parameter import Parameter
from pypet.trajectory.exploration import unexplore
from pypet.trajectory.merging.backups import back_up, is_same
from pypet.trajectory.merging.conditions import (
    check_mergeable,
    check_parameters,
    shared_leaves,
)
from pypet.trajectory.merging.info import merge_info
from pypet.trajectory.merging.item_transfer import transfer_items
from pypet.trajectory.merging.options import MergeOptions
from pypet.trajectory.merging.points import MergePoints, plan_points
from pypet.trajectory.merging.transfer import Transfer, plan_transfer
from pypet.trajectory.merging.translation import Translation
from pypet.tree.storage import storage_service_of

logger = logging.getLogger(__name__)


def merge(traj: Any, other: Any, options: MergeOptions, *, backup: bool) -> None:
    """Merge ``other`` into ``traj``.

    First everything is looked at and planned; then data is copied to new places, which can be
    taken back; only when all of it is there, runs and parameters of ``traj`` change.
    """
    check_mergeable(traj, other)
    check_survives(traj, other, options)
    for each in (traj, other):
        each.f_restore_default()
    if not (options.consecutive_merge and _has_parameters(traj, options.ignore_data)):
        _load(traj, options.ignore_data, skeleton=False)
        traj._has_all_parameters = True
    _load(other, options.ignore_data, skeleton=True)
    check_parameters(traj, other, options.ignore_data)
    points = plan_points(traj, other, options)
    options = replace(options, trial_parameter=points.trial)
    old_length = len(traj)
    new_indices = {old: old_length + position for position, old in enumerate(points.runs)}
    translation = Translation(traj, other, new_indices)
    transfer = plan_transfer(traj, other, translation, options)
    if backup:
        back_up(traj, other)
    info = merge_info(traj, other, options, len(points.runs), old_length)
    is_begun = False

    def store_points() -> None:
        nonlocal is_begun
        is_begun = True
        _store_points(traj, points, old_length, options)

    try:
        with _undone_on_error(traj, list(points.ranges)):
            _explore(traj, other, points)
            move_data(traj, other, transfer, options, store_points)
    except BaseException:
        if is_begun and not options.consecutive_merge:
            _restore_stored(traj, points, old_length)
        raise
    if options.keep_info:
        for name, value, comment in info:
            traj._tree.insert_leaf(name, Parameter(name, value, comment))
    if not options.consecutive_merge:
        traj.f_store()


def check_survives(traj: Any, other: Any, options: MergeOptions) -> None:
    """Raise ValueError if a trajectory that is merged with itself would be moved or deleted."""
    if (options.move_data or options.delete_other_trajectory) and is_same(traj, other):
        raise ValueError(
            f"Trajectory `{traj.v_name}` is to be merged with itself, so neither `move_data` nor "
            "`delete_other_trajectory` is possible: both would destroy it."
        )


def _has_parameters(traj: Any, ignored: frozenset[str]) -> bool:
    """Say whether all that is compared is in memory, as it is after a consecutive merge.

    To look for it in the storage takes longer with everything that was merged before.
    """
    return (
        traj._has_all_parameters
        and None not in traj._explored.values()
        and not any(leaf.f_is_empty() for leaf in shared_leaves(traj, ignored).values())
    )


def _load(traj: Any, ignored: frozenset[str], *, skeleton: bool) -> None:
    """Bring what a merge looks at into memory: parameters, and the nodes that may be copied."""
    if not traj._stored:
        return
    if not traj._runs.knows_all:
        traj.f_load(load_data=constants.LOAD_NOTHING, force=True)
    traj.f_load(
        load_parameters=constants.LOAD_DATA,
        load_derived_parameters=constants.LOAD_SKELETON,
        load_results=constants.LOAD_SKELETON if skeleton else constants.LOAD_NOTHING,
        load_other_data=constants.LOAD_SKELETON,
        with_meta_data=False,
    )
    shared = shared_leaves(traj, ignored)
    empty = [
        leaf
        for leaf in traj._tree.leaves.values()
        if leaf._branch == "derived_parameters"
        and leaf._stored
        and leaf.f_is_empty()
        and leaf._full_name in shared
    ]
    if empty:
        traj.f_load_items(empty)


# ----- data --------------------------------------------------------------------------------------


def move_data(
    traj: Any,
    other: Any,
    transfer: Transfer,
    options: MergeOptions,
    store_points: Callable[[], None],
) -> None:
    """Copy what is to be copied, store the longer ranges, and only then delete from ``other``."""
    if not options.slow_merge and other._stored:
        try:
            _merge_in_storage(traj, other, transfer, options, store_points)
            return
        except NoSuchServiceError as err:
            logger.warning("The storage service cannot merge (%s); it is done item by item.", err)
    transfer_items(traj, other, transfer, options, store_points)


def _merge_in_storage(
    traj: Any,
    other: Any,
    transfer: Transfer,
    options: MergeOptions,
    store_points: Callable[[], None],
) -> None:
    is_done = False

    def last_step() -> None:
        nonlocal is_done
        store_points()
        is_done = True

    storage_service_of(traj).store(
        constants.MERGE,
        None,
        trajectory_name=traj.v_name,
        other_trajectory_name=other.v_name,
        rename_dict=transfer.nodes,
        move_nodes=options.move_data,
        delete_trajectory=options.delete_other_trajectory,
        other_filename=_other_filename(traj, other),
        links=transfer.links,
        last_step=last_step,
    )
    if not is_done:  # a service of users that knows the established arguments only
        store_points()
    if options.delete_other_trajectory:
        other._stored = False


def _other_filename(traj: Any, other: Any) -> str | None:
    """Return the file of the other trajectory, None if it is that of the current one."""
    own, theirs = traj.v_storage_service, other.v_storage_service
    if own is theirs:
        return None
    filename = getattr(theirs, "filename", None)
    if filename is None:
        raise NoSuchServiceError(
            f"the service of trajectory `{other.v_name}` has no file and is another one"
        )
    return None if filename == getattr(own, "filename", None) else str(filename)


# ----- runs and parameters -----------------------------------------------------------------------


def _explore(traj: Any, other: Any, points: MergePoints) -> None:
    for name, (own, new) in points.ranges.items():
        leaf = traj._tree.leaves[name]
        leaf.f_unlock()
        if own is None:
            leaf._expand(new)
        else:
            leaf._explore([*own, *new])
            traj._register_explored(name, leaf)
    traj._runs.append_from(other._runs, points.runs)


@contextmanager
def _undone_on_error(traj: Any, names: list[str]) -> Iterator[None]:
    """Restore run table and ranges of a trajectory if the block fails."""
    runs = traj._runs.copy()
    explored = set(traj._explored)
    old_length = len(traj)
    try:
        yield
    except BaseException:
        traj._runs = runs
        for name in names:
            leaf = traj._tree.leaves[name]
            if name in explored:
                traj._truncate(name, leaf, old_length)
            else:
                unexplore(leaf)
                traj._explored.pop(name, None)
        raise


def _store_points(traj: Any, points: MergePoints, old_length: int, options: MergeOptions) -> None:
    changed = list(points.ranges)
    if options.consecutive_merge:
        traj._outdate([traj._tree.leaves[name] for name in changed])
        return
    storage_service_of(traj).store(
        constants.PREPARE_MERGE,
        traj,
        trajectory_name=traj.v_name,
        changed_parameters=changed,
        old_length=old_length,
    )


def _restore_stored(traj: Any, points: MergePoints, old_length: int) -> None:
    """Store runs and ranges as they are again in memory, after storing longer ones failed."""
    fresh = [traj._tree.leaves[name] for name, (own, _) in points.ranges.items() if own is not None]
    try:
        # Writing a leaf anew leaves stored parts alone that it does not have any more: a range.
        traj.f_delete_items([leaf for leaf in fresh if leaf._stored])
        _store_points(traj, points, old_length, MergeOptions())
    except Exception:
        logger.exception(
            "What trajectory `%s` has stored about runs and explored parameters could not be "
            "restored; `f_store(store_data=3)` does so.",
            traj.v_name,
        )
