"""Log files, console and progress of whole experiments."""

from __future__ import annotations

import logging
import os

import pytest

from pypet import Environment


@pytest.fixture
def run_logged(make_env):
    """Run four trivial runs and return the environment and its log."""

    def run(**options):
        env = make_env(**{"log_config": "DEFAULT", **options})
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(4)})
        env.run(lambda traj: traj.x)
        return env, log_of(env)

    return run


def log_of(env, name="LOG.txt"):
    with open(os.path.join("logs", env.traj.v_name, env.name, name), encoding="utf8") as file:
        return file.read()


def files():
    return [os.path.join(folder, name) for folder, _, names in os.walk("logs") for name in names]


def test_one_core_leaves_exactly_two_files(run_logged):
    env, log = run_logged()
    assert len(files()) == 2
    assert " pypet INFO     Starting single run #0 of 4" in log
    assert " pypet INFO     Finished single run #3 of 4" in log
    assert "All 4 runs are completed." in log
    assert log_of(env, "ERROR.txt") == ""


def test_a_failing_run_is_in_both_files(make_env):
    env = make_env(log_config="DEFAULT", on_error="continue")

    def simulate(traj):
        raise ZeroDivisionError("of the test")

    env.run(simulate)
    for name in ("LOG.txt", "ERROR.txt"):
        log = log_of(env, name)
        assert "ZeroDivisionError: of the test" in log
        assert "run_00000000" in log


def test_progress_is_reported_by_default(run_logged):
    _, log = run_logged(report_progress=True)
    progress = [line for line in log.splitlines() if "PROGRESS" in line]
    assert len(progress) == 5
    assert progress[-1].endswith(
        " pypet INFO     PROGRESS: Finished 4/4 runs [====================]100.0%"
    )


def test_progress_can_be_switched_off(run_logged):
    _, log = run_logged(report_progress=False)
    assert "PROGRESS" not in log


def test_progress_continues_after_an_expansion(make_env):
    env = make_env(log_config="DEFAULT", report_progress=(50, "pypet"))
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(2)})
    env.add_postprocessing(lambda traj, results: {"x": [5, 6]} if len(traj) == 2 else None)
    env.run(lambda traj: None)
    progress = [line.partition("PROGRESS: ")[2] for line in log_of(env).splitlines()]
    assert [line[:17] for line in progress if line] == [
        "Finished 0/2 runs",
        "Finished 1/2 runs",
        "Finished 2/2 runs",
        "Finished 2/4 runs",
        "Finished 4/4 runs",
    ]


def test_the_context_manager_ends_logging_also_after_errors(make_env):
    before = list(logging.getLogger().handlers)
    level = logging.getLogger().level
    with pytest.raises(ZeroDivisionError), make_env(log_config="DEFAULT") as env:  # noqa: PT012
        assert logging.getLogger().handlers != before
        raise ZeroDivisionError
    assert logging.getLogger().handlers == before
    assert logging.getLogger().level == level
    logging.getLogger("pypet").error("too late")
    assert "too late" not in log_of(env)


def test_none_leaves_no_folder(make_env, tmp_path):
    make_env(log_config=None).run(lambda traj: None)
    assert list(tmp_path.iterdir()) == []


def test_a_later_environment_takes_over_unless_it_configures_nothing(make_env):
    first = make_env(log_config="DEFAULT")
    make_env("quiet", log_config=None)
    logging.getLogger("pypet").info("still first")
    second = make_env("second", log_config="DEFAULT")
    logging.getLogger("pypet").info("now second")
    assert "still first" in log_of(first)
    assert "now second" not in log_of(first)
    assert "now second" in log_of(second)


def test_log_folder(make_env, tmp_path):
    env = make_env(log_config="DEFAULT", log_folder=str(tmp_path / "there"))
    assert (tmp_path / "there" / "test" / env.name / "LOG.txt").is_file()


@pytest.mark.parametrize("option", [{"log_config": "DEFAULT"}, {"log_folder": "logs"}])
def test_log_files_that_cannot_be_made_are_told_with_what_to_do(tmp_path, option):
    (tmp_path / "logs").write_text("a file is where the folder should be", encoding="utf8")
    with pytest.raises(ValueError, match=r"LOG\.txt|ERROR\.txt") as caught:
        Environment("test", storage_service="memory", **option)
    assert "another `log_folder`, or log_config=None" in str(caught.value)


def test_a_failing_constructor_detaches_its_log_files(make_env):
    class Broken:
        def __init__(self):
            raise ZeroDivisionError

    before = list(logging.getLogger().handlers)
    with pytest.raises(ZeroDivisionError):
        make_env(storage_service=Broken, log_config="DEFAULT")
    assert logging.getLogger().handlers == before


def test_without_the_logging_plugin_experiments_run(make_env, tmp_path):
    env = make_env(disable_plugins=("logging", "progress"), report_progress=None)
    assert env.run(lambda traj: 1) == [(0, 1)]
    assert list(tmp_path.iterdir()) == []
