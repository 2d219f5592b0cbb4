"""The journaled service: the storage gets a run with its commit, as a whole and once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle

import numpy as np
import pytest

from pypet.errors import DataNotInStorageError
from pypet.plugins.resume.journal.following import Follower, repeated_runs
from pypet.plugins.resume.journal.frames import IN_STORAGE, Kind
from pypet.plugins.resume.journal.segments import SegmentReader, segment_paths
from pypet.records import DeleteNode, StoreRequest
from pypet.records.compact import flatten, unflatten
from pypet.services.messages import understands_requests
from tests.plugins.resume.journals import commit, contents, data, journaled, put, storage
from tests.storage_backends.hdf5.record_makers import TRAJ, group

FORK = "fork" in multiprocessing.get_all_start_methods()
SHARED = pytest.mark.parametrize("shared", [False, True], ids=["one process", "shared"])


@pytest.fixture
def start(tmp_path):
    """Return a journaled service, its storage and its segment; the segment is closed in the end."""
    made = []

    def start(**options):
        service = options.pop("service", None) or storage()
        journal, segment = journaled(tmp_path, service, **options)
        made.append(segment)
        return journal, service, segment

    yield start
    for segment in made:
        segment.close()


def kinds(folder):
    """Return kind and run of all frames."""
    return [
        (frame.kind.name, frame.run)
        for path in segment_paths(folder)
        for frame in SegmentReader(path).frames()
    ]


def test_the_storage_gets_a_run_with_its_commit(start, tmp_path):
    journal, service, segment = start()
    journal.apply(data(0, put(0, "a", 1)))
    journal.apply(data(1, put(1, "a", [2, 3])))
    journal.apply(data(0, put(0, "b", 4)))
    assert contents(service) == {}
    journal.apply(commit(0, put(0, "c", 5)))
    assert contents(service) == {"00000000.a": 1, "00000000.b": 4, "00000000.c": 5}
    journal.apply(commit(1))
    assert contents(service)["00000001.a"] == [2, 3]
    segment.sync()
    assert kinds(tmp_path) == [("DATA", 0), ("DATA", 1), ("DATA", 0), ("COMMIT", 0), ("COMMIT", 1)]
    assert [(each.run, each.commit.value) for each in Follower(str(tmp_path)).new_commits()] == [
        (0, b"value"),
        (1, b"value"),
    ]


def test_workers_that_share_it_leave_folding_to_the_main_process(start):
    journal, service, _ = start(shared=True)
    journal.apply(data(0, put(0, "a", 1)))
    journal.apply(commit(0, put(0, "b", 2)))
    journal.apply(data(1, put(1, "a", 3)))
    assert contents(service) == {}
    journal.apply(StoreRequest(TRAJ, (group("results.outside"),)))
    assert contents(service) == {"00000000.a": 1, "00000000.b": 2}
    journal.apply(commit(1))
    journal.apply_committed()
    assert contents(service) == {"00000000.a": 1, "00000000.b": 2, "00000001.a": 3}
    assert journal.take_failures() == {}


def test_what_comes_from_outside_of_runs_goes_to_the_storage_at_once(start, tmp_path):
    journal, service, _ = start()
    journal.apply(StoreRequest(TRAJ, (put(7, "a", 1),)))
    assert contents(service) == {"00000007.a": 1}
    assert kinds(tmp_path) == []


@SHARED
def test_one_attempt_at_a_run_counts(start, shared):
    journal, service, _ = start(shared=shared)
    for started, value in ((1.0, 1), (2.0, 2)):
        journal.apply(data(0, put(0, "a", value), started=started))
    journal.apply(commit(0, put(0, "b", 2), started=2.0))
    journal.apply(commit(0, put(0, "b", 1), started=1.0))
    journal.apply(commit(0, put(0, "b", 2), started=2.0))
    journal.apply_committed()
    assert contents(service) == {"00000000.a": 2, "00000000.b": 2}


@SHARED
def test_runs_that_were_executed_twice_are_known(start, tmp_path, shared):
    journal, _, segment = start(shared=shared)
    for run in (0, 1):
        journal.apply(commit(run, put(run, "a", run), started=1.0))
    journal.apply_committed()
    segment.sync()
    assert repeated_runs(str(tmp_path)) == set()
    journal.apply(commit(1, put(1, "a", 5), started=2.0))
    journal.apply_committed()
    segment.sync()
    assert repeated_runs(str(tmp_path)) == {1}
    follower = Follower(str(tmp_path))
    counting = [each.attempt for each in follower.new_commits()]
    assert sorted(counting) == [(0, 1.0), (1, 1.0)]


def test_committed_runs_are_not_stored_again(start):
    journal, service, _ = start(committed=[3])
    journal.apply(data(3, put(3, "a", 1)))
    journal.apply(commit(3))
    assert contents(service) == {}


class Refusing:
    """Makes a storage refuse one run."""

    def __init__(self, service, run):
        self._apply = service.apply
        self._run = run

    def __call__(self, request):
        if any(f"run_{self._run:08d}" in getattr(each, "path", "") for each in request.operations):
            raise ValueError("refused")
        self._apply(request)


def test_a_run_that_the_storage_refuses_does_not_count(start, tmp_path, monkeypatch):
    journal, service, segment = start()
    with monkeypatch.context() as refusing:
        refusing.setattr(service, "apply", Refusing(service, 1))
        journal.apply(commit(0, put(0, "a", 1)))
        journal.apply(data(1, put(1, "a", 2)))
        with pytest.raises(ValueError, match="refused"):
            journal.apply(commit(1))
        with pytest.raises(ValueError, match="refused"):  # nor in parts
            journal.apply(commit(1, put(1, "b", 3)))
    segment.sync()
    assert [each.run for each in Follower(str(tmp_path)).new_commits()] == [0]
    journal.apply(commit(1, put(1, "a", 4), started=5.0))
    segment.sync()
    assert [each.attempt for each in Follower(str(tmp_path)).new_commits()] == [(0, 1.0), (1, 5.0)]
    assert contents(service) == {"00000000.a": 1, "00000001.a": 4}


def test_a_run_of_a_worker_that_the_storage_refuses_costs_itself_only(start, tmp_path, monkeypatch):
    journal, service, segment = start(shared=True)
    monkeypatch.setattr(service, "apply", Refusing(service, 1))
    for run in range(4):
        journal.apply(commit(run, put(run, "a", run)))
    journal.apply_committed()
    assert contents(service) == {"00000000.a": 0, "00000002.a": 2, "00000003.a": 3}
    assert list(journal.take_failures()) == [1]
    assert journal.take_failures() == {}
    segment.sync()
    assert [each.run for each in Follower(str(tmp_path)).new_commits()] == [0, 2, 3]


@SHARED
@pytest.mark.parametrize("refused", ["data", "commit"])
def test_a_run_is_not_committed_without_what_the_journal_refused(
    start, tmp_path, monkeypatch, shared, refused
):
    journal, service, segment = start(shared=shared)
    segment.sync()

    def refuse(buffers):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for request in (data(0, put(0, "a", 1)), commit(0, put(0, "b", 2))):
        with monkeypatch.context() as full:
            if refused == ("data" if request.commit is None else "commit"):
                full.setattr(segment, "append", refuse)
                with pytest.raises(OSError, match="No space"):
                    journal.apply(request)
                continue
        if refused == "data":
            with pytest.raises(OSError, match="No space"):
                journal.apply(request)
        else:
            journal.apply(request)
    with pytest.raises(OSError, match="No space"):
        journal.apply(commit(0, put(0, "b", 2)))
    journal.apply_committed()
    segment.sync()
    assert contents(service) == {}
    assert Follower(str(tmp_path)).new_commits() == []
    journal.apply(commit(0, put(0, "b", 3), started=2.0))
    journal.apply_committed()
    assert contents(service) == {"00000000.b": 3}


def test_who_commits_to_the_storage_makes_the_journal_safe_before(start, tmp_path, monkeypatch):
    journal, service, segment = start()
    monkeypatch.setattr(segment, "interval", 1e9)
    segment.write()
    journal.apply(commit(0, put(0, "a", 1)))
    assert kinds(tmp_path) == []
    service.before_commit()
    assert kinds(tmp_path) == [("COMMIT", 0)]


@pytest.mark.parametrize("size", [10, 100_000])
def test_requests_that_came_from_elsewhere_are_kept_as_they_came(start, tmp_path, size):
    journal, service, segment = start()
    for request in (data(0, put(0, "a", np.arange(size))), commit(0, put(0, "b", np.arange(3)))):
        buffers = []
        pickled = pickle.dumps(flatten(request), 5, buffer_callback=buffers.append)
        pieces = [pickled, *(buffer.raw() for buffer in buffers)]
        journal.apply(unflatten(pickle.loads(pickled, buffers=pieces[1:]), pieces))
    segment.sync()
    assert contents(service) == {"00000000.a": list(range(size)), "00000000.b": [0, 1, 2]}
    (committed,) = Follower(str(tmp_path)).new_commits()
    again = storage()
    again.apply(committed.request())
    assert contents(again) == contents(service)


def test_large_data_is_written_to_the_storage_only(start, tmp_path):
    journal, service, segment = start()
    journal.apply(commit(0, put(0, "a", np.zeros(100_000)), put(0, "b", 1)))
    segment.sync()
    (frame,) = SegmentReader(segment.path).frames()
    assert frame.kind is Kind.COMMIT
    assert frame.flags == IN_STORAGE
    assert frame.end < 1000
    (committed,) = Follower(str(tmp_path)).new_commits()
    assert committed.node == "results.runs.run_00000000.b"
    assert committed.request() is None
    assert len(contents(service)["00000000.a"]) == 100_000


def test_wrap_modes_send_it_requests(start):
    journal, _, _ = start()
    assert understands_requests(journal)


@SHARED
def test_a_run_is_told_of_what_it_cannot_delete(start, shared):
    journal, service, _ = start(shared=shared)
    journal.apply(data(0, put(0, "a", 1), put(0, "b", 1)))
    journal.apply(data(0, DeleteNode("results.runs.run_00000000.a", recursive=False)))
    for name in ("a", "c"):
        with pytest.raises(DataNotInStorageError):
            journal.apply(data(0, DeleteNode(f"results.runs.run_00000000.{name}", recursive=False)))
    journal.apply(commit(0))
    journal.apply_committed()
    assert contents(service) == {"00000000.b": 1}


def test_a_run_that_has_failed_is_forgotten(start, tmp_path):
    journal, service, segment = start()
    journal.apply(data(0, put(0, "a", 1)))
    journal.abandon_run(0, 1.0)
    journal.apply(commit(0, put(0, "b", 2), started=2.0))
    assert contents(service) == {"00000000.b": 2}
    segment.sync()
    assert [each.attempt for each in Follower(str(tmp_path)).new_commits()] == [(0, 2.0)]


# ----- several processes -----------------------------------------------------------------------


def store_in_child(journal, run):
    journal.apply(data(run, put(run, "a", run)))
    journal.apply(commit(run, put(run, "b", run)))
    journal.close()


@pytest.mark.skipif(not FORK, reason="the platform cannot fork")
@pytest.mark.parametrize("travels", [False, True], ids=["inherited", "pickled"])
@SHARED
def test_children_append_by_themselves(start, tmp_path, shared, travels):
    journal, service, segment = start(shared=shared)
    journal.apply(commit(0, put(0, "a", 0)))
    segment.sync()
    context = multiprocessing.get_context("fork")
    for run in (1, 2):
        theirs = pickle.loads(pickle.dumps(journal)) if travels else journal
        child = context.Process(target=store_in_child, args=(theirs, run))
        child.start()
        child.join(100)
        assert child.exitcode == 0
    journal.apply_committed()
    assert len(segment_paths(tmp_path)) == (1 if shared else 3)
    expected = {f"{run:08d}.{name}": run for run in (1, 2) for name in "ab"}
    # What only one process stores is in the memory of that one here.
    assert contents(service) == {"00000000.a": 0, **(expected if shared else {})}
    again = storage()
    for committed in Follower(str(tmp_path)).new_commits():
        again.apply(committed.request())
    assert contents(again) == {"00000000.a": 0, **expected}
