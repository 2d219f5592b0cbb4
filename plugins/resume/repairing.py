"""Saving what is sound of a damaged file into a new one, with what a journal still has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.catalog.files import UNREADABLE, in_a_line
from pypet.errors import ResumeError
from pypet.plugins.resume.folders import snapshot_path
from pypet.plugins.resume.journal.following import Committed, Follower
from pypet.plugins.resume.locking import is_running
from pypet.plugins.resume.reading import (
    experiments_in,
    new_service,
    read_meta,
    runs_without_data,
    service_of,
)
from pypet.plugins.resume.snapshots.container import read_header, read_payload, script_of
from pypet.plugins.resume.snapshots.facts import FACTS_KEY
from pypet.plugins.resume.snapshots.scripts import script_in_place
from pypet.records import MetaRecord, PutNode
from pypet.records.nodes import ERROR
from pypet.runs import run_table_of
from pypet.tree.node import put, set_stored

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

_PATIENCE_SECONDS = 10.0


class Salvaged(NamedTuple):
    """What became of one trajectory."""

    trajectory: str
    copied: int
    """Nodes that were copied."""
    broken: dict[str, str]
    """Nodes that were not, each with what is wrong; '' is the trajectory itself."""
    restored: list[str]
    """Nodes that were restored from the journal; also some that the file had not got yet."""
    journal: str | None
    """Folder of the journal; None if there was none."""

    @property
    def missing(self) -> list[str]:
        """Nodes that are lost."""
        restored = set(self.restored)
        return sorted(path for path in self.broken if path and path not in restored)

    @property
    def is_sound(self) -> bool:
        """Whether there was nothing to do."""
        return not self.broken and not self.restored


# ----- before --------------------------------------------------------------------------------


def journals_of(path: str, parent: str) -> dict[str, str]:
    """Return the folders of the experiments that store into a file, by name of the trajectory.

    Raises
    ------
    ResumeError
        One of them is running.
    """
    if not os.path.isdir(parent):
        return {}
    found = {}
    for folder in experiments_in(parent):
        try:
            facts = read_header(snapshot_path(folder))[FACTS_KEY]
        except UNREADABLE:
            continue
        file = facts.get("file")
        if file is None or os.path.realpath(file) != os.path.realpath(path):
            continue
        if is_running(folder):
            raise ResumeError(
                f"The experiment in {folder} is running and stores into {path}; repair the file "
                "when it is over."
            )
        found[facts["trajectory"]] = folder
    return found


def broken_nodes(path: str) -> dict[str, dict[str, str]]:
    """Return what is broken in a file, by trajectory and full name of the node.

    Raises
    ------
    OSError, StorageFormatError
        The file cannot be opened.
    """
    service = service_of(path, lock_timeout=_PATIENCE_SECONDS)
    found: dict[str, dict[str, str]] = {}
    for name in service.trajectory_names():
        broken = found[name] = {}
        try:
            for finding in service.verify(name):
                if finding.level == ERROR:
                    broken.setdefault(finding.path, finding.text)
        except UNREADABLE as error:
            broken[""] = in_a_line(error)
    return found


def uncounted_runs(path: str, journals: Mapping[str, str]) -> dict[str, list[int]]:
    """Return which committed runs a file does not have as completed, by trajectory."""
    found = {}
    for name, folder in journals.items():
        commits = _commits_of(folder)
        try:
            rows = read_meta(path, name).runs
        except UNREADABLE:
            rows = None
        done = set() if rows is None else set(rows.idx[rows.completed != 0].tolist())
        lost = runs_without_data(path, name, commits.values(), rows)
        runs = sorted(commits.keys() - done - lost)
        if runs:
            found[name] = runs
    return found


def _commits_of(folder: str) -> dict[int, Committed]:
    follower = Follower(folder)
    commits: dict[int, Committed] = {}
    for each in follower.new_commits():
        if each.attempt not in follower.discarded:
            commits.setdefault(each.run, each)
    return commits


# ----- saving --------------------------------------------------------------------------------


def salvage(
    path: str, output: str, broken: Mapping[str, Mapping[str, str]], journals: Mapping[str, str]
) -> list[Salvaged]:
    """Write a new file with what is sound, and with what the journals have.

    ``broken`` is what `broken_nodes` found. What is in a journal is unpickled.

    Raises
    ------
    OSError
        The new file cannot be written.
    ResumeError, StorageFormatError
        A snapshot cannot be loaded.
    """
    target = new_service(output)
    saved = []
    for name in sorted({*broken, *journals}):
        bad = dict(broken.get(name, {}))
        copied: list[str] = []
        meta = None
        try:
            source = service_of(path, lock_timeout=_PATIENCE_SECONDS)
            copied, lost = source.salvage(target, name, [each for each in bad if each])
            bad.update((each, "it could not be copied") for each in lost)
            meta = source.inspect_meta(name)[0]
        except UNREADABLE as error:
            bad[""] = in_a_line(error)
        folder = journals.get(name)
        restored = [] if folder is None else _restored(target, name, folder, meta, set(copied))
        saved.append(Salvaged(name, len(copied), bad, restored, folder))
    target.close()
    return saved


def _restored(
    target: Any, name: str, folder: str, meta: MetaRecord | None, there: set[str]
) -> list[str]:
    """Store what is missing from snapshot and journal; return the full names of these nodes."""
    header = read_header(snapshot_path(folder))
    payload = read_payload(snapshot_path(folder))
    trajectory = payload["trajectory"]
    commits = _commits_of(folder)
    restored: list[str] = []
    with script_in_place(script_of(header)), target.kept_open(name):
        put(trajectory, "_storage_service", target)
        _take_over_runs(trajectory, meta)
        # Nodes that are there already are left as they are.
        restored += [
            node.v_full_name
            for node in trajectory.f_iter_leaves()
            if node.v_full_name not in there and not node.f_is_empty()
        ]
        set_stored(trajectory, meta is not None)
        trajectory.f_store(store_data=constants.STORE_DATA)
        runs = run_table_of(trajectory)
        for run, each in sorted(commits.items()):
            if run >= len(trajectory):
                continue
            request = each.request()
            new = [] if request is None else _new_leaves(request.operations, there)
            if request is not None and new:
                target.apply(request._replace(replayed=True))
                restored += new
            if each.node is None or each.node in there or runs.completed(run):
                runs.complete(run, each.started, each.commit.finished, each.commit.hexsha)
        trajectory.f_store(only_init=True)
    return restored


def _new_leaves(operations: Any, there: set[str]) -> list[str]:
    return [
        each.path
        for each in operations
        if type(each) is PutNode and each.is_leaf and each.path not in there
    ]


def _take_over_runs(trajectory: Trajectory, meta: MetaRecord | None) -> None:
    """Update the run table of a trajectory of a snapshot from the file."""
    rows = None if meta is None else meta.runs
    if rows is None:
        return
    runs = run_table_of(trajectory)
    for row, run in enumerate(rows.idx.tolist()):
        if run >= len(trajectory) or not rows.completed[row]:
            continue
        environment = int(rows.environment[row])
        hexsha = rows.hexshas[environment] if environment >= 0 else None
        runs.complete(run, float(rows.timestamp[row]), float(rows.finish_timestamp[row]), hexsha)
    for run, error in rows.errors.items():
        if run < len(trajectory) and not runs.completed(run):
            runs.errors[run] = error
