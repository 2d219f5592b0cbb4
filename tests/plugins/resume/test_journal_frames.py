"""Frames of the journal: what is whole of a segment is found, whatever became of the rest."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet.errors import StorageFormatError
from pypet.plugins.resume.journal.frames import SIGNATURE, Kind, Scan, encode
from pypet.plugins.resume.journal.segments import SegmentReader, SegmentWriter, segment_paths

MARKER = encode(Kind.DATA)[0][:4]

frames = st.builds(
    lambda kind, parts, run, started: (kind, parts, run, started),
    st.sampled_from(Kind),
    # A payload may hold the marker of a frame, or a whole one.
    st.lists(
        st.binary(max_size=40) | st.just(MARKER) | st.just(encode(Kind.COMMIT)[0]), max_size=3
    ),
    st.integers(-1, 2**62),
    st.floats(0, 1e12),
)
journals = st.lists(frames, min_size=1, max_size=5)


def encoded(frame):
    kind, parts, run, started = frame
    return b"".join(encode(kind, parts, run=run, started=started))


def found_in(content):
    scan = Scan(memoryview(content))
    found = [(each.kind, bytes(each.payload), each.run, each.started) for each in scan]
    return found, scan


def told(frame):
    kind, parts, run, started = frame
    return kind, b"".join(parts), run, started


@given(journals)
def test_what_was_written_is_found(journal):
    content = b"".join(map(encoded, journal))
    found, scan = found_in(content)
    assert found == list(map(told, journal))
    assert (scan.end, scan.damaged, scan.rest) == (len(content), 0, 0)


@given(journals, st.data())
def test_of_a_segment_that_is_cut_the_frames_before_are_found(journal, data):
    pieces = list(map(encoded, journal))
    ends = list(accumulate(map(len, pieces)))
    cut = data.draw(st.integers(0, ends[-1] - 1))
    whole = sum(end <= cut for end in ends)
    found, scan = found_in(b"".join(pieces)[:cut])
    assert found[:whole] == list(map(told, journal[:whole]))
    # What the payload of the last frame looks like is not for the reader to know.
    assert len(found) == whole or encode(Kind.COMMIT)[0] in pieces[whole]
    assert scan.rest >= 0


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
def test_of_a_damaged_segment_all_other_frames_are_found(payloads, data):
    journal = [(Kind.DATA, [payload], run, 1.0) for run, payload in enumerate(payloads)]
    pieces = list(map(encoded, journal))
    hit = data.draw(st.integers(0, len(pieces) - 1))
    position = data.draw(st.integers(0, len(pieces[hit]) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(pieces[hit])
    damaged[position] ^= change
    found, scan = found_in(b"".join([*pieces[:hit], damaged, *pieces[hit + 1 :]]))
    assert found == [told(each) for run, each in enumerate(journal) if run != hit]
    is_last = hit == len(pieces) - 1
    assert (scan.damaged, scan.rest) == ((0, len(damaged)) if is_last else (len(damaged), 0))


def test_a_reader_goes_on_where_it_stopped(tmp_path):
    writer = SegmentWriter(tmp_path)
    (path,) = segment_paths(tmp_path)
    reader = SegmentReader(path)
    for run in range(3):
        writer.append(encode(Kind.DATA, [b"data"], run=run))
        writer.sync()
        assert [each.run for each in reader.frames()] == [run]
    writer.close()
    with open(path, "ab") as file:
        file.write(b"".join(encode(Kind.DATA, [b"data"], run=3))[:-1])
    assert list(reader.frames()) == []
    assert reader.rest > 0
    with open(path, "ab") as file:
        file.write(b"a")
    assert [each.run for each in reader.frames()] == [3]


def test_another_file_is_none(tmp_path):
    path = tmp_path / "other.rcnt"
    path.write_bytes(b"x" * 2 * len(SIGNATURE))
    with pytest.raises(StorageFormatError, match=r"other\.rcnt is no segment"):
        list(SegmentReader(str(path)).frames())
