"""Whether the folder of an experiment is sound: snapshot and segments; nothing is unpickled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pypet.catalog.files import UNREADABLE, in_a_line
from pypet.plugins.resume.folders import snapshot_path
from pypet.plugins.resume.journal.following import Attempt, Committed, Follower
from pypet.plugins.resume.journal.frames import Kind
from pypet.plugins.resume.journal.segments import SegmentReader, segment_paths
from pypet.plugins.resume.locking import is_running
from pypet.plugins.resume.reading import read_meta, runs_without_data
from pypet.plugins.resume.snapshots.container import check_snapshot
from pypet.plugins.resume.snapshots.facts import FACTS_KEY
from pypet.plugins.resume.snapshots.replacing import UNFINISHED_SUFFIX
from pypet.records import Finding
from pypet.records.nodes import ERROR, NOTE

_EXECUTED_AGAIN = "nothing: resuming executes these runs again"


class CheckedJournal(NamedTuple):
    """The result of a check."""

    findings: list[tuple[str, Finding]]
    """Each with the file that it is about."""
    data_file: str | None
    """Path of the file that the runs go to, None if it is not known."""
    trajectory: str | None


def check_journal(folder: str) -> CheckedJournal:
    """Check the snapshot of an experiment by its checksums, and all frames of its segments.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    runs_now = is_running(folder)
    findings: list[tuple[str, Finding]] = []
    facts = _checked_snapshot(folder, findings)
    file, trajectory = facts.get("file"), facts.get("trajectory")
    for path in segment_paths(folder):
        findings += [(path, finding) for finding in _of_segment(path, runs_now=runs_now)]
    follower = Follower(folder)
    try:
        commits = {each.run: each for each in follower.new_commits()}
    except UNREADABLE:
        commits = {}  # the segment has been found already
    findings += _without_data(folder, follower, {each.attempt for each in commits.values()})
    if file is not None and trajectory is not None and not runs_now:
        findings += _not_stored(folder, file, trajectory, commits)
    return CheckedJournal(findings, file, trajectory)


def _checked_snapshot(folder: str, findings: list[tuple[str, Finding]]) -> dict[str, Any]:
    path = snapshot_path(folder)
    try:
        facts: dict[str, Any] = check_snapshot(path)[FACTS_KEY]
    except FileNotFoundError:
        facts = {}
        text = "there is no snapshot: the experiment died as it began, or the file is lost"
        advice = "start the experiment again if nothing was stored, or restore the file"
        findings.append((path, Finding(ERROR, "", text, advice)))
    except UNREADABLE as error:
        facts = {}
        findings.append((path, Finding(ERROR, "", in_a_line(error))))
    for name in sorted(os.listdir(folder)):
        if name.endswith(UNFINISHED_SUFFIX):
            text = "a snapshot that was never finished"
            advice = "delete it if the experiment does not run"
            findings.append((os.path.join(folder, name), Finding(NOTE, "", text, advice)))
    return facts


def _of_segment(path: str, *, runs_now: bool) -> Iterator[Finding]:
    reader = SegmentReader(path)
    try:
        for _ in reader.frames():
            pass
    except UNREADABLE as error:
        advice = "restore it from a backup; without it its runs are executed again"
        yield Finding(ERROR, "", in_a_line(error), advice)
        return
    if reader.damaged:
        text = f"{reader.damaged} bytes before the end are of no whole frame"
        yield Finding(ERROR, "", text, _EXECUTED_AGAIN)
    if reader.rest and not runs_now:
        text = f"the last {reader.rest} bytes are of a frame whose process was killed"
        yield Finding(NOTE, "", text, _EXECUTED_AGAIN)


def _without_data(
    folder: str, follower: Follower, counted: set[Attempt]
) -> Iterator[tuple[str, Finding]]:
    """Yield commits that do not count since something of their data is missing."""
    for path in segment_paths(folder):
        try:
            attempts = {
                (frame.run, frame.started)
                for frame in SegmentReader(path).frames()
                if frame.kind is Kind.COMMIT
            }
        except UNREADABLE:
            continue
        runs = {run for run, _ in counted}
        for run, _ in sorted(attempts - counted - follower.discarded):
            if run not in runs:
                text = f"run {run} was committed, but data of it is missing before its commit"
                yield path, Finding(ERROR, "", text, _EXECUTED_AGAIN)


def _not_stored(
    folder: str, file: str, trajectory: str, commits: Mapping[int, Committed]
) -> Iterator[tuple[str, Finding]]:
    """Yield how many runs are in the journal alone, and of which there is only the commit."""
    if not os.path.exists(file):
        if commits:
            yield file, Finding(ERROR, "", "the data file is gone", "bring it back, or repair")
        return
    try:
        rows = read_meta(file, trajectory).runs
    except UNREADABLE:
        return  # it is checked by itself
    stored = set() if rows is None else set(rows.idx[rows.completed != 0].tolist())
    lost = runs_without_data(file, trajectory, commits.values(), rows)
    if lost:
        runs = "large data of 1 run" if len(lost) == 1 else f"large data of {len(lost)} runs"
        yield folder, Finding(NOTE, "", f"{runs} never got to {file}", _EXECUTED_AGAIN)
    missing = commits.keys() - stored - lost
    if missing:
        runs = "1 committed run does" if len(missing) == 1 else f"{len(missing)} committed runs do"
        text = f"{runs} not count as completed in {file} yet"
        yield folder, Finding(NOTE, "", text, "resume the experiment, or repair the file")
