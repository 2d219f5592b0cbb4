"""The merge itself, in an order in which a failure leaves both trajectories unchanged."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.leaves.parameter import Parameter
from pypet.runs import run_table_of
from pypet.support.time_format import format_time
from pypet.trajectory.exploration import unexplore
from pypet.trajectory.merging.backups import back_up, is_same
from pypet.trajectory.merging.compatibility import (
    check_mergeable,
    check_parameters,
    shared_leaves,
)
from pypet.trajectory.merging.item_copying import copy_items
from pypet.trajectory.merging.plan import MergeOptions, MergePoints, plan_points
from pypet.trajectory.merging.transfer import RunRenaming, Transfer, plan_transfer
from pypet.tree.node import set_stored
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import explored_parameters_of, storage_service_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

logger = logging.getLogger(__name__)


def merge(traj: Trajectory, other: Trajectory, options: MergeOptions, *, backup: bool) -> None:
    """Merge ``other`` into ``traj``.

    First everything is checked and planned; then data is copied to new places, which can be rolled
    back; runs and parameters of ``traj`` change only when all data is there.
    """
    check_mergeable(traj, other)
    check_not_destroyed(traj, other, options)
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
    renaming = RunRenaming(traj, other, new_indices)
    transfer = plan_transfer(traj, other, renaming, options)
    if backup:
        back_up(traj, other)
    info = merge_info(traj, other, options, len(points.runs), old_length)
    has_started_storing = False

    def store_points() -> None:
        nonlocal has_started_storing
        has_started_storing = True
        _store_points(traj, points, old_length, options)

    try:
        with _rolled_back_on_error(traj, list(points.ranges)):
            _explore(traj, other, points)
            transfer_data(traj, other, transfer, options, store_points)
    except BaseException:
        if has_started_storing and not options.consecutive_merge:
            _restore_stored(traj, points, old_length)
        raise
    if options.keep_info:
        for name, value, comment in info:
            tree_of(traj).insert_leaf(name, Parameter(name, value, comment))
    if not options.consecutive_merge:
        traj.f_store()


def check_not_destroyed(traj: Trajectory, other: Trajectory, options: MergeOptions) -> None:
    """Raise ValueError if a merge of a trajectory with itself would move or delete it."""
    if (options.move_data or options.delete_other_trajectory) and is_same(traj, other):
        raise ValueError(
            f"Trajectory `{traj.v_name}` is to be merged with itself, so neither `move_data` nor "
            "`delete_other_trajectory` is possible: both would destroy it."
        )


def _has_parameters(traj: Trajectory, ignored: frozenset[str]) -> bool:
    """Return whether all parameters are in memory, as after a consecutive merge.

    Loading them takes longer after each merge.
    """
    return (
        traj._has_all_parameters
        and None not in traj.f_get_explored_parameters(copy=False).values()
        and not any(leaf.f_is_empty() for leaf in shared_leaves(traj, ignored).values())
    )


def _load(traj: Trajectory, ignored: frozenset[str], *, skeleton: bool) -> None:
    """Load what a merge compares and copies: parameters, and the skeleton of all other nodes."""
    if not traj.v_stored:
        return
    if not run_table_of(traj).knows_all:
        traj.f_load(load_data=constants.LOAD_NOTHING, force=True)
    traj.f_load(
        load_parameters=constants.LOAD_DATA,
        load_derived_parameters=constants.LOAD_SKELETON,
        load_results=constants.LOAD_SKELETON if skeleton else constants.LOAD_NOTHING,
        load_other_data=constants.LOAD_SKELETON,
        with_meta_data=False,
    )
    empty = [
        leaf
        for leaf in shared_leaves(traj, ignored).values()
        if leaf.v_branch == "derived_parameters" and leaf.v_stored and leaf.f_is_empty()
    ]
    if empty:
        traj.f_load_items(empty)


# ----- data --------------------------------------------------------------------------------------


def transfer_data(
    traj: Trajectory,
    other: Trajectory,
    transfer: Transfer,
    options: MergeOptions,
    store_points: Callable[[], None],
) -> None:
    """Copy nodes and links, store the longer ranges, and only then delete from ``other``."""
    if not options.slow_merge and other.v_stored:
        try:
            _merge_in_storage(traj, other, transfer, options, store_points)
            return
        except NoSuchServiceError as err:
            logger.warning(
                "The storage service cannot merge (%s); items are copied one by one.", err
            )
    copy_items(traj, other, transfer, options, store_points)


def _merge_in_storage(
    traj: Trajectory,
    other: Trajectory,
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
    if not is_done:  # users' services accept the established arguments only
        store_points()
    if options.delete_other_trajectory:
        set_stored(other, False)


def _other_filename(traj: Trajectory, other: Trajectory) -> str | None:
    """Return the file of the other trajectory, None if it is that of the current one."""
    own, theirs = storage_service_of(traj), storage_service_of(other)
    if own == theirs:
        return None
    filename = theirs.filename
    if filename is None:
        raise NoSuchServiceError(
            f"the service of trajectory `{other.v_name}` has no file and is another one"
        )
    return None if filename == own.filename else str(filename)


# ----- runs and parameters -----------------------------------------------------------------------


def _explore(traj: Trajectory, other: Trajectory, points: MergePoints) -> None:
    for name, (own, new) in points.ranges.items():
        leaf = tree_of(traj).leaves[name]
        leaf.f_unlock()
        if own is None:
            leaf._expand(new)
        else:
            leaf._explore([*own, *new])
            traj._register_explored(name, leaf)
    run_table_of(traj).append_from(run_table_of(other), points.runs)


@contextmanager
def _rolled_back_on_error(traj: Trajectory, names: list[str]) -> Iterator[None]:
    """Restore run table and ranges of a trajectory if the block fails."""
    runs = run_table_of(traj).copy()
    explored = set(traj.f_get_explored_parameters(copy=False))
    old_length = len(traj)
    try:
        yield
    except BaseException:
        run_table_of(traj).restore(runs)
        for name in names:
            leaf = tree_of(traj).leaves[name]
            if name in explored:
                traj._truncate(name, leaf, old_length)
            else:
                unexplore(leaf)
                explored_parameters_of(traj).pop(name, None)
        raise


def _store_points(
    traj: Trajectory, points: MergePoints, old_length: int, options: MergeOptions
) -> None:
    changed = list(points.ranges)
    if options.consecutive_merge:
        traj._outdate([tree_of(traj).leaves[name] for name in changed])
        return
    storage_service_of(traj).store(
        constants.PREPARE_MERGE,
        traj,
        trajectory_name=traj.v_name,
        changed_parameters=changed,
        old_length=old_length,
    )


def _restore_stored(traj: Trajectory, points: MergePoints, old_length: int) -> None:
    """Store runs and ranges as they are in memory again, after storing longer ones failed."""
    fresh = [
        tree_of(traj).leaves[name] for name, (own, _) in points.ranges.items() if own is not None
    ]
    try:
        # Overwriting a leaf would keep its stored range, which it does not have anymore.
        traj.f_delete_items([leaf for leaf in fresh if leaf.v_stored])
        _store_points(traj, points, old_length, MergeOptions())
    except Exception:
        logger.exception(
            "What trajectory `%s` has stored about runs and explored parameters could not be "
            "restored; `f_store(store_data=3)` does so.",
            traj.v_name,
        )


# ----- information about the merge ---------------------------------------------------------------


def merge_info(
    traj: Trajectory, other: Trajectory, options: MergeOptions, merged_runs: int, old_length: int
) -> list[tuple[str, Any, str]]:
    """Return full name, value and comment of each config parameter that describes the merge.

    The hash is the SHA-1 of both names, both timestamps and the version.
    """
    timestamp = time.time()
    identity = (traj.v_name, traj.v_timestamp, other.v_name, other.v_timestamp, constants.VERSION)
    hexsha = hashlib.sha1("".join(map(str, identity)).encode(), usedforsecurity=False).hexdigest()
    entries: list[tuple[str, Any, str]] = [
        ("timestamp", timestamp, "Time of the merge in seconds since the epoch"),
        ("hexsha", hexsha, "SHA-1 that identifies the merge"),
        ("merged_runs", merged_runs, "Number of runs that were added by the merge"),
        ("length_before_merge", old_length, "Number of runs before the merge"),
        ("remove_duplicates", options.remove_duplicates, "Whether equal points were left out"),
    ]
    if options.ignore_data:
        ignored = tuple(sorted(options.ignore_data))
        entries.append(("ignore_data", ignored, "Data that was left out on request"))
    if options.trial_parameter is not None:
        entries.append(("trial_parameter", options.trial_parameter, "Parameter that counts trials"))
    if traj.v_version != constants.VERSION:
        entries.append(("version", constants.VERSION, "Version of pypet that merged"))
    if options.keep_other_trajectory_info:
        entries += _about_other(traj, other)
    group = _free_name(traj, f"config.merge.merge_{hexsha[:7]}_{format_time(timestamp)}")
    return [(f"{group}.{name}", value, comment) for name, value, comment in entries]


def _free_name(traj: Trajectory, name: str) -> str:
    """Return the name, or with a number if the same two were merged in the same second."""
    free, number = name, 1
    while tree_of(traj).get_node(free) is not None:
        number += 1
        free = f"{name}_{number}"
    return free


def _about_other(traj: Trajectory, other: Trajectory) -> list[tuple[str, Any, str]]:
    entries: list[tuple[str, Any, str]] = [
        ("other_trajectory.name", other.v_name, "Name of the trajectory that was merged"),
        ("other_trajectory.timestamp", other.v_timestamp, "Time of its creation"),
        ("other_trajectory.length", len(other), "Number of its runs"),
    ]
    if other.v_version != traj.v_version:
        entries.append(("other_trajectory.version", other.v_version, "Version that created it"))
    if other.v_comment:
        entries.append(("other_trajectory.comment", other.v_comment, "Its comment"))
    return entries
