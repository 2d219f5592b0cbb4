"""Shared data that the runs of an environment write, and read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pypet import (
    Environment,
    SharedArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    StorageContextManager,
    load_trajectory,
    make_ordinary_result,
)


def work(traj):
    """Write one element, one row and one line, alternating with what is stored otherwise."""
    idx = traj.v_idx
    traj.f_add_result("before", idx)
    traj.f_store_item("before")
    shared = traj.f_get("results.shared")
    with StorageContextManager(traj):
        shared.array[idx] = traj.x
        row = shared.table.row
        row["idx"] = idx
        row["x"] = traj.x
        row.append()
        shared.table.flush()
    shared.frame.append(pd.DataFrame({"x": [traj.x]}, index=[idx]))
    assert shared.table.read()["x"].tolist() == traj.f_get("parameters.x").f_get_range()[: idx + 1]
    traj.f_add_result("after", float(shared.array.read().sum()))
    return idx


@pytest.fixture
def traj(tmp_path):
    with Environment(
        trajectory="runs", filename=str(tmp_path / "runs.hdf5"), log_config=None, add_time=False
    ) as environment:
        traj = environment.traj
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [5, 6, 7, 8]})
        traj.f_store(only_init=True)
        result = traj.f_add_result(
            SharedResult,
            "shared",
            array=SharedArray(),
            table=SharedTable(),
            frame=SharedPandasFrame(),
        )
        result.create_shared_data("array", obj=np.zeros(4))
        result.create_shared_data("table", obj=np.zeros(0, dtype=[("idx", int), ("x", int)]))
        environment.run(work)
    return traj


def test_every_run_leaves_its_part(traj):
    shared = traj.f_get("results.shared")
    assert not traj.v_storage_service.is_open
    assert shared.array.read().tolist() == [5.0, 6.0, 7.0, 8.0]
    assert shared.table.read().tolist() == [(0, 5), (1, 6), (2, 7), (3, 8)]
    assert shared.frame.read()["x"].tolist() == [5, 6, 7, 8]


def test_what_is_stored_meanwhile_is_whole(traj):
    filename = traj.v_storage_service.filename
    loaded = load_trajectory("runs", filename=filename, load_data=2)
    assert loaded.f_is_completed()
    found = [loaded.f_get(f"results.runs.run_{idx:08}.after").f_get() for idx in range(4)]
    assert found == [5.0, 11.0, 18.0, 26.0]
    shared = loaded.f_get("results.shared")
    for name in ("array", "table", "frame"):
        make_ordinary_result(shared, name)
    assert shared.array.tolist() == [5.0, 6.0, 7.0, 8.0]
    assert shared.frame["x"].tolist() == [5, 6, 7, 8]
