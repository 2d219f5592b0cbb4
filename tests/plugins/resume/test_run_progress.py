"""How far runs are, from frames of a journal and rows of a run table."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pypet.plugins.resume.journal.following import Follower
from pypet.plugins.resume.journal.frames import Kind, encode
from pypet.plugins.resume.journal.requests import commit_frame
from pypet.plugins.resume.journal.segments import SegmentWriter
from pypet.plugins.resume.run_progress import JournalProgress
from pypet.records import CommitRun, RunError, RunRows, StoreRequest
from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED
from pypet.runs.states import STATES

ERROR = RunError("ValueError", "no", "", 150.0)


class Written:
    """A journal in a folder."""

    def __init__(self, folder):
        self._folder = str(folder)
        self._writer = SegmentWriter(self._folder)

    def hand_over(self, *runs, at=100.0):
        self._append(encode(Kind.STARTED, [struct.pack(f"<{len(runs)}q", *runs)], started=at))
        return self

    def commit(self, run, started=101.0, finished=110.0):
        commit = CommitRun(finished, "0" * 40, b"")
        self._append(commit_frame(StoreRequest("t", (), False, run, started, commit), 0))
        return self

    def refuse(self, run, started=101.0):
        self._append(encode(Kind.ABORT, run=run, started=started))
        return self

    def _append(self, frame):
        self._writer.append(frame)
        self._writer.write()

    def progress(self, total, *, workers=None, since=None, table=None):
        follower = Follower(self._folder)
        commits = [
            each for each in follower.new_commits() if each.attempt not in follower.discarded
        ]
        progress = JournalProgress(total, table)
        progress.follow(commits, follower, workers, since)
        return progress


@pytest.fixture
def journal(tmp_path):
    written = Written(tmp_path)
    yield written
    written._writer.close()


def states(progress):
    return [STATES[code] for code in progress.states]


def table(total, completed=(), started=(), errors=None):
    timestamps = np.full(total, NOT_STARTED)
    timestamps[[*completed, *started]] = 90.0
    finished = np.full(total, NOT_FINISHED)
    finished[list(completed)] = 95.0
    flags = np.zeros(total, np.int8)
    flags[list(completed)] = 1
    return RunRows(
        np.arange(total), flags, timestamps, finished, np.full(total, -1, np.int32),
        errors=errors or {},
    )  # fmt: skip


def test_the_table_alone():
    rows = table(5, completed=[0], started=[1], errors={2: ERROR, 0: ERROR})
    progress = JournalProgress(6, rows)
    assert states(progress) == [
        "committed", "abandoned", "failed", "pending", "pending", "pending",
    ]  # fmt: skip
    assert progress.errors == {2: ERROR}
    assert progress.finished[0] - progress.started[0] == 5.0


def test_as_many_runs_are_running_as_there_are_workers(journal):
    journal.hand_over(0, 1, 2, 3, 4).commit(1)
    found = journal.progress(6, workers=2, since=99.0)
    assert states(found) == ["running", "committed", "running", "pending", "pending", "pending"]
    found = journal.progress(6, workers=None, since=99.0)
    assert found.count("running") == 4
    found = journal.progress(6, workers=2)
    assert found.runs("abandoned").tolist() == [0, 2]


def test_runs_before_the_present_session_are_abandoned(journal):
    journal.hand_over(0, 1, 2, at=100.0).commit(0).hand_over(1, at=200.0)
    found = journal.progress(4, workers=1, since=199.0)
    assert states(found) == ["committed", "running", "abandoned", "pending"]


def test_errors_of_the_table_count_until_the_run_is_tried_again(journal):
    rows = table(3, errors={0: ERROR, 1: ERROR})
    journal.hand_over(0, 1, 2, at=100.0).hand_over(1, at=160.0)
    found = journal.progress(3, workers=2, since=99.0, table=rows)
    assert states(found) == ["failed", "running", "running"]
    assert list(found.errors) == [0]


def test_one_by_one_a_run_before_a_committed_one_has_ended(journal):
    journal.hand_over(0, 1, 2, 3).commit(1)
    found = journal.progress(4, workers=1, since=99.0)
    assert states(found) == ["failed", "committed", "running", "pending"]
    assert found.errors[0].type == "(unknown)"


def test_a_commit_that_was_refused_is_a_failure(journal):
    journal.hand_over(0, 1).commit(0).refuse(0).commit(1)
    found = journal.progress(2, workers=2, since=99.0)
    assert states(found) == ["failed", "committed"]
    assert "refused by the storage" in found.errors[0].message
    journal.hand_over(0, at=300.0)
    assert states(journal.progress(2, workers=2, since=99.0)) == ["running", "committed"]


def test_runs_that_the_snapshot_does_not_know_yet_are_left_out(journal):
    journal.hand_over(0, 7).commit(0).commit(7)
    assert states(journal.progress(2, workers=1, since=99.0)) == ["committed", "pending"]
