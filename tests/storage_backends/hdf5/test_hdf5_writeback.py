"""What is sent to the disk early is as whole as what is sent at the end."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

from pypet import Trajectory, load_trajectory
from pypet.storage_backends.hdf5 import writeback

MANY = 20


def test_everything_is_there_when_the_disk_begins_early(tmp_path, monkeypatch):
    monkeypatch.setattr(writeback, "LATE_BYTES", 100_000)
    path = str(tmp_path / "early.hdf5")
    traj = Trajectory("early", filename=path, complevel=0)
    traj.f_store()
    stored = [np.random.default_rng(seed).standard_normal(10_000) for seed in range(MANY)]
    for number, values in enumerate(stored):
        traj.f_store_item(traj.f_add_result(f"r{number}", values))
    loaded = load_trajectory(name="early", filename=path, load_data=2)
    for number, values in enumerate(stored):
        np.testing.assert_array_equal(loaded.results[f"r{number}"], values)
