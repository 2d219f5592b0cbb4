"""Large arrays go from workers to the writer through memory that both share."""

from __future__ import annotations

import os
import pickle
import socket
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import Environment, Result, load_trajectory
from pypet import pypetconstants as constants
from pypet.interfaces import StorageService
from pypet.wrap_modes.queue.ring_buffer import (
    IS_POSSIBLE,
    MESSAGES,
    MIN_BYTES,
    MIN_CAPACITY,
    RingBufferReader,
    RingBufferWriter,
)

if not IS_POSSIBLE:
    pytest.skip("the platform has no files that are in memory only", allow_module_level=True)

LARGE = MIN_CAPACITY // MESSAGES
"""So many bytes that the smallest memory has room for `MESSAGES` of them."""


def content(number, size):
    return np.random.default_rng(number).bytes(size)


class Reader:
    """Takes what is placed in a ring buffer, and keeps the newest messages for a while."""

    def __init__(self, kept):
        self.ours, theirs = socket.socketpair()
        self.ring_buffer = RingBufferWriter(self.ours)
        self._theirs = theirs
        self._ring_buffer = RingBufferReader(theirs)
        self._kept = kept
        self._held = []
        self.read = []

    def put(self, buffers):
        placement = self.ring_buffer.put(buffers)
        if placement is None:
            return False
        if placement.descriptor is None:
            self.ours.sendall(b"m")
        else:
            socket.send_fds(self.ours, [b"m"], [placement.descriptor])
        self._ring_buffer.receive_into(memoryview(bytearray(1)))
        self._held.append(self._ring_buffer.buffers(memoryview(placement.places)))
        while len(self._held) > self._kept:
            self.release()
        return True

    def release(self):
        buffers, release = self._held.pop(0)
        self.read.append([bytes(buffer) for buffer in buffers])
        del buffers
        release()

    def close(self):
        while self._held:
            self.release()
        self._ring_buffer.close()
        self.ours.close()
        self._theirs.close()


sizes = st.lists(st.integers(0, 3 * MIN_BYTES), min_size=1, max_size=3)


@settings(max_examples=30, deadline=None)
@given(messages=st.lists(sizes, max_size=20), kept=st.integers(0, 2))
def test_buffers_arrive_as_they_were_and_stay_so_until_they_are_released(messages, kept):
    reader = Reader(kept)
    expected = []
    for number, message in enumerate(messages):
        buffers = [content(number, size) for size in message]
        if reader.put(buffers):
            expected.append(buffers)
        else:
            assert sum(message) < MIN_BYTES
    reader.close()
    assert reader.read == expected


def test_who_finds_no_room_waits_until_something_is_released():
    reader = Reader(kept=MESSAGES)
    for number in range(MESSAGES):
        reader.put([content(number, LARGE)])
    released = threading.Event()

    def release():
        released.wait()
        reader.release()

    thread = threading.Thread(target=release)
    thread.start()
    waiter = threading.Thread(target=reader.put, args=([content(MESSAGES, LARGE)],))
    waiter.start()
    waiter.join(0.2)
    assert waiter.is_alive()
    released.set()
    thread.join()
    waiter.join()
    reader.close()
    assert reader.read == [[content(number, LARGE)] for number in range(MESSAGES + 1)]


def test_larger_messages_get_more_memory():
    reader = Reader(kept=0)
    sizes = [MIN_BYTES, 3 * MIN_CAPACITY, MIN_BYTES]
    for number, size in enumerate(sizes):
        assert reader.put([content(number, size)])
    reader.close()
    assert [len(message[0]) for message in reader.read] == sizes


def test_waiting_for_a_writer_that_is_gone_raises():
    reader = Reader(kept=9)
    for number in range(MESSAGES):
        reader.put([content(number, LARGE)])
    reader._theirs.close()
    with pytest.raises(ConnectionError):
        reader.ring_buffer.put([content(MESSAGES, LARGE)])
    reader.close()


def test_what_somebody_keeps_is_never_overwritten():
    reader = Reader(kept=0)
    kept = []
    for number in range(3 * MESSAGES):
        reader._kept = 1
        reader.put([content(number, LARGE)])
        kept.append(np.frombuffer(reader._held[0][0][0], np.uint8)[::2])
        reader._kept = 0
        reader.release()
    reader.close()
    for number, array in enumerate(kept):
        assert array.tobytes() == content(number, LARGE)[::2]


def test_many_answers_that_nobody_reads_are_not_lost():
    reader = Reader(kept=0)
    large = bytes(600 * MIN_BYTES)
    small = bytes(MIN_BYTES)
    assert reader.put([large])
    for _ in range(600):
        assert reader.put([small])
    assert reader.put([large])
    reader.close()


