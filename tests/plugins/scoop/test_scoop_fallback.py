"""What happens if a script is not started by SCOOP."""

from __future__ import annotations

import logging
import os

import pytest

pytest.importorskip("scoop")

from pypet import Environment
from pypet.errors import OptionWarning


@pytest.fixture
def make_env(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(**options):
        defaults = {
            "storage_service": "memory",
            "multiproc": True,
            "use_scoop": True,
            "wrap_mode": "LOCAL",
            "log_config": None,
            "report_progress": False,
        }
        env = Environment("test", **{**defaults, **options})
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(4)})
        return env

    return make


def who(traj):
    return traj.x, os.getpid()


@pytest.mark.parametrize(
    "options",
    [{}, {"freeze_input": True}, {"timeout": 5.0}, {"use_scoop": False, "scheduler": "scoop"}],
    ids=["plain", "frozen", "timeout", "by name"],
)
def test_runs_are_executed_here_and_nobody_can_miss_it(make_env, caplog, options):
    with pytest.warns(OptionWarning, match="python -m scoop -n"):
        env = make_env(**options)
    with caplog.at_level(logging.ERROR):
        results = env.run(who)
    assert results == [(x, (x, os.getpid())) for x in range(4)]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "not started by SCOOP" in errors[0].getMessage()
    assert "python -m scoop -n" in errors[0].getMessage()


def test_arguments_of_each_run_work_here_as_well(make_env):
    with pytest.warns(OptionWarning):
        env = make_env(freeze_input=True)
    results = env.run_map(lambda traj, y: traj.x + y, [10, 20, 30, 40])
    assert results == [(0, 10), (1, 21), (2, 32), (3, 43)]


def test_it_is_an_error_if_that_is_wanted(make_env):
    with pytest.raises(ValueError, match="python -m scoop -n"):
        make_env(scoop_fallback=False)


@pytest.mark.parametrize("mode", ["QUEUE", "LOCK", "PIPE"])
def test_modes_for_one_host_are_refused(make_env, mode):
    with pytest.raises(ValueError, match=mode):
        make_env(wrap_mode=mode)


def test_without_scoop_the_extra_is_named(make_env, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scoop", None)
    with pytest.raises(ValueError, match=r"scoop"):
        make_env()
