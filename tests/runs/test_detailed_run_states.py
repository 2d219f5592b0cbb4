"""How far runs are: the entry ``state`` of their records."""

from __future__ import annotations

import pickle

import pytest

from pypet import Environment, Trajectory, load_trajectory, manual_run
from pypet.runs.states import STATES
from pypet.storage_backends.memory import MemoryStorageService


@pytest.fixture
def traj():
    traj = Trajectory("t", add_time=False)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3, 4]})
    return traj


def stages(traj):
    records = traj.f_get_run_information(placeholders=False).values()
    return [record["state"] for record in records]


@manual_run(store_meta_data=False)
def simulate(traj, seen=None):
    if seen is not None:
        seen.append(stages(traj))
    if traj.x == 2:
        raise ValueError("two")
    if traj.x == 3:
        raise KeyboardInterrupt


def run_all(traj, seen=None):
    for _ in traj.f_iter_runs(stop=3):
        try:
            simulate(traj, seen)
        except (ValueError, KeyboardInterrupt):
            continue


def test_a_run_goes_through_its_stages(traj):
    seen = []
    assert stages(traj) == ["pending"] * 4
    run_all(traj, seen)
    assert seen == [
        ["running", "pending", "pending", "pending"],
        ["committed", "running", "pending", "pending"],
        ["committed", "failed", "running", "pending"],
    ]
    assert stages(traj) == ["committed", "failed", "abandoned", "pending"]
    assert set(STATES) == {*stages(traj), "running"}
    assert list(traj.f_get_run_states().values()) == ["completed", "failed", "not run", "not run"]


def test_a_run_that_is_executed_again_is_running_whatever_it_was(traj):
    run_all(traj)
    seen = []
    run_all(traj, seen)
    assert seen[1][1] == seen[2][2] == "running"


def test_live_views_have_the_stage_and_cannot_change_it(traj):
    view = traj.f_get_run_information(2, copy=False, placeholders=False)
    assert view["state"] == "pending"
    run_all(traj)
    assert view["state"] == "abandoned"
    with pytest.raises(TypeError, match="cannot be changed"):
        view["state"] = "committed"


def test_a_stored_trajectory_knows_its_stages(traj):
    traj.v_storage_service = service = MemoryStorageService()
    run_all(traj)
    traj.f_store()
    loaded = load_trajectory("t", storage_service=service)
    assert stages(loaded) == ["committed", "failed", "abandoned", "pending"]
    assert stages(loaded.f_copy()) == stages(loaded)
    loaded.v_full_copy = True
    assert stages(pickle.loads(pickle.dumps(loaded))) == stages(loaded)


def test_a_completed_run_that_is_reopened_is_not_running(traj):
    run_all(traj)
    traj.f_get_run_information(0, copy=False)["completed"] = 0
    assert stages(traj)[0] == "abandoned"


def stage_within(traj):
    own = traj.f_get_run_information(traj.v_idx, placeholders=False)["state"]
    traj.f_add_result("own", own)


def test_runs_of_an_environment_know_that_they_are_running():
    env = Environment("t", storage_service="memory", log_config=None, report_progress=False)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1, 2]})
    env.run(stage_within)
    env.traj.f_load(load_data=2)
    found = env.traj.f_get_from_runs("own", fast_access=True, auto_load=True)
    assert set(found.values()) == {"running"}
    assert stages(env.traj) == ["committed"] * 2