def test_a_writer_that_cannot_open_the_memory_gets_what_comes_next_through_the_connection(
    monkeypatch,
):
    def fail(*args):
        raise OSError("there is no memory")

    reader = Reader(kept=0)
    with monkeypatch.context() as patch:
        patch.setattr("mmap.mmap", fail)
        with pytest.raises(OSError, match="no memory"):
            reader.put([content(0, MIN_BYTES)])
    with pytest.raises(OSError, match="could not be opened"):
        reader.put([content(1, MIN_BYTES)])
    reader._ring_buffer.refuse()
    assert not reader.put([content(2, MIN_BYTES)])
    reader.close()


def test_without_such_memory_buffers_are_sent(monkeypatch):
    def fail(*args):
        raise OSError("no descriptors are left")

    monkeypatch.setattr(os, "memfd_create", fail)
    reader = Reader(kept=0)
    assert not reader.put([content(0, MIN_BYTES)])
    reader.close()


def store_arrays(traj):
    """Store arrays below and above the size from which memory is shared, ever larger ones."""
    for number, length in enumerate((10, 5_000, 100_000, 300_000 * (1 + traj.v_idx))):
        rng = np.random.default_rng([traj.v_idx, number])
        traj.f_add_result(f"z{number}", rng.standard_normal(length), rng.integers(0, 3, length))
        traj.f_store_item(f"z{number}")


class Gathering(StorageService):
    """Keeps what was stored during runs, and writes it all when something is stored."""

    def __init__(self, filename):
        self.filename = filename
        self.kept = []

    def store(self, msg, stuff_to_store, *args, **kwargs):
        if msg == constants.LIST:
            self.kept += [node for _, node, *_ in stuff_to_store if isinstance(node, Result)]
        if self.kept:
            values = [(node.v_full_name, node.f_get(0)) for node in self.kept]
            with open(self.filename, "wb") as stream:
                pickle.dump(values, stream)

    def load(self, msg, stuff_to_load, *args, **kwargs):
        raise NotImplementedError


def store_constants(traj):
    for number in range(4):
        traj.f_add_result(f"z{number}", np.full(LARGE // 8, traj.v_idx + number / 10))
        traj.f_store_item(f"z{number}")


def test_a_service_may_keep_what_it_was_given(tmp_path):
    with Environment(
        trajectory="t",
        storage_service=Gathering,
        filename=str(tmp_path / "kept"),
        multiproc=True,
        ncores=1,
        use_pool=True,
        wrap_mode="QUEUE",
        automatic_storing=False,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(3)})
        env.run(store_constants)
    kept = dict(pickle.loads((tmp_path / "kept").read_bytes()))
    assert len(kept) == 12
    for name, values in kept.items():
        run, number = name.split(".")[-2:]
        assert set(values) == {int(run[4:]) + int(number[1:]) / 10}


def store_noise(traj):
    traj.f_add_result("z", np.random.default_rng(traj.v_idx).standard_normal(LARGE // 8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writer has to inherit what is counted")
def test_memory_is_used_again_once_its_content_is_stored(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    opened = tmp_path / "opened"

    def opening(self, size):
        with opened.open("a") as stream:
            stream.write("x")
        return original(self, size)

    original = RingBufferReader._open
    monkeypatch.setattr(RingBufferReader, "_open", opening)
    with Environment(
        trajectory="t",
        filename=str(tmp_path / "runs.hdf5"),
        multiproc=True,
        ncores=1,
        use_pool=True,
        start_method="fork",
        wrap_mode="QUEUE",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(20)})
        env.run(store_noise)
    # One memory for the one worker, and perhaps larger ones while it learns how much it needs.
    assert 1 <= len(opened.read_text()) <= 5


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
@pytest.mark.parametrize("use_pool", [True, False])
def test_arrays_of_all_sizes_are_stored_whole(tmp_path, start_method, use_pool):
    pytest.importorskip("h5py")
    with Environment(
        trajectory="t",
        filename=str(tmp_path / "runs.hdf5"),
        multiproc=True,
        ncores=2,
        wrap_mode="QUEUE",
        use_pool=use_pool,
        start_method=start_method,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(6)})
        env.run(store_arrays)
    traj = load_trajectory(name="t", filename=str(tmp_path / "runs.hdf5"), load_data=2)
    for index in range(6):
        for number in range(4):
            rng = np.random.default_rng([index, number])
            result = traj.f_get(f"results.runs.run_{index:08d}.z{number}")
            floats = result.f_get(0)
            np.testing.assert_array_equal(floats, rng.standard_normal(len(floats)))
            np.testing.assert_array_equal(result.f_get(1), rng.integers(0, 3, len(floats)))
