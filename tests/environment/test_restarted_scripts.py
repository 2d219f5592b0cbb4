"""A script with ``on_existing`` is killed in between, changed and started again.

In the end there is what an experiment would have given that nobody disturbed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil

import pytest

from pypet import Environment, HDF5StorageService, load_trajectory
from pypet.runs import run_table_of
from tests.environment.killed_scripts import (
    SECONDS,
    finish,
    kill,
    started_scripts,
    wait_for,
)

pytest.importorskip("h5py")
pytest.importorskip("psutil")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

pytestmark = pytest.mark.timeout(120)

SCRIPT = """
import json, os, sys, time
from pypet import Environment

folder, points, options = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])

def simulate(traj, factor):
    with open(os.path.join(folder, "executed"), "a") as file:
        file.write(f"{traj.x}\\n")
    traj.f_add_result("z", traj.x * factor)
    traj.f_add_result("noise", traj.f_rng().random(4))
    if os.path.exists(os.path.join(folder, "armed")):
        time.sleep(0.3)  # so that the run table is stored between two runs
        if traj.x == 2.5:
            open(os.path.join(folder, "waiting"), "w").close()
            time.sleep(600)

def refine(traj, results):
    if not traj.f_contains("results.refined"):
        traj.f_add_result("refined", True)
        return {"x": [1.5, 2.5, 3.5]}

if __name__ == "__main__":
    with Environment(
        "sweep", filename=os.path.join(folder, "sweep.hdf5"), on_existing="extend", seed=7,
        log_config=None, report_progress=False, record_environment=False, **options,
    ) as env:
        traj = env.traj
        traj.f_add_parameter("x", 0.0)
        traj.f_add_parameter("y", "why")
        traj.f_explore({"x": points})
        env.add_postprocessing(refine)
        env.run(simulate, 10)
"""


@pytest.fixture
def script(tmp_path):
    """Return what starts the script in a folder; nothing of it is left in the end."""
    with started_scripts(tmp_path / "sweep.py", SCRIPT) as start_one:

        def start(folder, points, options):
            folder.mkdir(exist_ok=True)
            return start_one(folder, json.dumps(points), json.dumps(options))

        yield start


def completed(folder, name="sweep.hdf5"):
    """Return what is stored of the completed runs, by their points."""
    traj = load_trajectory("sweep", filename=str(folder / name), load_data=2)
    found = {}
    for idx in traj.f_iter_runs(yields="idx"):
        if run_table_of(traj).completed(idx):
            noise = traj.f_get("crun.noise").f_get()
            found[traj.x] = (traj.f_get("crun.z").f_get(), noise.tolist())
    return found


def completed_in_copy(folder):
    """Return the completed points as a crash would leave them now; none if that is in between."""
    shutil.copy(folder / "sweep.hdf5", folder / "copy.hdf5")
    try:
        return set(completed(folder, "copy.hdf5"))
    except Exception:
        return set()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"},
    ],
    ids=["serial", "pool-QUEUE"],
)
def test_a_script_that_was_killed_and_changed_gives_what_an_undisturbed_one_gives(
    script, tmp_path, options
):
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    folder.mkdir()
    (folder / "armed").touch()
    process = script(folder, [1.0, 2.0], options)
    wait_for(lambda: (folder / "waiting").exists(), process)
    done = wait_for(lambda: {1.0, 2.0} & completed_in_copy(folder), process)
    kill(process)
    (folder / "armed").unlink()
    (folder / "executed").unlink()
    finish(script(folder, [1.0, 2.0], options))
    executed = (folder / "executed").read_text().split()
    assert sorted(executed) == sorted(set(executed))
    assert not done & set(map(float, executed))
    assert "2.5" in executed
    finish(script(whole, [1.0, 2.0], options))
    assert completed(folder) == completed(whole)
    (folder / "executed").unlink()
    finish(script(folder, [4.0, 2.0, 1.0], options))
    assert (folder / "executed").read_text().split() == ["4.0"]
    assert set(completed(folder)) == {1.0, 2.0, 4.0, 1.5, 2.5, 3.5}


def explore_and_refine(folder):
    def simulate(traj):
        traj.f_add_result("z", traj.x * 10)
        traj.f_add_result("noise", traj.f_rng().random(4))

    def refine(traj, results):
        if 1.5 not in set(traj.f_get("x").f_get_range()[-2:]):
            traj.f_expand({"x": [1.5, 2.5]})

    env = Environment(
        "sweep",
        filename=str(folder / "sweep.hdf5"),
        on_existing="extend",
        seed=7,
        log_config=None,
        report_progress=False,
        record_environment=False,
    )
    env.traj.f_add_parameter("x", 0.0)
    env.traj.f_add_derived_parameter("d", 1)
    env.traj.f_explore({"x": [1.0, 2.0]})
    env.add_postprocessing(refine)
    env.run(simulate)


def explore_until_killed(folder, number):
    """Do so, but end at once, as if killed, before something is stored for this time."""
    store = HDF5StorageService.store
    left = number

    def count(self, *args, **kwargs):
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(3)
        return store(self, *args, **kwargs)

    HDF5StorageService.store = count
    explore_and_refine(folder)


def test_a_script_may_be_killed_before_anything_that_it_stores(tmp_path):
    fork = multiprocessing.get_context("fork")
    whole = tmp_path / "whole"
    whole.mkdir()
    explore_and_refine(whole)
    expected = completed(whole)
    assert len(expected) == 4
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        child = fork.Process(target=explore_until_killed, args=(folder, number))
        child.start()
        child.join(SECONDS)
        if child.exitcode == 0:
            break
        assert child.exitcode == 3
        explore_and_refine(folder)
        assert completed(folder) == expected
    assert number > 8


def test_a_file_without_trajectories_is_as_good_as_none(script, tmp_path):
    import h5py

    folder = tmp_path / "killed"
    folder.mkdir()
    with h5py.File(folder / "sweep.hdf5", "w"):
        pass
    finish(script(folder, [1.0], {}))
    assert os.path.exists(folder / "executed")
    assert len(completed(folder)) == 4
