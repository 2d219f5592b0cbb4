"""Segments of the journal, on disks that lose their power or refuse what they are given."""

from __future__ import annotations

import errno
import os

import pytest

from pypet.errors import StorageFormatError
from pypet.plugins.resume.journal import synced_file
from pypet.plugins.resume.journal.frames import SIGNATURE, Kind, encode
from pypet.plugins.resume.journal.segments import SegmentReader, SegmentWriter, SharedSegmentWriter


def frame(run):
    return encode(Kind.ABORT, run=run)


def runs_in(path):
    return [each.run for each in SegmentReader(path).frames()]


def fail(descriptor):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_the_beginning_of_a_segment_is_on_the_disk_before_anything_else(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(synced_file, "fdatasync", lambda fd: sizes.append(os.fstat(fd).st_size))
    writer = SegmentWriter(tmp_path)
    writer.append(frame(1))
    writer.close()
    assert sizes[0] == len(SIGNATURE)


@pytest.mark.parametrize("content", [b"", bytes(len(SIGNATURE)), SIGNATURE[:7], SIGNATURE])
def test_a_segment_has_nothing_whose_beginning_the_disk_has_lost(tmp_path, content):
    path = tmp_path / "host-1-0001.rcnt"
    path.write_bytes(content)
    reader = SegmentReader(path)
    assert list(reader.frames()) == []
    assert reader.rest == (0 if content == SIGNATURE else len(content))


def test_other_files_are_no_segments(tmp_path):
    path = tmp_path / "host-1-0001.rcnt"
    path.write_bytes(bytes(len(SIGNATURE) + 1))
    with pytest.raises(StorageFormatError, match="not a segment of a journal"):
        list(SegmentReader(path).frames())


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("how", ["sync", "start_sync"])
def test_nothing_counts_any_more_after_the_disk_refused_to_sync(tmp_path, monkeypatch, shared, how):
    writer = (SharedSegmentWriter if shared else SegmentWriter)(tmp_path)
    writer.append(frame(1))
    with monkeypatch.context() as patched:
        patched.setattr(synced_file, "fdatasync", fail)
        if how == "sync":
            with pytest.raises(OSError, match=r"did not take what the journal was given.*rcnt"):
                writer.sync()
        else:
            writer.start_sync()
            with pytest.raises(OSError, match="did not take"):
                writer._file.wait_for_thread()
    for call in (writer.sync, writer.start_sync, writer.sync, lambda: writer.append(frame(2))):
        with pytest.raises(OSError, match=r"did not take what the journal was given.*rcnt"):
            call()
    with pytest.raises(OSError, match="did not take"):
        writer.close()
    writer.close()  # has no effect any more
    assert runs_in(writer.path) == [1]


def test_an_error_names_the_segment_and_leaves_it_as_it_was(tmp_path, monkeypatch):
    writer = SegmentWriter(tmp_path)
    writer.append(frame(1))
    writer.sync()

    def refuse(descriptor, buffers, position):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", refuse)
        with pytest.raises(OSError, match=r"journal cannot be written \(No space left.*rcnt"):
            writer.append([bytes(1 << 17)])
        with pytest.raises(OSError, match=r"journal cannot be written \(No space left.*rcnt"):
            SegmentWriter(tmp_path)
    writer.append(frame(2))
    writer.close()
    assert runs_in(writer.path) == [1, 2]
