"""Options that do nothing beside the others: runs go on, and a warning says what to add."""

from __future__ import annotations

import warnings

import pytest

from pypet import Environment, Trajectory
from pypet.errors import MissingDependencyError, OptionWarning

QUIET = {"storage_service": "memory", "log_config": None, "report_progress": False}


def told(*args, **options):
    """Return the texts of the warnings of an environment, all of which blame this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Environment(*args, **QUIET, **options)
    assert {each.category for each in caught} <= {OptionWarning}
    assert {each.filename for each in caught} <= {__file__}
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ncores": 2}, "ncores=2 does nothing without multiproc"),
        ({"use_pool": True}, "use_pool=True does nothing without multiproc"),
        ({"wrap_mode": "QUEUE"}, "wrap_mode='QUEUE' does nothing without multiproc"),
        ({"ncores": 2, "scheduler": None}, "ncores=2 does nothing without multiproc"),
        ({"start_method": "spawn", "niceness": 3}, "niceness=3, start_method='spawn' do nothing"),
    ],
)
def test_runs_in_one_process_are_told_of_options_of_parallel_ones(options, message):
    (text,) = told(**options)
    assert text.startswith(message)
    assert text.endswith(
        "runs are executed one after the other in this process. Give multiproc=True, or "
        "multiproc=False if this is meant."
    )


@pytest.mark.parametrize("flag", [{"multiproc": True}, {"scheduler": "pool"}], ids=str)
def test_a_single_worker_is_told(flag):
    (text,) = told(wrap_mode="LOCAL", **flag)
    assert "ncores=1, that is by one worker" in text
    assert "Give ncores=N" in text


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"multiproc": False, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"},
        {"scheduler": "serial", "ncores": 2},
        {"multiproc": True, "ncores": 1, "wrap_mode": "LOCAL"},
        {"scheduler": "pool", "ncores": 2, "wrap_mode": "LOCAL"},
        {"do_single_runs": False, "ncores": 2},
        {"ncores": 1, "wrap_mode": "LOCK", "use_pool": False, "cpu_cap": 100.0},
        {"wrap_mode": None, "queue_maxsize": -1, "start_method": None},
        {"resumable": False, "resume_folder": "x", "delete_resume": False},
        {"git_repository": None, "git_message": "x", "git_fail": True},
        {"sumatra_project": None, "sumatra_reason": "x"},
        {"delete_resume": False},
    ],
    ids=str,
)
def test_what_is_meant_or_the_default_is_not_told(options):
    assert told(**options) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resume_folder": "x"}, "resume_folder='x' does nothing without resumable."),
        ({"commit_interval": 3.0}, "commit_interval=3.0 does nothing without resumable."),
        ({"git_message": "x"}, "git_message='x' does nothing without git_repository."),
        ({"git_fail": True}, "git_fail=True does nothing without git_repository."),
        ({"sumatra_label": "x"}, "sumatra_label='x' does nothing without sumatra_project."),
    ],
    ids=str,
)
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "absent"])
def test_features_that_nobody_asks_for_need_no_plugin(options, message, installed):
    disabled = () if installed else ("git", "sumatra", "resume")
    (text,) = told(**options, disable_plugins=disabled)
    assert text.startswith(message)


def test_the_option_that_asks_for_the_feature_is_the_one_that_is_refused():
    with pytest.raises(MissingDependencyError, match=r"^git_repository='\.' needs"):
        told(git_message="x", git_repository=".", disable_plugins=("git",))


@pytest.mark.parametrize("name", ["comment", "git_message", "sumatra_reason"])
def test_no_text_is_taken_as_empty_text(name):
    with pytest.warns(OptionWarning, match=f"^{name}=None is taken as {name}=''"):
        env = Environment(**QUIET, **{name: None})
    assert env.options[name] == ""
    assert env.traj.v_comment == ""


def test_options_of_a_new_trajectory_beside_one_that_exists():
    traj = Trajectory("A", comment="old")
    (text,) = told(traj, comment="new", add_time=False, dynamic_imports=None)
    assert text == (
        "comment='new' does nothing beside a trajectory that exists already: leave it out."
    )
    assert traj.v_comment == "old"
