"""The result that holds handles, and the place of a handle."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from pypet import (
    DataNotInStorageError,
    KnowsTrajectory,
    NoSuchServiceError,
    Result,
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    SharedVLArray,
    StorageContextManager,
    Trajectory,
    load_trajectory,
)
from pypet.shareddata import SharedData


def test_handles_are_told_their_place(traj):
    handle = SharedArray()
    result = traj.f_add_result(SharedResult, "group.arr", handle)
    assert (handle.name, handle.parent, handle.traj) == ("arr", result, traj)
    assert result.v_traj is traj
    assert traj.group.arr is handle
    assert isinstance(result, KnowsTrajectory)


def test_ordinary_items_are_left_alone(traj):
    series = pd.Series([1, 2], name="mine")
    frame = pd.DataFrame({"name": [1], "traj": [2], "parent": [3]})
    result = traj.f_add_result(SharedResult, "x", series=series, frame=frame, number=5)
    assert result.series.name == "mine"
    assert result.frame.to_numpy().tolist() == [[1, 2, 3]]
    traj.f_store()
    loaded = load_trajectory("shared", filename=traj.v_storage_service.filename, load_data=2)
    assert loaded.results.x.f_get("number") == 5
    assert loaded.results.x.frame.to_numpy().tolist() == [[1, 2, 3]]


def test_only_shared_results_take_handles(traj):
    with pytest.raises(TypeError, match="does not support"):
        Result("x", SharedArray())

    class Mine(SharedArray):
        pass

    with pytest.raises(TypeError, match="does not support"):
        traj.f_add_result(SharedResult, "x", Mine())


def test_a_handle_can_be_made_in_its_place(traj):
    result = traj.f_add_result(SharedResult, "x")
    handle = SharedArray("y", result, traj, add_to_parent=True)
    assert result["y"] is handle
    handle.create_shared_data(obj=np.arange(3))
    assert result.y.read().tolist() == [0, 1, 2]


def test_creation_can_give_the_place(traj):
    result = traj.f_add_result(SharedResult, "x")
    handle = SharedArray()
    handle.create_shared_data(name="y", parent=result, trajectory=traj, data=np.arange(3))
    assert result["y"] is handle
    assert handle.read().tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="not as both"):
        handle.create_shared_data(data=1, obj=1)


def test_the_result_creates_the_data_of_its_handles(traj):
    result = traj.f_add_result(SharedResult, "x", a=SharedArray(), b=SharedArray(), c=3)
    result.create_shared_data("a", obj=np.arange(3))
    result.create_shared_data(name="b", obj=np.arange(4))
    assert (len(result.a), len(result.b)) == (3, 4)
    with pytest.raises(TypeError, match="no handle"):
        result.create_shared_data("c", obj=1)
    with pytest.raises(ValueError, match="specify one of"):
        result.create_shared_data(obj=1)


def test_a_handle_without_place_cannot_be_accessed(traj):
    with pytest.raises(TypeError, match="no trajectory and no parent and no name"):
        SharedArray().read()
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    result.create_shared_data(obj=np.arange(3))
    old = result.x
    result.x = SharedArray()
    with pytest.raises(TypeError, match="does not hold this handle"):
        old.read()
    assert result.x.read().tolist() == [0, 1, 2]


def test_the_trajectory_must_be_stored_first(tmp_path):
    traj = Trajectory("new", filename=str(tmp_path / "new.hdf5"))
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    with pytest.raises(TypeError, match="never stored"):
        result.create_shared_data(obj=np.arange(3))
    traj.f_store(only_init=True)
    result.create_shared_data(obj=np.arange(3))
    assert result.v_stored


def test_data_that_was_never_created_is_not_in_the_storage(traj, store):
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    with pytest.raises(DataNotInStorageError, match="create_shared_data"):
        result.x.read()


def test_the_node_itself_needs_an_open_store(traj):
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    result.create_shared_data(obj=np.arange(3))
    with pytest.warns(RuntimeWarning, match="closed"):
        node = result.x.get_data_node()
    assert not node._v_isopen
    with warnings.catch_warnings(), StorageContextManager(traj):
        warnings.simplefilter("error")
        assert result.x.get_data_node()[:].tolist() == [0, 1, 2]


def test_storing_and_loading_leave_shared_data_alone(traj):
    result = traj.f_add_result(SharedResult, "x", shared=SharedCArray(), plain=1)
    result.create_shared_data("shared", obj=np.arange(3))
    result.shared[0] = 7
    traj.f_store(store_data=3)
    assert result.shared.read().tolist() == [7, 1, 2]
    traj.f_load_item(result, load_data=3)
    assert type(result.shared) is SharedCArray
    assert result.shared.read().tolist() == [7, 1, 2]
    assert result.plain == 1
    traj.f_load_item(result, load_only="shared")
    assert list(result.f_to_dict()) == ["shared"]


def test_all_handles_come_back(traj):
    handles = {
        "array": SharedArray(),
        "carray": SharedCArray(),
        "earray": SharedEArray(),
        "vlarray": SharedVLArray(),
        "table": SharedTable(),
        "frame": SharedPandasFrame(),
    }
    result = traj.f_add_result(SharedResult, "x", **handles)
    for name in ("array", "carray", "earray", "vlarray"):
        result.create_shared_data(name, obj=np.arange(3))
    result.create_shared_data("table", first_row={"a": 1})
    result.create_shared_data("frame", obj=pd.DataFrame({"a": [1]}))
    loaded = load_trajectory("shared", filename=traj.v_storage_service.filename, load_data=2)
    found = loaded.results.x
    assert found.v_traj is loaded
    for name, handle in handles.items():
        assert type(found[name]) is type(handle)
        assert found[name].parent is found
        assert found[name].traj is loaded
    assert found.array.read().tolist() == [0, 1, 2]
    assert found.frame.read()["a"].tolist() == [1]


def test_handles_stay_in_their_place_when_pickled(traj):
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    result.create_shared_data(obj=np.arange(3))
    twin = pickle.loads(pickle.dumps(traj))
    handle = twin.results.x
    assert isinstance(handle, SharedData)
    assert handle.traj is twin
    assert handle.parent is twin.f_get("results.x")
    assert handle.read().tolist() == [0, 1, 2]


def test_every_run_writes_its_row(traj):
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    result = traj.f_add_result(SharedResult, "rows", SharedEArray())
    result.create_shared_data(obj=np.zeros((1, 2)))
    for name in traj.f_iter_runs():
        traj.rows.append(np.array([[traj.x, traj.v_idx]]))
        assert traj.rows[-1].tolist() == [traj.x, traj.v_idx], name
    assert traj.rows.read().tolist() == [[0, 0], [1, 0], [2, 1], [3, 2]]


def test_a_service_without_shared_data_refuses_it():
    traj = Trajectory("mem", storage_service="memory")
    traj.f_store(only_init=True)
    result = traj.f_add_result(SharedResult, "x", SharedArray())
    with pytest.raises(NoSuchServiceError, match="keeps no shared data"):
        result.create_shared_data(obj=np.arange(3))


def test_a_service_that_gives_nothing_back_refuses_it(traj):
    class Sender:
        supports_loading = False
        is_open = False

    result = traj.f_add_result(SharedResult, "x", SharedArray())
    result.create_shared_data(obj=np.arange(3))
    traj.v_storage_service = Sender()
    with pytest.raises(NoSuchServiceError, match="gets none back"):
        result.x.read()
    traj.v_storage_service = None
    with pytest.raises(NoSuchServiceError, match="no storage service"):
        result.x.read()
