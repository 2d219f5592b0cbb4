"""What is logged at the end of a resumable experiment with runs that are missing."""

from __future__ import annotations

import logging
import re
import shlex

import pytest

from pypet import Environment
from pypet.catalog import recorded_resume_folders

pytest.importorskip("dill")
OPTIONS = {"resumable": True, "log_config": None, "report_progress": False}


def fail_once(traj, folder):
    marker = folder / "failed"
    if traj.v_idx == 1 and not marker.exists():
        marker.touch()
        raise ValueError("the first time")
    return traj.x


def execute(folder, **options):
    env = Environment(
        "t", filename=folder / "t.hdf5", resume_folder=folder / "my resume", **OPTIONS, **options
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [10, 20, 30]})
    return env.run(fail_once, folder)


def test_it_says_how_to_resume_and_that_works(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "pypet"), pytest.raises(ValueError, match="the first time"):
        execute(tmp_path)
    (advice,) = (each for each in caplog.messages if "To execute the runs that are not" in each)
    assert "load_trajectory" not in advice
    folder = shlex.split(re.search(r"pypet resume (.*)", advice)[1])
    assert folder == [str(tmp_path / "my resume" / "t")]
    command = re.search(r"pypet\.(Environment\(.*\)\.resume\(.*\))", advice)[1]
    given = "log_config=None, report_progress=False"
    results = eval(command.replace("...", given), {"Environment": Environment})
    assert results == [(0, 10), (1, 20), (2, 30)]


def test_a_script_that_is_started_again_is_told_to_resume(tmp_path):
    with pytest.raises(ValueError, match="the first time"):
        execute(tmp_path, on_existing="extend")
    with pytest.raises(RuntimeError, match=r"env\.resume\('t'"):
        execute(tmp_path, on_existing="extend")
    (tmp_path / "failed").unlink()
    with pytest.raises(ValueError, match="the first time"):
        Environment(**OPTIONS).resume("t", tmp_path / "my resume")
    results = Environment(**OPTIONS).resume("t", tmp_path / "my resume")
    assert results == [(0, 10), (1, 20), (2, 30)]


def test_each_environment_records_its_resume_folder(tmp_path):
    with pytest.raises(ValueError, match="the first time"):
        execute(tmp_path)
    filename = str(tmp_path / "t.hdf5")
    former, moved = tmp_path / "my resume", tmp_path / "moved"
    assert recorded_resume_folders(filename, "t") == [str(former)]
    former.rename(moved)
    assert Environment(**OPTIONS).resume("t", moved) == [(0, 10), (1, 20), (2, 30)]
    assert recorded_resume_folders(filename, "t") == [str(moved), str(former)]


def test_nothing_is_recorded_without_resumable(tmp_path):
    filename = str(tmp_path / "t.hdf5")
    env = Environment("t", filename=filename, **{**OPTIONS, "resumable": False})
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1]})
    env.run(lambda traj: None)
    assert recorded_resume_folders(filename, "t") == []
