"""Tab completion: names in memory and in the storage, whatever state that is in."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from pypet import Result, Trajectory, load_trajectory
from pypet.tree.completion import MOST_NAMES

SERVICES = ["memory", "hdf5"]


@pytest.fixture(params=SERVICES)
def stored(request, tmp_path):
    """A stored trajectory, and one of which nothing is loaded."""
    if request.param == "hdf5":
        pytest.importorskip("h5py")
        traj = Trajectory("t", filename=str(tmp_path / "t.hdf5"))
    else:
        traj = Trajectory("t", storage_service="memory")
    traj.f_add_parameter("neuron.tau", 1.0)
    traj.f_add_result("deep.z", 2.0)
    traj.f_add_link("results.to", traj.f_get("tau"))
    traj.f_get("deep").v_annotations.note = object()
    traj.f_store()
    empty = load_trajectory(
        "t", storage_service=traj.v_storage_service, load_parameters=0, load_results=0
    )
    return traj, empty


def names(group):
    return [name for name in dir(group) if not name.startswith(("_", "f_", "v_"))]


def test_stored_names_are_suggested(stored):
    _, traj = stored
    assert {"parameters", "results"} <= set(dir(traj))
    assert {"parameters", "results"} <= set(traj._ipython_key_completions_())
    assert "overview" not in dir(traj)
    traj.f_load_child("results", load_data=1)
    assert {"deep", "to"} <= set(dir(traj.results))
    assert "deep" in traj.results._ipython_key_completions_()


def test_suggesting_makes_no_nodes(stored):
    _, traj = stored
    before = dict(traj.f_get_children())
    dir(traj)
    traj._ipython_key_completions_()
    assert traj.f_get_children() == before


def test_names_in_memory_come_with_their_paths(stored):
    traj, _ = stored
    keys = traj._ipython_key_completions_()
    assert {"parameters", "parameters.neuron", "parameters.neuron.tau"} <= set(keys)
    assert "results.to" in keys
    assert traj["parameters.neuron.tau"] == 1.0
    assert traj.neuron._ipython_key_completions_() == ["tau"]


def test_items_of_results_are_suggested():
    result = Result("results.r", a=1, b=np.zeros(3))
    assert result._ipython_key_completions_() == ["a", "b"]


def test_many_stored_names_are_bounded(stored):
    traj, empty = stored
    for number in range(MOST_NAMES + 50):
        traj.f_add_result(f"many.r{number}", number)
    traj.f_store(only_init=True)
    traj.f_store_items([traj.f_get(f"many.r{number}") for number in range(MOST_NAMES + 50)])
    empty.f_load_child("results.many", load_data=1)
    empty_group = empty.f_get("results.many")
    assert empty_group.f_children() == 0
    for group in (empty_group, traj.f_get("many")):
        found = [name for name in dir(group) if name.startswith("r") and name[1:].isdigit()]
        assert len(found) == MOST_NAMES
        assert len(group._ipython_key_completions_()) == MOST_NAMES


def test_a_run_asks_no_storage(stored, monkeypatch):
    _, traj = stored
    traj.f_set_crun(0)
    traj._is_run = True
    assert "results" not in dir(traj)


def test_a_trajectory_that_was_never_stored(tmp_path):
    traj = Trajectory("new", storage_service="memory")
    traj.f_add_parameter("x", 1)
    assert "parameters" in dir(traj)
    assert "parameters" in traj._ipython_key_completions_()


class Failing:
    """A service of a user whose every method fails, also the one that is asked for names."""

    def __getattr__(self, name):
        raise OSError(name)

    def load(self, *args, **kwargs):
        raise OSError


def test_completion_never_fails(stored):
    _, traj = stored
    traj.v_storage_service = Failing()
    assert "f_get" in dir(traj)
    assert traj._ipython_key_completions_() == [
        name for name in traj._ipython_key_completions_() if name.startswith("config")
    ]


def test_a_file_that_is_gone_or_no_file(tmp_path):
    pytest.importorskip("h5py")
    traj = Trajectory("t", filename=str(tmp_path / "t.hdf5"))
    traj.f_add_parameter("x", 1)
    traj.f_store()
    os.remove(tmp_path / "t.hdf5")
    assert "parameters" in dir(traj)
    (tmp_path / "t.hdf5").write_bytes(b"no HDF5 file at all")
    assert "parameters" in dir(traj)


def test_a_file_that_another_process_changes_is_not_waited_for(tmp_path):
    pytest.importorskip("h5py")
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "t.hdf5"
    traj = Trajectory("t", filename=str(path))
    traj.f_add_parameter("x", 1)
    traj.f_store()
    empty = load_trajectory(filename=str(path), load_parameters=0)
    descriptor = os.open(path, os.O_RDWR)
    try:
        # Locks of open files are also between two descriptors of one process.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        dir(empty)
    finally:
        os.close(descriptor)
    assert "parameters" in dir(empty)


def test_kernels_of_jupyter_load_the_debugger_without_debugging(monkeypatch):
    traj = Trajectory("t")
    traj.f_add_result("z", 1)
    monkeypatch.setitem(sys.modules, "pydevd", object())
    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    assert "z" not in dir(traj.results)
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", object())
    assert "z" in dir(traj.results)
