"""What is sent to the disk early is as whole as what is sent at the end."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

from pypet import Environment, load_trajectory
from pypet.storage_backends.hdf5.files import file_handle, open_file
from pypet.support.tricks import is_on

RUNS = 20


def numbers(seed):
    return np.random.default_rng(seed).standard_normal(10_000)


def store_numbers(traj):
    traj.f_add_result("numbers", numbers(traj.seed))


@pytest.mark.skipif(not is_on("write_back"), reason="switched off by PYPET_PLAIN")
def test_everything_is_there_when_the_disk_begins_early(tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "LATE_BYTES", 100_000)
    begun = []
    begin = file_handle._sync_file_range
    if begin is not None:  # on Linux

        def note(*args):
            begun.append(begin(*args))

        monkeypatch.setattr(file_handle, "_sync_file_range", note)
    path = str(tmp_path / "early.hdf5")
    with Environment("early", filename=path, complevel=0, log_config=None) as env:
        env.traj.f_add_parameter("seed", 0)
        env.traj.f_explore({"seed": list(range(RUNS))})
        env.run(store_numbers)
    if begin is not None:
        assert begun.count(0) == len(begun) >= RUNS // 2 - 1
    traj = load_trajectory("early", filename=path, load_data=2)
    for run, stored in traj.f_get_from_runs("numbers", fast_access=True).items():
        np.testing.assert_array_equal(stored, numbers(int(run.removeprefix("run_"))))
