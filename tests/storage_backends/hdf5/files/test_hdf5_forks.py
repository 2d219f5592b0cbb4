"""Processes may be forked while another thread stores."""

from __future__ import annotations

import os
import threading

import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
if not hasattr(os, "fork"):
    pytest.skip("the platform cannot fork", allow_module_level=True)

from pypet import Trajectory, load_trajectory
from tests.processes import wait_until

FORKS = 100
pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def test_what_a_thread_stores_is_whole_whenever_another_one_forks(tmp_path):
    path = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", filename=path)
    traj.f_store()
    done = threading.Event()
    stored = []
    failures = []

    def store():
        """Each call opens the file, changes it, and closes it."""
        try:
            while not done.is_set():
                number = len(stored)
                traj.f_store_item(traj.f_add_result(f"r{number}", number, comment=f"no. {number}"))
                stored.append(number)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=store)
    thread.start()
    wait_until(lambda: stored or failures)
    try:
        for _ in range(FORKS):
            pid = os.fork()
            if not pid:
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        done.set()
        thread.join()
    assert failures == []
    loaded = load_trajectory(name="t", filename=path, load_data=2)
    assert [loaded.f_get(f"results.r{number}").f_get() for number in stored] == stored
