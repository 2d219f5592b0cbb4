"""Segments: what processes append to them is read by who follows."""

from __future__ import annotations

import errno
import multiprocessing
import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.errors import StorageFormatError
from pypet.plugins.resume.journal import synced_file
from pypet.plugins.resume.journal.frames import SIGNATURE, Kind, encode
from pypet.plugins.resume.journal.segments import (
    SegmentReader,
    SegmentWriter,
    SharedSegmentWriter,
    segment_paths,
)

SHARED = pytest.mark.parametrize("shared", [False, True], ids=["one process", "shared"])


@pytest.fixture
def writer_of():
    """Make writers, which are closed in the end."""
    made = []

    def make(folder, *, shared=False):
        made.append((SharedSegmentWriter if shared else SegmentWriter)(str(folder)))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


def frame(run, size=0):
    return encode(Kind.DATA, [bytes(size)], run=run)


def runs(reader):
    return [(each.run, len(each.payload)) for each in reader.frames()]


@SHARED
def test_a_segment_is_followed_while_it_is_written(tmp_path, writer_of, shared):
    writer = writer_of(tmp_path, shared=shared)
    reader = SegmentReader(writer.path)
    assert runs(reader) == []
    writer.append(frame(1, 10))
    writer.sync()
    assert runs(reader) == [(1, 10)]
    writer.append(frame(2, 100_000))
    writer.append([*frame(3), *frame(4)])
    writer.sync()
    assert runs(reader) == [(2, 100_000), (3, 0), (4, 0)]
    assert runs(reader) == []
    assert (reader.damaged, reader.rest) == (0, 0)
    assert segment_paths(tmp_path) == [writer.path]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 200_000), max_size=8), st.booleans(), st.booleans())
def test_what_was_appended_can_be_read_by_its_place(tmp_path_factory, sizes, shared, syncs):
    writer = (SharedSegmentWriter if shared else SegmentWriter)(
        str(tmp_path_factory.mktemp("segment"))
    )
    places = []
    for run, size in enumerate(sizes):
        buffers = frame(run, size)
        start = writer.append(buffers)
        places.append((start, start + sum(map(len, buffers)), b"".join(buffers)))
        if syncs:
            writer.sync()
    assert all(writer.read(start, end) == content for start, end, content in places)
    writer.close()
    assert runs(SegmentReader(writer.path)) == list(enumerate(sizes))


def test_many_buffers_are_one_frame(tmp_path, writer_of):
    writer = writer_of(tmp_path, shared=True)
    writer.append(encode(Kind.DATA, [struct.pack("<I", number) for number in range(3000)]))
    (found,) = SegmentReader(writer.path).frames()
    assert found.end - found.position > 12_000


def append_many(path, first):
    writer = SharedSegmentWriter.reopen(path)
    for run in range(first, first + 200):
        writer.append(frame(run, run % 50))
    writer.close()


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork"
)
def test_processes_append_to_a_shared_segment_at_once(tmp_path, writer_of):
    writer = writer_of(tmp_path, shared=True)
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=append_many, args=(writer.path, first)) for first in (0, 1000, 2000)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(100)
        assert child.exitcode == 0
    reader = SegmentReader(writer.path)
    found = [run for run, _ in runs(reader)]
    assert sorted(found) == [first + run for first in (0, 1000, 2000) for run in range(200)]
    assert (reader.damaged, reader.rest) == (0, 0)


def test_a_frame_that_is_still_being_written_is_read_later(tmp_path, writer_of):
    writer = writer_of(tmp_path, shared=True)
    content = b"".join(frame(7, 500))
    reader = SegmentReader(writer.path)
    with open(writer.path, "ab") as file:
        for byte in range(0, len(content), 100):
            assert runs(reader) == []
            file.write(content[byte : byte + 100])
            file.flush()
    assert runs(reader) == [(7, 500)]


def test_what_a_dead_process_has_left_unfinished_is_skipped(tmp_path, writer_of):
    writer = writer_of(tmp_path, shared=True)
    writer.append(frame(1))
    with open(writer.path, "ab") as file:
        file.write(b"".join(frame(2, 500))[:300])
    reader = SegmentReader(writer.path)
    assert runs(reader) == [(1, 0)]
    assert reader.rest == 300
    writer.append(frame(3))
    assert runs(reader) == [(3, 0)]
    assert (reader.damaged, reader.rest) == (300, 0)


@pytest.mark.parametrize("length", range(len(SIGNATURE)))
def test_a_segment_whose_writer_died_at_once_is_empty(tmp_path, length):
    path = tmp_path / "host-1-0001.rcnt"
    path.write_bytes(SIGNATURE[:length])
    assert runs(SegmentReader(str(path))) == []


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "result.rcnt"
    path.write_bytes(b"\x80\x02}q\x00 of the established package")
    with pytest.raises(StorageFormatError, match="not a segment"):
        runs(SegmentReader(str(path)))


@SHARED
def test_a_full_disk_costs_what_was_refused_only(tmp_path, writer_of, shared, monkeypatch):
    writer = writer_of(tmp_path, shared=shared)
    writer.append(frame(0))
    writer.sync()
    monkeypatch.setattr(writer, "interval", 1e9)
    writer.append(frame(1, 30))  # gathered, if nobody else writes

    def refuse(descriptor, buffers, position):
        os.pwrite(descriptor, b"".join(buffers)[:7], position)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(synced_file.os, "pwritev", refuse)
        full.setattr(writer, "interval", -1.0)
        for size in (10, 100_000):
            with pytest.raises(OSError, match="No space") as caught:
                writer.append(frame(2, size))
            assert writer.path in str(caught.value)
    writer.append(frame(3))
    writer.sync()
    reader = SegmentReader(writer.path)
    assert runs(reader) == [(0, 0), (1, 30), (3, 0)]
    assert (reader.damaged, reader.rest) == (0, 0)


def test_names_of_segments_are_never_taken_twice(tmp_path, writer_of):
    paths = [writer_of(tmp_path).path for _ in range(3)]
    assert len(set(paths)) == 3
    assert segment_paths(tmp_path) == sorted(paths)
    with pytest.raises(FileNotFoundError):
        SegmentWriter(str(tmp_path / "nowhere"))


def test_a_failed_sync_is_told_with_the_next_one(tmp_path, writer_of, monkeypatch):
    writer = writer_of(tmp_path)
    writer.append(frame(1))

    def refuse(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(synced_file, "fdatasync", refuse)
        writer.start_sync()
        with pytest.raises(OSError, match="Input/output"):
            writer.sync()
    # The system drops what it could not write, and says so only once.
    with pytest.raises(OSError, match="no run counts"):
        writer.sync()
    with pytest.raises(OSError, match="no run counts"):
        writer.close()
