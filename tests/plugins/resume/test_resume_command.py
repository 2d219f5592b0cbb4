"""``pypet resume``: going on with an experiment without its script being executed."""

from __future__ import annotations

import argparse
import shutil

import pytest

pytest.importorskip("h5py")

from pypet import load_trajectory
from pypet.cli.app import main
from pypet.plugins.resume.commands.resume import execution_options
from tests.plugins.resume.experiments import NAME, TIMEOUT_SECONDS, kill, start
from tests.processes import run_python

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def killed(tmp_path):
    """The folder of an experiment that was killed while its fifth run was going on."""
    kill(start(tmp_path))
    (tmp_path / "go").touch()
    return tmp_path


def resumed(folder, *arguments):
    done = run_python(
        "-m", "pypet", "resume", *map(str, arguments), cwd=folder, timeout=TIMEOUT_SECONDS
    )
    return done.returncode, done.stdout, done.stderr


def loaded(folder):
    return load_trajectory(NAME, filename=str(folder / "exp.hdf5"), load_data=2)


def test_the_missing_runs_are_executed_where_the_experiment_was_started(killed, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (killed / "mended").touch()
    status, out, err = resumed(elsewhere, killed / "resume" / NAME)
    assert (status, err) == (0, "")
    assert out == f"exp: 6 of 6 runs are committed, data is in {killed / 'exp.hdf5'}\n"
    traj = loaded(killed)
    assert set(traj.f_get_run_states().values()) == {"completed"}
    found = traj.f_get_from_runs("z", fast_access=True)
    assert list(found.values()) == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    # What was being executed when the experiment died was abandoned until it was its turn.
    assert traj.f_get("results.runs.run_00000002.fourth").fourth == "abandoned"
    assert list(elsewhere.iterdir()) == []


def test_the_script_leads_to_its_experiment(killed):
    status, out, _ = resumed(killed, "exp.py", "--ncores", "2", "--scheduler", "pool")
    assert (status, out.partition(" runs")[0]) == (1, "exp: 5 of 6")  # the second fails again
    assert "ValueError" in loaded(killed).f_get_run_errors(2).type


def test_an_experiment_that_runs_is_left_alone(tmp_path):
    process = start(tmp_path)
    try:
        status, out, err = resumed(tmp_path, "resume")
    finally:
        kill(process)
    assert (status, out) == (1, "")
    assert f"is running: process {process.pid}" in err


def test_a_changed_function_needs_force(killed):
    script = killed / "exp.py"
    script.write_text(script.read_text().replace("* 10.0", "* 10.0 + 1"))
    status, _, err = resumed(killed, "resume")
    assert status == 1
    assert "* 10.0 + 1" in err
    status, out, _ = resumed(killed, "resume", "--force")
    assert (status, out.partition(" runs")[0]) == (1, "exp: 5 of 6")
    assert loaded(killed).f_get("results.runs.run_00000005.z").z == 51.0


def test_of_several_experiments_one_has_to_be_named(killed, capsys):
    shutil.copytree(killed / "resume" / NAME, killed / "resume" / "other")
    assert main(["resume", str(killed / "resume")]) == 1
    assert "There are 2 experiments" in capsys.readouterr().err
    assert main(["resume", str(killed / "exp.py"), "--resume-folder", str(killed / "no")]) == 1
    assert "There is no resume folder" in capsys.readouterr().err


def test_what_is_not_there_cannot_be_resumed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "missing"]) == 1
    assert "neither a folder nor a script" in capsys.readouterr().err
    assert main(["resume", "."]) == 1
    assert "no experiment in ." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("former", "asked", "expected"),
    [
        ({}, {}, {}),
        ({}, {"ncores": 2}, {"multiproc": True, "ncores": 2}),
        (
            {"multiproc": True, "ncores": 4, "use_pool": True, "on_error": "continue"},
            {"ncores": 1},
            {"on_error": "continue"},
        ),
        (
            {"multiproc": True, "ncores": 4, "use_pool": True},
            {"ncores": 2},
            {"multiproc": True, "ncores": 2, "use_pool": True},
        ),
        (
            {"multiproc": True, "use_pool": True},
            {"scheduler": "process", "wrap_mode": "QUEUE"},
            {"scheduler": "process", "wrap_mode": "QUEUE"},
        ),
        ({"memory_cap": [90.0, 100.0]}, {}, {"memory_cap": (90.0, 100.0)}),
    ],
)
def test_runs_are_executed_as_before_unless_told_otherwise(former, asked, expected):
    given = {"ncores": None, "scheduler": None, "wrap_mode": None, **asked}
    assert execution_options(former, argparse.Namespace(**given)) == expected
