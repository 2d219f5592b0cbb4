"""Tables of experiments that go on in another process, or have been killed."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("h5py")

from pypet import Environment, load_trajectory
from pypet.tables import read_table
from tests.processes import wait_until

if sys.platform != "linux":
    pytest.skip("locks of bytes are peculiar to Linux", allow_module_level=True)

SCRIPT = """
import sys, time
from pathlib import Path
from pypet import Environment

folder = Path(sys.argv[1])

def simulate(traj):
    if traj.v_idx == 3:
        traj.v_storage_service.flush()
        (folder / "waiting").touch()
        while not (folder / "go on").exists():
            time.sleep(0.005)
    traj.f_add_result("z", traj.x * 2, comment="twice")

if __name__ == "__main__":
    env = Environment(
        "t", filename=str(folder / "t.hdf5"), log_config=None, report_progress=False
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(6))})
    env.run(simulate)
"""


@pytest.fixture
def experiment(tmp_path):
    """An experiment that waits in its fourth run for the file ``go on``."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)]) as process:
        try:
            wait_until(lambda: (tmp_path / "waiting").exists() or process.poll() is not None)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


def check_first_three(table):
    assert len(table) == 6
    assert table["x"].values.tolist() == list(range(6))
    # The run table is stored every now and then, results as soon as there are any.
    assert set(np.flatnonzero(table["completed"].values)) <= {0, 1, 2}
    assert table["z"].values[:3].tolist() == [0, 2, 4]
    assert table["z"].missing.tolist() == [False] * 3 + [True] * 3
    assert table["z"].comment == "twice"


def test_a_running_experiment_is_read_and_ends_as_ever(experiment, tmp_path):
    path = str(tmp_path / "t.hdf5")
    check_first_three(read_table(path))
    loaded = load_trajectory("t", filename=path)
    table = read_table(loaded, results=["z"])
    check_first_three(table)
    completed = [idx for idx in range(6) if loaded.f_is_completed(idx)]
    assert np.flatnonzero(table["completed"].values).tolist() == completed
    assert read_table(path, completed_only=True).indices.tolist() == completed
    (tmp_path / "go on").touch()
    assert experiment.wait() == 0
    # What was loaded before sees what has been stored since.
    for source in (path, loaded):
        table = read_table(source)
        assert table["z"].values.tolist() == [0, 2, 4, 6, 8, 10]
        assert table["completed"].values.all()


def test_a_killed_experiment_is_read(experiment, tmp_path):
    experiment.kill()
    experiment.wait()
    path = str(tmp_path / "t.hdf5")
    before = os.stat(path).st_size
    check_first_three(read_table(path))
    assert os.stat(path).st_size == before


def test_a_table_in_the_middle_of_an_experiment(tmp_path):
    tables = []

    def look(traj, results):
        tables.append(read_table(traj))

    path = str(tmp_path / "t.hdf5")
    with Environment("t", filename=path, log_config=None, report_progress=False) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2]})
        env.add_postprocessing(look)
        env.run(lambda traj: traj.f_add_result("z", traj.x * 2))
    assert tables[0]["completed"].values.all()
    assert tables[0]["z"].values.tolist() == [2, 4]
