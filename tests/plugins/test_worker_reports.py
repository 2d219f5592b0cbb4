"""Outcomes of any size reach the main process as they were."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.errors import RemoteRunError
from pypet.interfaces import Outcome
from pypet.plugins._workers import pipe_io
from pypet.plugins._workers.outcomes import LARGE_BYTES, deserialize, serialize, serialize_pieces

values = st.one_of(
    st.integers(),
    st.text(max_size=5),
    st.integers(0, 3 * LARGE_BYTES).map(lambda size: bytes(range(256)) * (size // 256)),
    st.integers(0, LARGE_BYTES).map(lambda size: np.arange(size)),
    st.dictionaries(st.text(max_size=3), st.binary(max_size=300), max_size=3),
)


def same(one, other):
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and one == other


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=3))
def test_several_reports_after_one_another_give_all_outcomes(batches):
    reports = [serialize([Outcome(0, value, 1.0, 2.0) for value in batch]) for batch in batches]
    found = [outcome.value for outcome in deserialize(memoryview(b"".join(reports)))]
    expected = [value for batch in batches for value in batch]
    assert len(found) == len(expected)
    assert all(map(same, found, expected))


def test_large_bytes_are_not_copied_when_they_are_serialized():
    large = bytes(10 * LARGE_BYTES)
    assert any(piece is large for piece in serialize_pieces([Outcome(0, large, 1.0, 2.0)]))


class Picky:
    """Is pickled as a buffer of any kind."""

    def __init__(self, content):
        self.content = content

    def __reduce__(self):
        return Picky, (pickle.PickleBuffer(self.content),)


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "value",
    [
        read_only(np.arange(LARGE_BYTES)),
        read_only(np.asfortranarray(np.ones((300, 300)))),
        np.broadcast_to(np.arange(3), (LARGE_BYTES, 3)),
        bytearray(LARGE_BYTES),
        Picky(read_only(np.arange(LARGE_BYTES))),
        Picky(bytearray(LARGE_BYTES)),
        "ü" * LARGE_BYTES,
    ],
)
def test_large_values_of_all_kinds_travel_in_pieces(value):
    pieces = serialize_pieces([Outcome(0, value, 1.0, 2.0)])
    reading, writing = multiprocessing.Pipe(duplex=False)
    thread = threading.Thread(target=pipe_io.send, args=(writing, pieces))
    thread.start()
    with reading, writing:
        (outcome,) = deserialize(pipe_io.receive(reading))
        thread.join()
    if isinstance(value, Picky):
        assert bytes(outcome.value.content) == bytes(value.content)
    else:
        assert np.array_equal(outcome.value, value)


def test_a_large_outcome_may_hold_what_does_not_travel():
    outcomes = [
        Outcome(0, bytes(2 * LARGE_BYTES), 1.0, 2.0),
        Outcome(1, lambda: None, 1.0, 2.0),
        Outcome(2, None, 1.0, 2.0, ValueError("of the run")),
    ]
    intact, changed, failed = deserialize(memoryview(serialize(outcomes)))
    assert intact.value == bytes(2 * LARGE_BYTES)
    assert isinstance(changed.error, RemoteRunError)
    assert isinstance(failed.error, ValueError)


@pytest.mark.parametrize("sizes", [[], [0], [1, 0, 7], [100] * 3000, [5_000_000, 3, 200_000]])
def test_reports_of_any_size_are_received_whole(sizes):
    reading, writing = multiprocessing.Pipe(duplex=False)
    pieces = [np.random.default_rng(number).bytes(size) for number, size in enumerate(sizes)]

    def send():
        pipe_io.send(writing, pieces)
        pipe_io.send(writing, [b"next"])

    thread = threading.Thread(target=send)
    thread.start()
    with reading, writing:
        assert bytes(pipe_io.receive(reading)) == b"".join(pieces)
        assert bytes(pipe_io.receive(reading)) == b"next"
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="messages are never sent in parts there")
@pytest.mark.parametrize("part", [0, 3, 8, 100])
def test_a_report_that_breaks_off_is_the_end(part):
    reading, writing = multiprocessing.Pipe(duplex=False)
    copy_reading, copy_writing = multiprocessing.Pipe(duplex=False)
    with reading, copy_reading:
        with writing, copy_writing:
            pipe_io.send(copy_writing, [bytes(1000)])
            os.write(writing.fileno(), os.read(copy_reading.fileno(), 1008)[:part])
        with pytest.raises(EOFError):
            pipe_io.receive(reading)
