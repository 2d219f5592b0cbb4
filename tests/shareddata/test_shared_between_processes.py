"""Shared data under a lock, changed by several processes at once."""

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
)

RUNS = 12


def work(traj):
    """Change an array, a table and a frame that all runs share."""
    idx = traj.v_idx
    shared = traj.f_get("results.shared")
    with StorageContextManager(traj):
        shared.array[idx] = shared.array[idx] + traj.x
        row = shared.table.row
        row["idx"] = idx
        row.append()
        shared.table.flush()
    shared.frame.append(pd.DataFrame({"x": [traj.x]}, index=[idx]))
    traj.f_add_result("own", idx)
    return shared.table.nrows


@pytest.mark.parametrize("pool", [True, False], ids=["pool", "process"])
def test_nothing_that_a_process_wrote_is_lost(tmp_path, pool):
    env = Environment(
        "runs",
        filename=str(tmp_path / "runs.hdf5"),
        log_config=None,
        report_progress=False,
        multiproc=True,
        ncores=3,
        use_pool=pool,
        wrap_mode="LOCK",
    )
    traj = env.traj
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(100, 100 + RUNS))})
    result = traj.f_add_result(
        SharedResult,
        "shared",
        array=SharedArray(),
        table=SharedTable(),
        frame=SharedPandasFrame(),
    )
    traj.f_store()
    result.create_shared_data("array", obj=np.zeros(RUNS))
    result.create_shared_data("table", obj=np.zeros(0, dtype=[("idx", int)]))
    returned = [value for _, value in env.run(work)]
    assert len(returned) == RUNS
    assert max(returned) == RUNS
    shared = traj.f_get("results.shared")
    assert shared.array.read().tolist() == [100.0 + run for run in range(RUNS)]
    assert sorted(shared.table.col("idx").tolist()) == list(range(RUNS))
    frame = shared.frame.read().sort_index()
    assert frame["x"].tolist() == list(range(100, 100 + RUNS))
    assert traj.f_is_completed()
