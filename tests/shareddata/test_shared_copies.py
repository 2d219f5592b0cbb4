"""Shared data comes along when stored trajectories are merged, backed up and thinned out."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import (
    DataNotInStorageError,
    SharedArray,
    SharedResult,
    Trajectory,
    load_trajectory,
)


def run_of(folder, name, values):
    """Return a stored trajectory whose runs have an array of multiples of their value."""
    traj = Trajectory(name, filename=str(folder / f"{name}.hdf5"))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": values})
    traj.f_store(only_init=True)
    for _ in traj.f_iter_runs():
        result = traj.f_add_result(SharedResult, "$.multiples", SharedArray())
        result.create_shared_data(obj=np.arange(3) * traj.x)
    traj.f_store()
    return traj


def multiples(path, name):
    """Return the arrays of all runs as a fresh load finds them."""
    loaded = load_trajectory(name, filename=str(path), load_data=2)
    return [
        loaded.f_get(f"results.{run}.multiples").f_get().read().tolist()
        for run in loaded.f_get_run_names()
    ]


def test_merged_runs_bring_their_shared_data(tmp_path):
    traj, other = run_of(tmp_path, "a", [1, 2]), run_of(tmp_path, "b", [3])
    traj.f_merge(other, backup=False)
    assert multiples(tmp_path / "a.hdf5", "a") == [[0, 1, 2], [0, 2, 4], [0, 3, 6]]


def test_backups_have_the_shared_data(tmp_path):
    traj = run_of(tmp_path, "a", [1, 2])
    traj.f_backup()
    traj.f_get("results.run_00000000.multiples").f_get()[0] = 9
    assert multiples(tmp_path / "backup_a.hdf5", "a") == [[0, 1, 2], [0, 2, 4]]
    assert multiples(tmp_path / "a.hdf5", "a") == [[9, 1, 2], [0, 2, 4]]


def test_deleted_shared_data_can_be_created_anew(tmp_path):
    traj = run_of(tmp_path, "a", [1])
    result = traj.f_get("results.run_00000000.multiples")
    traj.f_delete_item(result, delete_only="multiples")
    with pytest.raises(DataNotInStorageError):
        result.multiples.read()
    result.create_shared_data(obj=np.arange(2))
    assert result.multiples.read().tolist() == [0, 1]
