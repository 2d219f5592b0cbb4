"""Asking a trajectory what became of its runs."""

from __future__ import annotations

import pytest

from pypet import Trajectory, load_trajectory, manual_run
from pypet.storage_backends.memory import MemoryStorageService


@pytest.fixture
def traj():
    traj = Trajectory("t", add_time=False)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    return traj


@manual_run(store_meta_data=False)
def simulate(traj):
    if traj.x == 2:
        raise ValueError("not two")


def run_all(traj):
    for _ in traj.f_iter_runs(stop=2):
        try:
            simulate(traj)
        except ValueError:
            continue


def test_states_and_errors_of_all_runs_or_of_one(traj):
    run_all(traj)
    assert traj.f_get_run_states() == {
        "run_00000000": "completed",
        "run_00000001": "failed",
        "run_00000002": "not run",
    }
    assert traj.f_get_run_states("run_00000001") == traj.f_get_run_states(1) == "failed"
    (name, error), *others = traj.f_get_run_errors().items()
    assert (name, error.type, error.message, others) == (
        "run_00000001",
        "ValueError",
        "not two",
        [],
    )
    assert "in simulate" in error.traceback
    assert traj.f_get_run_errors(1) == error
    assert traj.f_get_run_errors(0) is None
    for ask in (traj.f_get_run_states, traj.f_get_run_errors):
        with pytest.raises(KeyError):
            ask(3)


@pytest.mark.parametrize("copy", [True, False])
def test_people_see_none_in_place_of_placeholders(traj, copy):
    run_all(traj)
    done, failed, left = (
        dict(traj.f_get_run_information(idx, copy, placeholders=False)) for idx in range(3)
    )
    assert (done["state"], done["error"], done["parameter_summary"]) == ("committed", None, "x: 1")
    assert failed["state"] == "failed"
    assert failed["error"].message == "not two"
    assert failed["finish_timestamp"] is failed["runtime"] is None
    assert failed["timestamp"] > 42
    assert failed["parameter_summary"] == "x: 2"
    assert left["state"] == "pending"
    assert left["timestamp"] is left["time"] is left["short_environment_hexsha"] is None
    assert left["parameter_summary"] == "x: 3"
    established = traj.f_get_run_information(2, copy)
    assert (established["timestamp"], established["finish_timestamp"]) == (42.0, 1.337)
    assert "state" not in established


def test_errors_survive_merging_and_copying(traj):
    run_all(traj)
    other = Trajectory("other", add_time=False)
    other.f_add_parameter("x", 0)
    other.f_explore({"x": [7, 2]})
    run_all(other)
    traj.v_storage_service = other.v_storage_service = service = MemoryStorageService()
    traj.f_store()
    other.f_store()
    assert set(traj.f_copy().f_get_run_errors()) == {"run_00000001"}
    traj.f_merge(other)
    loaded = load_trajectory("t", storage_service=service)
    for merged in (traj, loaded):
        assert list(merged.f_get_run_errors()) == ["run_00000001", "run_00000004"]


def test_a_run_that_completes_in_the_end_has_no_error(traj):
    traj.v_storage_service = MemoryStorageService()
    run_all(traj)
    traj.f_store()
    traj.f_set_crun(1)
    traj.f_start_run()
    traj.f_finalize_run()
    traj.f_restore_default()
    assert traj.f_get_run_errors() == {}
    loaded = load_trajectory("t", storage_service=traj.v_storage_service)
    assert loaded.f_get_run_errors() == {}
    assert loaded.f_get_run_states(1) == "completed"
