"""``pypet status``: what became of experiments, running, killed and completed ones."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys

import pytest

pytest.importorskip("h5py")


import h5py

from pypet import Environment
from pypet.catalog import experiment
from pypet.cli.app import main
from pypet.runs.states import ABANDONED
from tests.plugins.resume.experiments import NAME, TIMEOUT_SECONDS, kill, start

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    """The folder of an experiment that was killed."""
    folder = tmp_path_factory.mktemp("dead")
    kill(start(folder))
    return folder


@pytest.fixture
def killed(dead, tmp_path):
    """A copy of it; paths in the snapshot are those of the original."""
    shutil.copytree(dead / "resume", tmp_path / "resume")
    return tmp_path


def status(capsys, *arguments):
    code = main(["status", *map(str, arguments)])
    output = capsys.readouterr()
    assert output.err == ""
    return code, output.out


def report(capsys, *arguments):
    code, text = status(capsys, *arguments, "--json")
    (experiment,) = json.loads(text)["experiments"]
    return code, experiment


def stretches(experiment, state):
    return experiment["runs"][state]["stretches"]


def test_an_experiment_is_seen_running_and_dead(tmp_path, capsys):
    process = start(tmp_path)
    try:
        code, found = report(capsys, tmp_path / "resume")
        _, text = status(capsys, tmp_path / "resume" / NAME)
    finally:
        kill(process)
    assert (code, found["state"], found["problems"]) == (0, "running", [])
    assert found["process"]["pid"] == process.pid
    assert found["process"]["host"] == socket.gethostname()
    assert stretches(found, "running") == [[4, 4]]
    assert stretches(found, "committed") == [[0, 1], [3, 3]]
    assert stretches(found, "failed") == [[2, 2]]
    assert stretches(found, "pending") == [[5, 5]]
    assert found["runs"]["total"] == 6
    assert found["runs"]["seconds_left"] > 0
    assert f"running, process {process.pid} on {socket.gethostname()}" in text
    assert "3 of 6 runs committed, 1 pending, 1 running, 1 failed" in text

    code, found = report(capsys, tmp_path / "resume")
    assert (code, found["state"], found["problems"]) == (0, "interrupted", [])
    assert stretches(found, "abandoned") == [[4, 4]]
    assert stretches(found, "running") == []
    assert found["runs"]["seconds_left"] is None


def test_what_is_known_of_a_dead_experiment(dead, capsys):
    code, text = status(capsys, dead / "resume")
    lines = text.splitlines()
    assert code == 0
    assert f"file        {dead / 'exp.hdf5'}" in lines
    assert f"function    simulate of {dead / 'exp.py'}" in lines
    assert "abandoned   4" in lines
    assert "pending     5" in lines
    assert f"go on by    pypet resume {dead / 'resume' / NAME}" in lines
    assert any(line.startswith("failed      run 2  ") for line in lines)


def test_the_file_leads_to_the_journal(dead, capsys):
    _, found = report(capsys, dead / "exp.hdf5", "--resume-folder", dead / "resume")
    assert found["folder"] == str(dead / "resume" / NAME)
    assert stretches(found, "abandoned") == [[4, 4]]


def test_the_file_names_the_folder_of_its_journal(dead, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, found = report(capsys, dead / "exp.hdf5")
    assert found["folder"] == str(dead / "resume" / NAME)
    shown = experiment(str(dead / "exp.hdf5"), NAME)
    assert shown.folder == str(dead / "resume" / NAME)
    assert shown.progress.count(ABANDONED) == 1


def test_a_copy_of_the_file_does_not_lead_to_the_journal(dead, tmp_path, capsys):
    shutil.copy(dead / "exp.hdf5", tmp_path)
    _, found = report(capsys, tmp_path / "exp.hdf5")
    assert (found["folder"], found["journal"]) == (None, None)


def test_without_the_journal_the_run_table_says_what_it_knows(dead, tmp_path, capsys):
    code, found = report(capsys, dead / "exp.hdf5", "--resume-folder", tmp_path)
    assert (code, found["folder"], found["journal"]) == (0, None, None)
    assert found["state"] == "interrupted"
    assert found["runs"]["committed"]["count"] + found["runs"]["pending"]["count"] > 0
    _, text = status(capsys, dead / "exp.hdf5", "--resume-folder", tmp_path)
    assert "there is no journal of it" in text


def test_a_completed_trajectory_is_complete(tmp_path, capsys):
    filename = str(tmp_path / "done.hdf5")
    for name in ("first", "second"):
        env = Environment(name, filename=filename, log_config=None, report_progress=False)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2]})
        env.run(lambda traj: None)
    assert status(capsys, filename) == (
        0,
        "first  complete  2 of 2 runs committed\nsecond  complete  2 of 2 runs committed\n",
    )
    code, found = report(capsys, filename, "second")
    assert (code, found["trajectory"], found["state"]) == (0, "second", "complete")


def test_several_experiments_have_a_line_each(killed, capsys):
    shutil.copytree(killed / "resume" / NAME, killed / "resume" / "other")
    code, text = status(capsys, killed / "resume")
    assert code == 0
    assert text.count("interrupted  3 of 6 runs committed, 1 pending, 1 failed, 1 abandoned") == 2
    code, found = report(capsys, killed / "resume", "other")
    assert found["folder"] == str(killed / "resume" / "other")


def test_damage_is_told_and_the_rest_shown(killed, capsys):
    (killed / "resume" / NAME / "environment.ecnt").write_bytes(b"\x89pypet")
    (segment,) = (killed / "resume" / NAME).glob("*.rcnt")
    content = bytearray(segment.read_bytes())
    content[70] ^= 1  # in the first frame, that of what was handed over
    segment.write_bytes(bytes(content))
    code, found = report(capsys, killed / "resume")
    assert code == 1
    assert found["journal"]["damaged"] > 0
    snapshot, journal = found["problems"]
    assert "is damaged" in snapshot
    assert "bytes are damaged" in journal
    assert found["runs"]["committed"]["count"] == 3


def test_a_torn_end_is_no_damage(killed, capsys):
    (segment,) = (killed / "resume" / NAME).glob("*.rcnt")
    content = segment.read_bytes()
    segment.write_bytes(content[:-10])
    code, found = report(capsys, killed / "resume")
    assert (code, found["problems"]) == (0, [])
    assert found["journal"]["torn"] > 0
    assert found["runs"]["committed"]["count"] == 2


def test_nothing_is_unpickled(killed, capsys, monkeypatch):
    import pickle

    def refuse(*_args, **_kwargs):
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    assert report(capsys, killed / "resume")[0] == 0


def test_watching_ends_with_the_experiment(tmp_path, capsys):
    process = start(tmp_path)
    try:
        watching = subprocess.Popen(
            [sys.executable, "-m", "pypet", "status", "resume", "--watch", "0.05", "--json"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = json.loads(watching.stdout.readline())
        (tmp_path / "go").touch()
        rest, _ = watching.communicate(timeout=TIMEOUT_SECONDS)
        assert process.wait(timeout=TIMEOUT_SECONDS) == 0
    finally:
        kill(process)
    last = json.loads(rest.splitlines()[-1])
    assert watching.returncode == 0
    assert first["experiments"][0]["state"] == "running"
    assert last["experiments"][0]["state"] == "interrupted"  # a run has failed
    assert last["experiments"][0]["runs"]["committed"]["count"] == 5
    (error,) = last["experiments"][0]["runs"]["errors"]
    assert (error["run"], error["error"], error["message"]) == (2, "ValueError", "no two")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.hdf5"], "There is no file or folder missing.hdf5"),
        (["."], "There is no resumable experiment in ."),
    ],
)
def test_errors_say_what_is_there(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["status", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_an_unknown_trajectory_is_an_error(dead, capsys):
    assert main(["status", str(dead / "exp.hdf5"), "other"]) == 1
    assert "there are: exp" in capsys.readouterr().err


LARGE = """\
import numpy as np

