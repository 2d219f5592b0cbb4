"""Environments in an empty folder, without log files unless a test wants some."""

from __future__ import annotations

import pytest

from pypet import Environment


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make_env():
    """Make environments that store in memory; their logging ends with the test."""
    made = []

    def make(trajectory="test", **options):
        quiet = {"storage_service": "memory", "log_config": None, "report_progress": False}
        if not isinstance(trajectory, str) and trajectory.v_storage_service is not None:
            del quiet["storage_service"]
        env = Environment(trajectory, **{**quiet, **options})
        made.append(env)
        return env

    yield make
    for env in made:
        env.disable_logging()


@pytest.fixture(params=["memory", "hdf5"])
def env(request, make_env):
    """An environment whose trajectory explores x = 0, 1, 2, 3 with y = 10."""
    env = make_env(storage_service=request.param)
    explore(env.traj, 4)
    return env


def explore(traj, length):
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("y", 10)
    traj.f_explore({"x": range(length)})
