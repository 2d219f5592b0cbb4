"""Taking up an experiment: what was committed comes to the storage, and counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError
from pypet.interfaces import Restored
from pypet.plugins.resume.journal.following import Committed, Follower
from pypet.plugins.resume.journal.frames import Kind, encode
from pypet.plugins.resume.journal.segments import SegmentWriter, sync_segments
from pypet.plugins.resume.journal.values import decode_value
from pypet.plugins.resume.snapshot_file import load
from pypet.plugins.resume.snapshots.container import script_of
from pypet.plugins.resume.snapshots.scripts import script_in_place
from pypet.records import DeleteNode, MetaRecord, StoreRequest

if TYPE_CHECKING:
    from pypet.environment import Environment

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
    folder: str, environment: Environment, given: Mapping[str, Any], *, force: bool
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
    commits = _first_of_each(follower.new_commits(), len(trajectory))
    commits = {run: each for run, each in commits.items() if each.attempt not in follower.void}
    # Whoever wrote them may have died before: the storage must not know more than the journal.
    sync_segments(reader.path for reader in follower.readers)
    service.durable = True
    meta = _stored_meta(service, str(trajectory.v_name))
    if meta is None:
        # Nothing was stored yet, not even the trajectory itself, so no run can have begun.
        return TakenUp(Restored(snapshot, [], context), set(), follower)
    trajectory._stored = True
    found = _without_lost(service, str(trajectory.v_name), commits)
    _declare_void(folder, [each for run, each in commits.items() if run not in found])
    commits = found
    before = set(trajectory._runs.finished().tolist())
    stored = _completed_in(meta)
    with service.kept_open(trajectory.v_name):
        _store_commits(service, [each for run, each in commits.items() if run not in stored])
        _remove_uncommitted(trajectory, stored - before - commits.keys())
        _bring_up_to_date(trajectory, meta, commits)
    _logger.info(
        "Resuming trajectory %r: %d of %d runs are completed.",
        trajectory.v_name,
        len(trajectory._runs.finished()),
        len(trajectory),
    )
    with script_in_place(script_of(header)):
        results = [(run, decode_value(commits[run].commit.value)) for run in sorted(commits)]
    return TakenUp(Restored(snapshot, results, context), set(commits), follower)


def _first_of_each(commits: Iterable[Committed], length: int) -> dict[int, Committed]:
    """Return the first commit of each run that the snapshot knows."""
    found: dict[int, Committed] = {}
    for each in commits:
        if each.run < length:
            found.setdefault(each.run, each)
    return found


def _declare_void(folder: str, commits: Iterable[Committed]) -> None:
    """Let commits never count, also not when another attempt at their runs has succeeded."""
    frames = [
        part for each in commits for part in encode(Kind.ABORT, run=each.run, started=each.started)
    ]
    if frames:
        segment = SegmentWriter(folder)
        segment.append(frames)
        segment.close()


def _without_lost(service: Any, name: str, commits: dict[int, Committed]) -> dict[int, Committed]:
    """Leave out runs whose large data did not get to the storage before the crash."""
    if all(each.node is None for each in commits.values()):
        return commits
    with service.exclusive(), service.reading():
        return {
            run: each
            for run, each in commits.items()
            if each.node is None or _has_node(service, name, each.node)
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
    """Let the storage have what runs have stored, as far as it has not yet."""
    for each in commits:
        request = each.request()
        if request is not None:
            service.apply(request._replace(replayed=True))


def _remove_uncommitted(trajectory: Any, runs: Iterable[int]) -> None:
    """Remove data of runs whose commit was lost, which only damage of the journal can do."""
    service, names = trajectory.v_storage_service, trajectory._runs.names
    for run in runs:
        _logger.warning(
            "The journal has lost what run %d returned; the run will be executed again.", run
        )
        for branch in _BRANCHES:
            operation = DeleteNode(f"{branch}.{names.name(run)}", recursive=True)
            try:
                service.apply(StoreRequest(trajectory.v_name, (operation,), replayed=True))
            except DataNotInStorageError:
                continue


def _bring_up_to_date(trajectory: Any, meta: MetaRecord, commits: dict[int, Committed]) -> None:
    """Let the trajectory know what became of its runs, and the storage what the trajectory is."""
    runs = trajectory._runs
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
        ranges = [leaf for leaf in trajectory._explored.values() if leaf is not None]
        if ranges:
            trajectory.f_store_items(ranges, store_data=constants.OVERWRITE_DATA)
