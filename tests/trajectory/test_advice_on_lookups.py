"""What is said about names that lead nowhere, or to several nodes."""

from __future__ import annotations

import pytest

from pypet.errors import DataNotInStorageError, NotUniqueNodeError
from pypet.storageservice import LazyStorageService
from pypet.trajectory import Trajectory


def test_a_name_that_is_missing_in_memory_says_how_to_load_it():
    traj = Trajectory("t")
    with pytest.raises(AttributeError) as caught:
        traj.nope
    assert "load" not in str(caught.value)
    traj.v_storage_service = LazyStorageService()
    traj.f_store()
    with pytest.raises(AttributeError, match=r"load it first, .*v_auto_load = True"):
        traj.nope


def test_the_current_run_is_missed_if_no_run_is_set():
    traj = Trajectory("t")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    traj.f_add_result("runs.run_00000000.z", 1)
    with pytest.raises(AttributeError, match="no run is set"):
        traj.crun.z
    traj.v_idx = 0
    assert traj.crun.z == 1
    with pytest.raises(AttributeError) as caught:
        traj.crun.y
    assert "no run is set" not in str(caught.value)


def test_results_of_several_runs_say_how_to_choose_one():
    traj = Trajectory("t")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    traj.f_add_result("runs.run_00000000.z", 1)
    traj.f_add_result("runs.run_00000001.z", 2)
    with pytest.raises(NotUniqueNodeError, match=r"`crun.z` after `v_idx = 0`.*f_get_from_runs"):
        traj.z
    traj.f_add_result("a.y", 1)
    traj.f_add_result("b.y", 1)
    with pytest.raises(NotUniqueNodeError, match="Give more of the path"):
        traj.y


def test_the_current_run_is_missed_in_the_storage_too(tmp_path):
    pytest.importorskip("h5py")
    traj = Trajectory("t", filename=tmp_path / "t.hdf5")
    traj.f_store()
    traj.v_auto_load = True
    with pytest.raises(DataNotInStorageError) as caught:
        traj.crun.z
    assert "no run is set" in caught.value.__notes__[-1]
    with pytest.raises(DataNotInStorageError) as caught:
        traj.z
    assert "by its complete path only" in caught.value.__notes__[0]
