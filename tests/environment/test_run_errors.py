"""What a trajectory and its file say of runs that failed, whoever executed and stored them."""

from __future__ import annotations

import os

import pytest

from pypet import load_trajectory

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

EXECUTIONS = {
    "serial": {},
    "pool": {"multiproc": True, "use_pool": True},
    "process a run": {"multiproc": True, "use_pool": False},
    "queue": {"multiproc": True, "use_pool": True, "wrap_mode": "QUEUE"},
    "local": {"multiproc": True, "use_pool": True, "wrap_mode": "LOCAL"},
}


@pytest.fixture(params=EXECUTIONS)
def env(request, make_env):
    options = {"multiproc": False, "ncores": 2, "filename": "t.hdf5", "on_error": "continue"}
    env = make_env(storage_service="hdf5", **{**options, **EXECUTIONS[request.param]})
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1, 2, 3]})
    return env


def simulate(traj):
    if traj.x % 2 and not os.path.exists("mended"):
        raise ValueError(f"{traj.x} is odd")
    traj.f_add_result("z", traj.x)
    return traj.x


def load(env):
    return load_trajectory("test", filename=env.traj.v_storage_service.filename, load_data=0)


def test_errors_are_known_and_stored_until_the_runs_complete(env):
    assert env.run(simulate) == [(0, 0), (2, 2)]
    for traj in (env.traj, load(env)):
        errors = traj.f_get_run_errors()
        assert [(name, each.type, each.message) for name, each in errors.items()] == [
            ("run_00000001", "ValueError", "1 is odd"),
            ("run_00000003", "ValueError", "3 is odd"),
        ]
        assert all("in simulate" in each.traceback for each in errors.values())
        assert list(traj.f_get_run_states().values()) == ["completed", "failed"] * 2
    with open("mended", "w"):
        pass
    env.current_idx = 0
    assert env.run(simulate) == [(1, 1), (3, 3)]
    for traj in (env.traj, load(env)):
        assert traj.f_get_run_errors() == {}
        assert set(traj.f_get_run_states().values()) == {"completed"}


def test_an_error_that_is_raised_is_stored_before(make_env):
    env = make_env(storage_service="hdf5", filename="t.hdf5", on_error="raise")
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1, 2]})
    with pytest.raises(ValueError, match="1 is odd"):
        env.run(simulate)
    assert list(load(env).f_get_run_states().values()) == ["completed", "failed", "not run"]


def test_only_the_last_attempt_counts(make_env):
    env = make_env(storage_service="memory", on_error="retry:2")
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1]})
    attempts = []

    def fail_once(traj):
        attempts.append(traj.x)
        if len(attempts) < 3:
            raise ValueError("not yet")

    env.run(fail_once)
    assert env.traj.f_get_run_errors() == {}
    assert set(env.traj.f_get_run_states().values()) == {"completed"}
