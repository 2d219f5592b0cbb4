"""Threads that load from and store in one file at the same time."""

from __future__ import annotations

import os
import pickle
import threading
import time

import numpy as np
import pytest

from pypet import Result, SharedArray, SharedResult, Trajectory, load_trajectory
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.files.thread_locks import FileLock, exclusive, lock_of

SECONDS = 120
ROUNDS = 10
RESULTS = 8
NO_FORK = not hasattr(os, "fork")


def in_threads(*functions):
    """Call functions in a thread each, all at once, and raise the first error."""
    errors = []
    start = threading.Barrier(len(functions))

    def call(function):
        try:
            start.wait(SECONDS)
            function()
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=call, args=(function,), daemon=True) for function in functions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads), "some thread hangs"
    if errors:
        raise errors[0]


def add_results(traj, first=0):
    for number in range(first, first + RESULTS):
        values = np.arange(50) * number
        traj.f_add_result(f"group.r{number}", number, values=values, comment=f"comment {number}")


def check_results(traj, first=0):
    for number in range(first, first + RESULTS):
        result = traj.f_get(f"results.group.r{number}")
        assert result.f_get(0) == number
        assert result.v_comment == f"comment {number}"
        np.testing.assert_array_equal(result.values, np.arange(50) * number)


def stored(path, name="stored"):
    traj = Trajectory(name, filename=path, add_time=False)
    traj.f_add_parameter("x", 1)
    add_results(traj)
    traj.f_store()
    return traj


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.hdf5"


# ----- readers and writers -----------------------------------------------------------------------


@pytest.mark.parametrize("number", range(ROUNDS))
def test_readers_and_writers_do_not_disturb_each_other(path, number):
    shared = stored(path).v_storage_service

    def service():
        return shared if number % 2 else HDF5StorageService(filename=path)

    def read():
        for _ in range(3):
            check_results(load_trajectory("stored", storage_service=service(), load_data=2))

    def write(name):
        traj = Trajectory(name, storage_service=service(), add_time=False)
        traj.f_store()
        for step in range(2):
            add_results(traj, step * RESULTS)
            traj.f_store()
            own = load_trajectory(name, storage_service=service(), load_data=2)
            check_results(own, step * RESULTS)
        traj.f_delete_item("results.group.r0", remove_from_trajectory=True)

    in_threads(read, read, read, lambda: write("a"), lambda: write("b"))
    check_results(load_trajectory("a", filename=path, load_data=2), RESULTS)
    check_results(load_trajectory("b", filename=path, load_data=2), RESULTS)


def test_files_that_are_kept_open_can_be_read_meanwhile(path):
    traj = stored(path)

    def write():
        with traj.v_storage_service.kept_open("stored"):
            for step in range(1, 6):
                add_results(traj, step * RESULTS)
                traj.f_store()

    def read():
        for _ in range(5):
            check_results(load_trajectory("stored", filename=path, load_data=2))

    in_threads(write, read, read)
    for step in range(6):
        check_results(load_trajectory("stored", filename=path, load_data=2), step * RESULTS)


def test_frames_and_shared_data_of_two_files_do_not_disturb_each_other(tmp_path):
    import pandas as pd

    def work(name):
        traj = Trajectory(name, filename=tmp_path / f"{name}.hdf5", add_time=False)
        traj.f_store()
        shared = traj.f_add_result(SharedResult, "shared", array=SharedArray())
        traj.f_store()
        shared.array.create_shared_data(data=np.arange(5))
        for step in range(5):
            frame = pd.DataFrame({"a": [step, 2], "b": ["text", name]})
            traj.f_add_result(f"f{step}", frame=frame)
            traj.f_store()
            own = load_trajectory(name, filename=tmp_path / f"{name}.hdf5", load_data=2)
            pd.testing.assert_frame_equal(own.f_get(f"f{step}").frame, frame)
            np.testing.assert_array_equal(shared.array.read(), np.arange(5))

    in_threads(lambda: work("a"), lambda: work("b"))


def test_a_node_by_node_reader_lets_others_store_in_between(path):
    service = stored(path).v_storage_service
    records = service.read_nodes(
        "stored", "", recursive=True, max_depth=None, wants=lambda name: True
    )
    first = next(records)
    in_threads(lambda: stored(path, "other"))
    assert first.path == ""
    assert "results.group.r7" in [record.path for record in records]


# ----- two files at once -------------------------------------------------------------------------


def test_copies_between_two_files_in_both_directions_come_to_an_end(tmp_path):
    one, two = tmp_path / "one.hdf5", tmp_path / "two.hdf5"
    a, b = stored(one, "a"), stored(two, "b")
    in_threads(
        lambda: [a.f_backup(two), stored(one, "more")],
        lambda: [b.f_backup(one), stored(two, "more")],
    )
    for path in (one, two):
        for name in ("a", "b", "more"):
            check_results(load_trajectory(name, filename=path, load_data=2))


