"""Taking up an experiment: what was committed comes to the storage, and counts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, ResumeError
from pypet.interfaces import CommittedRun, EnvironmentLike, Restored
from pypet.plugins.resume.journal.following import Committed, Follower
from pypet.plugins.resume.journal.frames import Kind, encode
from pypet.plugins.resume.journal.requests import joined
from pypet.plugins.resume.journal.segments import SegmentWriter, sync_segments
from pypet.plugins.resume.journal.service import MAX_BYTES_OF_JOINED_RUN, MAX_RUNS_PER_REQUEST
from pypet.plugins.resume.journal.values import decode_value
from pypet.plugins.resume.run_progress import JournalProgress
from pypet.plugins.resume.snapshot_file import load
from pypet.plugins.resume.snapshots.container import script_of
from pypet.plugins.resume.snapshots.facts import FACTS_KEY
from pypet.plugins.resume.snapshots.scripts import script_in_place
from pypet.records import DeleteNode, MetaRecord, StoreRequest
from pypet.runs import run_table_of
from pypet.runs.states import ABANDONED
from pypet.tree.node import set_stored
from pypet.tree.typed_groups import explored_parameters_of

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet")

_BRANCHES = ("results.runs", "derived_parameters.runs")
"""Where the groups of runs are."""


class TakenUp(NamedTuple):
    """What the journal knows when an experiment goes on."""

    restored: Restored
    committed: set[int]
    """Runs that need not be executed."""
    follower: Follower
    """Has read the segments up to now."""


def restore(
    folder: str, environment: EnvironmentLike, given: Mapping[str, Any], *, force: bool
) -> TakenUp:
    """Read the snapshot in a folder, and bring what was committed since to the storage.

    Raises
    ------
    ResumeError
        Something is not what it was, and ``force`` is not given.
    StorageFormatError
        The snapshot, or the file of the experiment, is damaged.
    """
    header, snapshot = load(folder, environment, given, force=force)
    context = script_in_place(script_of(header))
    trajectory: Any = snapshot.trajectory
    service: Any = trajectory.v_storage_service
    follower = Follower(folder)
    # Others than the snapshot knows cannot count: post-processing adds them again.
    new = [each for each in follower.new_commits() if each.run < len(trajectory)]
    commits = _first_of_each(new)
    # Whoever wrote them may have died before: the storage must not know more than the journal.
    sync_segments(reader.path for reader in follower.readers)
    meta = _stored_meta(service, str(trajectory.v_name))
    before = set(run_table_of(trajectory).completed_indices().tolist())
    if meta is None:
        # Nothing was stored yet, not even the trajectory itself; or the file was removed.
        _check_needs_nothing(trajectory, before)
        _discard(folder, commits.values())
        return TakenUp(Restored(snapshot, [], context), set(), follower)
    set_stored(trajectory, True)
    stored = _completed_in(meta)
    found = _without_lost(service, str(trajectory.v_name), commits, stored)
    _discard(folder, [each for run, each in commits.items() if run not in found])
    commits = found
    for run in sorted(stored - before - commits.keys()):
        _logger.warning(
            "The journal has lost what run %d returned; the run will be executed again.", run
        )
    with service.durable_commits(), service.kept_open(trajectory.v_name):
        _store_commits(service, [each for run, each in commits.items() if run not in stored])
        _remove_uncommitted(trajectory, before | commits.keys())
        _note_abandoned(trajectory, meta, commits, follower, header)
        _bring_up_to_date(trajectory, meta, commits)
    _logger.info(
        "Resuming trajectory %r: %d of %d runs are completed.",
        trajectory.v_name,
        len(run_table_of(trajectory).completed_indices()),
        len(trajectory),
    )
    with script_in_place(script_of(header)):
        results = [
            (run, _value_of(commits[run]))
            for run in sorted(commits.keys() - before)  # post-processing may have left out others
        ]
    return TakenUp(
        Restored(snapshot, [*snapshot.results, *results], context), set(commits), follower
    )


def _value_of(committed: Committed) -> Any:
    try:
        return decode_value(committed.commit.value)
    except Exception as error:
        raise ResumeError(
            f"What run {committed.run} has returned cannot be unpickled any more "
            f"({type(error).__name__}: {error}). If a module or class that it needs is elsewhere "
            "now, put it back, and resume again; no data is lost."
        ) from error


def _check_needs_nothing(trajectory: Trajectory, completed: Collection[int]) -> None:
    """Raise ResumeError if completed runs of a snapshot are not in the storage."""
    if completed:
        raise ResumeError(
            f"Trajectory {trajectory.v_name!r} is not in {trajectory.v_storage_service!r} any "
            f"more, but {len(completed)} runs were completed before the latest snapshot. Put the "
            "file back, or delete the resume folder and run the experiment again."
        )


def committed_of(runs: Collection[int], folder: str, service: Any, name: str) -> list[CommittedRun]:
    """Return which of these runs the journal has, and let the storage have what they stored."""
    follower = Follower(folder)
    commits = _first_of_each([each for each in follower.new_commits() if each.run in runs])
    commits = _without_lost(service, name, commits, ())
    with service.kept_open(name):
        _store_commits(service, commits.values())
    return [
        CommittedRun(run, _value_of(each), each.started, each.commit.finished)
        for run, each in sorted(commits.items())
    ]


def _first_of_each(commits: Iterable[Committed]) -> dict[int, Committed]:
    """Return the first commit of each run."""
    found: dict[int, Committed] = {}
    for each in commits:
        found.setdefault(each.run, each)
    return found


def _discard(folder: str, commits: Iterable[Committed]) -> None:
    """Discard commits for good, even if another attempt at their runs has succeeded."""
    frames = [
        part for each in commits for part in encode(Kind.ABORT, run=each.run, started=each.started)
    ]
    if frames:
        segment = SegmentWriter(folder)
        segment.append(frames)
        segment.close()


def _without_lost(
    service: Any, name: str, commits: dict[int, Committed], stored: Container[int]
) -> dict[int, Committed]:
    """Leave out runs whose large data did not get to the storage before the crash.

    Those that are ``stored`` as completed had it there, whatever was deleted since.
    """
    if all(each.node is None for each in commits.values()):
        return commits
    with service.exclusive(), service.reading():
        return {
            run: each
            for run, each in commits.items()
            if each.node is None or run in stored or _has_node(service, name, each.node)
        }


def _has_node(service: Any, name: str, path: str) -> bool:
    try:
        for _ in service.read_nodes(
            name, path, recursive=False, max_depth=None, wants=lambda path: False
        ):
            return True
    except DataNotInStorageError:
        return False
    return False


def _stored_meta(service: Any, name: str) -> MetaRecord | None:
    """Return what the storage knows of the trajectory itself, None if it was never stored."""
    try:
        with service.exclusive(), service.reading():
            if name not in service.trajectory_names():
                return None
            meta: MetaRecord = service.read_meta(name, with_runs=True)
            return meta
    except ValueError as error:
        if isinstance(error.__cause__, FileNotFoundError) or "no file" in str(error):
            return None
        raise


def _completed_in(meta: MetaRecord) -> set[int]:
    rows = meta.runs
    return set() if rows is None else set(rows.idx[rows.completed == 1].tolist())


def _store_commits(service: Any, commits: Iterable[Committed]) -> None:
    """Apply the requests of committed runs that are not in the storage yet."""
    batch: list[StoreRequest] = []
    for each in commits:
        request = each.request()
        if request is None:
            continue
        request = request._replace(replayed=True)
        if each.size > MAX_BYTES_OF_JOINED_RUN:
            service.apply(request)
            continue
        batch.append(request)
        if len(batch) >= MAX_RUNS_PER_REQUEST:
            _apply_together(service, batch)
            batch = []
    _apply_together(service, batch)


def _apply_together(service: Any, requests: Sequence[StoreRequest]) -> None:
    """Apply requests of several runs at once, which takes less time than one by one."""
    if len(requests) > 1:
        with suppress(Exception):  # which one it is shows when each is applied alone
            service.apply(joined(requests))
            return
    for request in requests:
        service.apply(request)


def _remove_uncommitted(trajectory: Trajectory, kept: Set[int]) -> None:
    """Remove data of all runs but these, or else they would find it when they are executed again.

    It is there if the journal is damaged, and if a run has created shared data. What the snapshot
    has was there before.
    """
    service = trajectory.v_storage_service
    missing = [run for run in range(len(trajectory)) if run not in kept]
    # To look for a group takes some times as long as to come upon it.
    few = len(missing) * 4 < len(kept)
    for path in _groups_of(trajectory, missing) if few else _groups_of_others(trajectory, kept):
        if not trajectory.f_contains(path, shortcuts=False):
            operation = DeleteNode(path, recursive=True)
            service.apply(StoreRequest(trajectory.v_name, (operation,), replayed=True))


def _groups_of(trajectory: Trajectory, runs: Iterable[int]) -> list[str]:
    """Return the full names of the groups of these runs that the storage has."""
    service, names = trajectory.v_storage_service, run_table_of(trajectory).names
    paths = (f"{branch}.{names.name(run)}" for run in runs for branch in _BRANCHES)
    return [path for path in paths if _has_node(service, str(trajectory.v_name), path)]


def _groups_of_others(trajectory: Trajectory, runs: Set[int]) -> list[str]:
    """Return the full names of the groups that the storage has of other runs than these."""
    service, names = trajectory.v_storage_service, run_table_of(trajectory).names
    found = []
    for branch in _BRANCHES:
        with suppress(DataNotInStorageError):
            for node in service.read_nodes(
                str(trajectory.v_name),
                branch,
                recursive=True,
                max_depth=1,
                wants=lambda path: False,
            ):
                run = names.find(node.path.rpartition(".")[2])
                if run is not None and run < len(trajectory) and run not in runs:
                    found.append(node.path)
    return found


def _note_abandoned(
    trajectory: Trajectory,
    meta: MetaRecord,
    commits: dict[int, Committed],
    follower: Follower,
    header: Mapping[str, Any],
) -> None:
    """Mark the runs that were being executed when the experiment died."""
    progress = JournalProgress(len(trajectory), meta.runs)
    progress.follow(commits.values(), follower, header[FACTS_KEY].get("workers"), None)
    for run in progress.runs(ABANDONED).tolist():
        run_table_of(trajectory).mark_abandoned(run, float(progress.started[run]))


def _bring_up_to_date(
    trajectory: Trajectory, meta: MetaRecord, commits: dict[int, Committed]
) -> None:
    """Update the run table of the trajectory from the commits, and store the trajectory."""
    runs = run_table_of(trajectory)
    for run, each in commits.items():
        commit = each.commit
        runs.complete(run, each.started, commit.finished, commit.hexsha)
    if meta.runs is not None:
        for run, error in meta.runs.errors.items():
            if run < len(trajectory) and not runs.completed(run):
                runs.errors[run] = error
    runs.mark_changed()
    trajectory.f_store(only_init=True)
    if meta.info.length != len(trajectory):
        ranges = [leaf for leaf in explored_parameters_of(trajectory).values() if leaf is not None]
        if ranges:
            trajectory.f_store_items(ranges, store_data=constants.OVERWRITE_DATA)
