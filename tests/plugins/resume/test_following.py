"""Following segments: committed runs are found and applied, as a whole or not at all."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.plugins.resume.journal.following import Follower
from pypet.plugins.resume.journal.frames import SIGNATURE, Kind, encode
from pypet.plugins.resume.journal.requests import commit_frame, data_frame
from pypet.plugins.resume.journal.segments import (
    SegmentReader,
    SegmentWriter,
    SharedSegmentWriter,
    segment_paths,
)
from tests.plugins.resume.journals import commit, contents, data, journaled, put, storage

RUNS = st.integers(0, 4)
STEP = st.tuples(
    RUNS, st.sampled_from([1.0, 2.0]), st.sampled_from(["data", "data", "commit", "abandon"])
)


def applied_runs(folder):
    """Return what a storage has that gets everything which the segments of a folder say."""
    service = storage()
    seen = set()
    for each in Follower(str(folder)).new_commits():
        request = each.request()
        if each.run not in seen and request is not None:
            service.apply(request)
        seen.add(each.run)
    return seen, contents(service)


@settings(deadline=None, max_examples=60)
@given(st.lists(STEP, max_size=25), st.booleans())
def test_the_journal_has_what_the_storage_has(steps, shared):
    """Whatever attempts at runs do, one after the other: both have the same runs, all of each."""
    with tempfile.TemporaryDirectory() as folder:
        service = storage()
        journal, segment = journaled(folder, service, shared=shared)
        stored, winners, done, failed = {}, {}, [], set()
        for number, (run, started, what) in enumerate(steps):
            attempt = run, started
            if attempt in done:  # it is over; at the most its commit may be sent again
                if what == "commit" and attempt == done[-1] and attempt not in failed:
                    journal.apply(commit(run, put(run, "again", number), started=started))
                continue
            if what == "abandon":
                journal.abandon_run(run, started)
                stored.pop(attempt, None)
                done.append(attempt)
                failed.add(attempt)
                continue
            operation = put(run, f"n{number}", number)
            if what == "data":
                journal.apply(data(run, operation, started=started))
            else:
                journal.apply(commit(run, operation, started=started))
            stored.setdefault(attempt, {})[f"{run:08d}.n{number}"] = number
            if what == "commit":
                mine = stored.pop(attempt)
                winners.setdefault(run, mine)
                done.append(attempt)
        journal.apply_committed()
        segment.close()
        expected = {name: value for mine in winners.values() for name, value in mine.items()}
        assert contents(service) == expected
        assert applied_runs(folder) == (set(winners), expected)


def write_runs(path):
    """Write a segment with four runs, two of them at once; return the frames' ends by run."""
    requests = [
        data(0, put(0, "a", [1, 2])),
        data(1, put(1, "a", "text")),
        commit(0, put(0, "b", 1.5)),
        data(1, put(1, "b", 2)),
        commit(1),
        commit(2, put(2, "a", 3)),
        data(3, put(3, "a", 4)),
        commit(3, put(3, "b", 5)),
    ]
    counts = {0: 1, 1: 2, 2: 0, 3: 1}
    content = SIGNATURE
    ends = {}
    for request in requests:
        frame = (
            data_frame(request)
            if request.commit is None
            else commit_frame(request, counts[request.run])
        )
        content += b"".join(frame)
        if request.commit is not None:
            ends[request.run] = len(content)
    path.write_bytes(content)
    return content, ends


NAMES = {0: {"a", "b"}, 1: {"a", "b"}, 2: {"a"}, 3: {"a", "b"}}


def names_of(found):
    names = {}
    for path in found:
        run, _, name = path.partition(".")
        names.setdefault(int(run), set()).add(name)
    return names


def test_every_cut_leaves_whole_runs(tmp_path):
    path = tmp_path / "host-1-0001.rcnt"
    content, ends = write_runs(path)
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        runs, found = applied_runs(tmp_path)
        assert runs == {run for run, end in ends.items() if end <= cut}
        assert names_of(found) == {run: NAMES[run] for run in runs}


def test_every_changed_byte_costs_one_run_at_the_most(tmp_path):
    path = tmp_path / "host-1-0001.rcnt"
    content, ends = write_runs(path)
    _, intact = applied_runs(tmp_path)
    for place in range(len(SIGNATURE), len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        runs, found = applied_runs(tmp_path)
        assert len(runs) >= len(ends) - 1
        assert names_of(found) == {run: NAMES[run] for run in runs}
        assert found.items() <= intact.items()


def test_a_follower_goes_on_where_it_stopped(tmp_path):
    follower = Follower(str(tmp_path))
    assert follower.new_commits() == []
    first, second = (SharedSegmentWriter(str(tmp_path)) for _ in range(2))
    first.append(data_frame(data(0, put(0, "a", 1))))
    second.append(commit_frame(commit(1), 0))
    assert [each.run for each in follower.new_commits()] == [1]
    first.append(commit_frame(commit(0), 1))
    third = SharedSegmentWriter(str(tmp_path))
    third.append(commit_frame(commit(2), 0))
    assert [each.run for each in follower.new_commits()] == [0, 2]
    assert follower.new_commits() == []
    assert [reader.path for reader in follower.readers] == segment_paths(tmp_path)
    for writer in (first, second, third):
        writer.close()


def test_a_follower_knows_what_was_started_and_what_does_not_count(tmp_path):
    writer = SharedSegmentWriter(str(tmp_path))
    writer.append(encode(Kind.STARTED, [struct.pack("<3q", 4, 5, 6)], started=10.0))
    writer.append(encode(Kind.STARTED, [struct.pack("<q", 5)], started=20.0))
    writer.append(commit_frame(commit(4, started=1.0), 0))
    writer.append(encode(Kind.ABORT, run=4, started=1.0))
    writer.append(commit_frame(commit(5, started=1.0), 0))
    writer.append(commit_frame(commit(5, started=2.0), 0))
    writer.append(encode(Kind.SUPERSEDED, run=5, started=1.0))
    writer.close()
    follower = Follower(str(tmp_path))
    assert [each.attempt for each in follower.new_commits()] == [(5, 2.0)]
    assert follower.started == {4: 10.0, 5: 20.0, 6: 10.0}
    assert follower.discarded == {(4, 1.0), (5, 1.0)}


def test_a_commit_whose_data_is_in_another_segment_is_none(tmp_path):
    for frame in (data_frame(data(0, put(0, "a", 1))), commit_frame(commit(0), 1)):
        writer = SegmentWriter(str(tmp_path))
        writer.append(frame)
        writer.close()
    assert Follower(str(tmp_path)).new_commits() == []


@pytest.mark.parametrize("count", [1, 3, 700])
def test_many_runs_are_folded(tmp_path, count):
    service = storage()
    journal, segment = journaled(tmp_path, service, shared=True)
    for run in range(count):
        journal.apply(commit(run, put(run, "a", run)))
    journal.apply_committed()
    assert len(contents(service)) == count
    segment.close()
    assert sum(1 for _ in SegmentReader(segment.path).frames()) == count
    assert applied_runs(Path(tmp_path))[0] == set(range(count))