def test_merges_between_two_files_in_both_directions_come_to_an_end(tmp_path):
    def explored(file, name, values):
        traj = Trajectory(name, filename=tmp_path / file, add_time=False)
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": values})
        for index in range(2):
            traj.f_add_result(f"runs.run_{index:08d}.z", values[index])
        traj.f_store()
        return traj

    into_one, from_two = explored("one.hdf5", "a", [1, 2]), explored("two.hdf5", "b", [3, 4])
    into_two, from_one = explored("two.hdf5", "c", [1, 2]), explored("one.hdf5", "d", [3, 4])
    in_threads(
        lambda: into_one.f_merge(from_two, backup=False),
        lambda: into_two.f_merge(from_one, backup=False),
    )
    for traj in (into_one, into_two):
        merged = load_trajectory(traj.v_name, storage_service=traj.v_storage_service, load_data=2)
        found = [merged.f_get(f"results.runs.run_{index:08d}.z").z for index in range(4)]
        assert found == [1, 2, 3, 4]


class LoadingOther(Result):
    """Loads a trajectory of another file while it is loaded itself."""

    turn = threading.Barrier(2)

    def _load(self, load_dict):
        super()._load(load_dict)
        name, path = self.f_get("name"), self.f_get("path")
        LoadingOther.turn.wait(SECONDS)
        check_results(load_trajectory(name, filename=path, load_data=2))


def test_classes_that_load_other_files_come_to_an_end(tmp_path):
    paths = {name: str(tmp_path / f"{name}.hdf5") for name in ("one", "two")}
    for name, other in (("one", "two"), ("two", "one")):
        stored(paths[name], name)
        traj = Trajectory("crossing", filename=paths[name], add_time=False)
        traj.f_add_result(LoadingOther, "r", name=other, path=paths[other])
        traj.f_store()

    def load(name):
        load_trajectory(
            "crossing", filename=paths[name], load_data=2, dynamic_imports=[LoadingOther]
        )

    in_threads(lambda: load("one"), lambda: load("two"))


# ----- the lock ----------------------------------------------------------------------------------


def test_all_names_of_a_file_stand_for_one_lock(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert lock_of(tmp_path / "file") is lock_of(tmp_path / "link")
    assert lock_of(tmp_path / "file") is not lock_of(tmp_path / "other")


def test_a_lock_keeps_others_out_until_it_was_left_as_often_as_entered():
    lock, inside, order = FileLock("a"), threading.Event(), []

    def first():
        with lock:
            with lock:
                inside.set()
            time.sleep(0.05)
            order.append("first")

    def second():
        inside.wait(SECONDS)
        with lock:
            order.append("second")

    in_threads(first, second)
    assert order == ["first", "second"]
    assert not lock.is_mine


def test_locks_are_taken_in_one_order():
    one, two = FileLock("1"), FileLock("2")

    def work(*locks):
        for _ in range(200):
            with exclusive(*locks):
                assert one.is_mine
                assert two.is_mine

    in_threads(lambda: work(one, two), lambda: work(two, one))


def test_a_thread_that_would_wait_for_itself_goes_on():
    one, two, three = (FileLock(name) for name in "123")
    turn = threading.Barrier(3)

    def cross(mine, other):
        with mine:
            turn.wait(SECONDS)
            with other:
                pass

    in_threads(lambda: cross(one, two), lambda: cross(two, three), lambda: cross(three, one))
    assert not any(lock.is_mine for lock in (one, two, three))
    with exclusive(one, two, three):  # all are free again
        pass


@pytest.mark.skipif(NO_FORK, reason="this platform cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_while_a_thread_loads_can_use_the_file(path):
    stored(path)
    loading, forked = threading.Event(), threading.Event()

    class Slow(Result):
        def _load(self, load_dict):
            super()._load(load_dict)
            loading.set()
            forked.wait(SECONDS)

    traj = Trajectory("slow", filename=path, add_time=False)
    traj.f_add_result(Slow, "r", 1)
    traj.f_store()

    def load():
        load_trajectory("slow", filename=path, load_data=2, dynamic_imports=[Slow])

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    assert loading.wait(SECONDS)
    child = os.fork()
    if not child:
        try:
            check_results(load_trajectory("stored", filename=path, load_data=2))
        except BaseException:
            os._exit(1)
        os._exit(0)
    forked.set()
    thread.join(SECONDS)
    deadline = time.monotonic() + SECONDS
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    if not ended[0]:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert ended == (child, 0)


def test_services_of_one_file_share_its_lock(tmp_path):
    service = HDF5StorageService(tmp_path / "one.hdf5")
    assert pickle.loads(pickle.dumps(service)).file_lock is service.file_lock
    other = HDF5StorageService(tmp_path / "other.hdf5")
    assert other.file_lock is not service.file_lock
    other.filename = tmp_path / "one.hdf5"
    assert other.file_lock is service.file_lock
    rescue = next(service.rescue_services("any"))
    assert rescue.file_lock is lock_of(rescue.filename)
    assert rescue.file_lock is not service.file_lock
