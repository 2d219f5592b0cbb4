"""Large arrays go from workers to the writer through memory that both share."""

from __future__ import annotations

import os
import socket
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import Environment, load_trajectory
from pypet.wrap_modes.queue.shelf import (
    IS_POSSIBLE,
    LEAST_BYTES,
    LEAST_ROOM,
    MESSAGES,
    Shelf,
    Shelved,
)

if not IS_POSSIBLE:
    pytest.skip("the platform has no files that are in memory only", allow_module_level=True)

LARGE = LEAST_ROOM // MESSAGES
"""So many bytes that the smallest memory has room for `MESSAGES` of them."""
pytestmark = pytest.mark.timeout(60)


def content(number, size):
    return np.random.default_rng(number).bytes(size)


class Reader:
    """Takes what is placed on a shelf, and keeps the newest messages for a while."""

    def __init__(self, kept):
        self.ours, theirs = socket.socketpair()
        self.shelf = Shelf(self.ours)
        self._theirs = theirs
        self._shelved = Shelved(theirs)
        self._kept = kept
        self._held = []
        self.read = []

    def put(self, buffers):
        placed = self.shelf.put(buffers)
        if placed is None:
            return False
        if placed.descriptor is None:
            self.ours.sendall(b"m")
        else:
            socket.send_fds(self.ours, [b"m"], [placed.descriptor])
        self._shelved.receive_into(memoryview(bytearray(1)))
        self._held.append(self._shelved.buffers(memoryview(placed.places)))
        while len(self._held) > self._kept:
            self.release()
        return True

    def release(self):
        self.read.append([bytes(buffer) for buffer in self._held.pop(0)])
        self._shelved.release()

    def close(self):
        while self._held:
            self.release()
        self._shelved.close()
        self.ours.close()
        self._theirs.close()


sizes = st.lists(st.integers(0, 3 * LEAST_BYTES), min_size=1, max_size=3)


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
            assert sum(message) < LEAST_BYTES
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
    sizes = [LEAST_BYTES, 3 * LEAST_ROOM, LEAST_BYTES]
    for number, size in enumerate(sizes):
        assert reader.put([content(number, size)])
    reader.close()
    assert [len(message[0]) for message in reader.read] == sizes


def test_who_waits_for_a_writer_that_has_gone_is_told():
    reader = Reader(kept=9)
    for number in range(MESSAGES):
        reader.put([content(number, LARGE)])
    reader._theirs.close()
    with pytest.raises(ConnectionError):
        reader.shelf.put([content(MESSAGES, LARGE)])
    reader.close()


def test_without_such_memory_buffers_are_sent(monkeypatch):
    def fail(*args):
        raise OSError("no descriptors are left")

    monkeypatch.setattr(os, "memfd_create", fail)
    reader = Reader(kept=0)
    assert not reader.put([content(0, LEAST_BYTES)])
    reader.close()


def store_arrays(traj):
    """Store arrays below and above the size from which memory is shared, ever larger ones."""
    for number, length in enumerate((10, 5_000, 100_000, 300_000 * (1 + traj.v_idx))):
        rng = np.random.default_rng([traj.v_idx, number])
        traj.f_add_result(f"z{number}", rng.standard_normal(length), rng.integers(0, 3, length))
        traj.f_store_item(f"z{number}")


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
