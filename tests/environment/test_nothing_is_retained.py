"""Experiments that are over are forgotten, however many there are in one process."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import weakref

import pytest

from pypet import Environment

pytest.importorskip("h5py")

FORKS = "fork" in multiprocessing.get_all_start_methods()
WAYS = {
    "in memory": {"storage_service": "memory"},
    "serial": {},
    "logged": {"log_config": "DEFAULT", "log_stdout": True, "report_progress": True},
}
if FORKS:
    WAYS |= {
        "pool": {"scheduler": "pool", "ncores": 2, "wrap_mode": "QUEUE"},
        "process": {"scheduler": "process", "ncores": 2, "wrap_mode": "PIPE"},
        "lock": {"scheduler": "process", "ncores": 2, "wrap_mode": "LOCK"},
        "local": {"scheduler": "pool", "ncores": 2, "wrap_mode": "LOCAL", "freeze_input": True},
    }


def work(traj, fails):
    traj.f_add_result("z", [traj.x] * 10)
    if fails and traj.v_idx == 2:
        raise ValueError("two")
    return traj.x


@pytest.mark.parametrize("fails", [False, True], ids=["", "failing"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_environment_that_is_over_is_forgotten(tmp_path, monkeypatch, way, fails):
    # Those of pytest keep log records, and with them what these speak of.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def experiment():
        options = {"storage_service": "hdf5", "log_config": None, "report_progress": False, **way}
        if options["storage_service"] == "hdf5":
            options["filename"] = str(tmp_path / "data.hdf5")
        with Environment("t", **options) as env:
            env.traj.f_add_parameter("x", 0)
            env.traj.f_explore({"x": range(4)})
            try:
                env.run(work, fails)
            except ValueError:
                assert fails
            env.traj.f_load(load_data=2)
            return [weakref.ref(each) for each in (env, env.traj, env.traj.v_storage_service)]

    references = experiment()
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]
