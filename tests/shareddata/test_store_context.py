"""Keeping the store open, and switching between PyTables and h5py on the same file."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pypet import SharedArray, SharedResult, StorageContextManager, load_trajectory


@pytest.fixture
def handle(traj):
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    result.create_shared_data(obj=np.arange(3))
    return result.x


def test_the_store_is_open_within_the_block(traj):
    service = traj.v_storage_service
    with StorageContextManager(traj) as manager:
        assert type(manager) is StorageContextManager
        assert service.is_open
        manager.flush_store()
        manager.f_flush_store()
    assert not service.is_open


def test_contexts_do_not_nest_and_the_outer_one_stays_open(traj):
    with StorageContextManager(traj):
        with pytest.raises(RuntimeError, match="open already"), StorageContextManager(traj):
            pytest.fail("the inner block ran")
        assert traj.v_storage_service.is_open
    assert not traj.v_storage_service.is_open


def test_a_closed_store_cannot_be_closed_or_flushed(traj):
    manager = StorageContextManager(traj)
    for method in (manager.close_store, manager.f_close_store, manager.flush_store):
        with pytest.raises(RuntimeError, match="no open store"):
            method()
    manager.f_open_store()
    manager.f_close_store()
    assert not traj.v_storage_service.is_open


def test_errors_of_the_block_come_through_and_close_the_store(traj):
    with pytest.raises(KeyError, match="mine"), StorageContextManager(traj):
        raise KeyError("mine")
    assert not traj.v_storage_service.is_open


def test_errors_of_closing_are_raised_only_if_the_block_succeeded(traj, caplog):
    with pytest.raises(RuntimeError, match="no open store"), StorageContextManager(traj) as manager:
        manager.close_store()

    def fail():
        with StorageContextManager(traj) as manager:
            manager.close_store()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert caplog.text.count("could not be closed") == 2


def test_accesses_keep_the_node_open_until_something_is_stored(traj, handle):
    with StorageContextManager(traj):
        node = handle.get_data_node()
        handle[0] = 5
        assert handle.get_data_node() is node
        traj.f_add_result("other", 1)
        traj.f_store()
        assert not node._v_isopen
        assert handle.read().tolist() == [5, 1, 2]
    loaded = load_trajectory("shared", filename=traj.v_storage_service.filename, load_data=2)
    assert loaded.other == 1
    assert loaded.results.x.read().tolist() == [5, 1, 2]


def test_a_node_that_somebody_closed_is_no_hindrance(traj, handle):
    with StorageContextManager(traj):
        handle.get_data_node()._v_file.close()
        assert handle.read().tolist() == [0, 1, 2]


def test_within_runs_a_store_that_is_open_anyway_stays_open(traj, handle):
    service = traj.v_storage_service
    with service.kept_open("shared"):
        for value in (7, 8):
            with StorageContextManager(traj):
                handle[0] = value
                with pytest.raises(RuntimeError), StorageContextManager(traj):
                    pytest.fail("the inner block ran")
            assert service.is_open
    assert not service.is_open
    assert handle[0] == 8


def test_reading_changes_nothing_in_the_file(traj, handle):
    path = traj.v_storage_service.filename
    os.chmod(path, 0o444)
    before = os.stat(path).st_mtime_ns
    assert handle.read().tolist() == [0, 1, 2]
    assert len(handle) == 3
    assert os.stat(path).st_mtime_ns == before


def test_forked_children_do_not_inherit_the_open_file(traj, handle):
    with StorageContextManager(traj):
        handle[0] = 5
        child = os.fork()
        if not child:
            os._exit(3 if traj.v_storage_service.is_open else 0)
        assert os.waitpid(child, 0)[1] == 0
        assert handle[0] == 5


def test_a_missing_file_is_reported(traj, handle):
    os.remove(traj.v_storage_service.filename)
    for use in (handle.read, lambda: handle.__setitem__(0, 1)):
        with pytest.raises(ValueError, match="There is no file"):
            use()
    assert not os.path.exists(traj.v_storage_service.filename)
