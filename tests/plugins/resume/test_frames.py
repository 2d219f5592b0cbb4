"""Frames: whatever happens to a segment, whole frames are read and never wrong ones."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet.plugins.resume.journal.frames import HEADER_BYTES, Kind, Scan, encode

FRAME = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(list(Kind)),
        "parts": st.lists(st.binary(max_size=40), max_size=3),
        "flags": st.integers(0, 255),
        "run": st.integers(-1, 2**40),
        "started": st.floats(allow_nan=False),
        "finished": st.floats(allow_nan=False),
        "earlier": st.integers(0, 2**40),
    }
)
FRAMES = st.lists(FRAME, min_size=1, max_size=6)


def encoded(frame):
    return b"".join(encode(**frame))


def scanned(content, position=0):
    """Return what is read of frames, where they are, and the scan."""
    scan = Scan(memoryview(content), position)
    frames = []
    for frame in scan:
        fields = frame._asdict()
        fields["parts"] = [bytes(fields.pop("payload"))]
        place = fields.pop("position"), fields.pop("end")
        frames.append((fields, place))
    return frames, scan


def plain(frame):
    return {**frame, "parts": [b"".join(frame["parts"])]}


@given(FRAMES, st.integers(0, 1000))
def test_frames_are_read_as_they_were_written(frames, position):
    content = b"".join(map(encoded, frames))
    found, scan = scanned(content, position)
    assert [fields for fields, _ in found] == list(map(plain, frames))
    ends = [end for _, (_, end) in found]
    assert [start for _, (start, _) in found] == [position, *ends[:-1]]
    assert (scan.end, scan.damaged, scan.rest) == (position + len(content), 0, 0)


@given(FRAMES, st.data())
def test_what_is_cut_off_anywhere_is_a_prefix(frames, data):
    content = b"".join(map(encoded, frames))
    cut = data.draw(st.integers(0, len(content)))
    found, scan = scanned(content[:cut])
    whole = [end for _, (_, end) in scanned(content)[0] if end <= cut]
    assert [fields for fields, _ in found] == list(map(plain, frames))[: len(whole)]
    assert scan.end == (whole[-1] if whole else 0)
    assert scan.rest == cut - scan.end


def test_every_cut_of_some_frames_is_a_prefix():
    frames = [encode(Kind.DATA, [bytes([number]) * number], run=number) for number in range(4)]
    content = b"".join(part for frame in frames for part in frame)
    for cut in range(len(content)):
        runs = [fields["run"] for fields, _ in scanned(content[:cut])[0]]
        assert runs == list(range(len(runs)))


@given(FRAMES, st.data())
def test_a_changed_byte_costs_its_own_frame_only(frames, data):
    content = bytearray(b"".join(map(encoded, frames)))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    intact = [
        plain(frame)
        for frame, (_, (start, end)) in zip(
            frames, scanned(b"".join(map(encoded, frames)))[0], strict=True
        )
        if not start <= place < end
    ]
    found, scan = scanned(content)
    assert [fields for fields, _ in found] == intact
    assert scan.damaged + scan.rest > 0


@given(st.binary(max_size=30).filter(lambda junk: b"\xf1" not in junk), FRAMES)
def test_rubbish_between_frames_is_skipped(junk, frames):
    content = junk.join(map(encoded, frames))
    found, scan = scanned(content)
    assert [fields for fields, _ in found] == list(map(plain, frames))
    assert scan.damaged == len(junk) * (len(frames) - 1)


@given(st.binary(max_size=300))
def test_rubbish_has_no_frames(content):
    assert scanned(content)[0] == []


def test_a_payload_that_looks_like_a_frame_is_not_one():
    inner = encoded({"kind": Kind.COMMIT, "run": 5})
    content = encoded({"kind": Kind.DATA, "parts": [inner], "run": 1})
    found, _ = scanned(content)
    assert [fields["run"] for fields, _ in found] == [1]


@pytest.mark.parametrize("length", [0, 1, 5000])
def test_the_length_of_a_header_is_fixed(length):
    parts = encode(Kind.DATA, [b"a" * length])
    assert len(parts[0]) == HEADER_BYTES
    assert zlib.crc32(b"a" * length).to_bytes(4, "little") in parts[0]