import h5py

from pypet import Environment


def simulate(traj):
    traj.f_add_result("large", np.random.default_rng(traj.x).random(100_000))


env = Environment("large", filename="large.hdf5", resumable=True, delete_resume=False,
                  log_config=None, report_progress=False)
env.traj.f_add_parameter("x", 0)
env.traj.f_explore({"x": [1, 2, 3]})
env.run(simulate)
"""


def test_large_data_has_to_be_in_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large.py").write_text(LARGE, encoding="utf8")
    subprocess.run([sys.executable, "large.py"], check=True, timeout=TIMEOUT_SECONDS)
    _, found = report(capsys, "resume")
    assert (found["state"], found["runs"]["committed"]["count"]) == ("complete", 3)
    with h5py.File("large.hdf5", "r+") as file:  # as after a kill before the commit of the file
        rows = file["large/overview/runs"][:]
        rows["completed"][1] = 0
        file["large/overview/runs"][:] = rows
        del file["large/results/runs/run_00000001"]
    _, found = report(capsys, "resume")
    assert found["state"] == "interrupted"
    assert stretches(found, "committed") == [[0, 0], [2, 2]]
    assert main(["verify", "resume"]) == 0
    assert "large data of 1 run never got to" in capsys.readouterr().out
    assert main(["repair", "resume"]) == 0
    assert "nothing to repair" in capsys.readouterr().out
