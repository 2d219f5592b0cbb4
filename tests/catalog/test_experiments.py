"""The state of experiments, as files and journals tell it to whoever looks at them."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytest.importorskip("h5py")

from pypet import Environment, Trajectory
from pypet.catalog import experiment, pace_of, recorded_resume_folders
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.runs.states import ABANDONED, COMMITTED, FAILED, PENDING

pytestmark = pytest.mark.timeout(60)

SCRIPT = """
import sys
from pypet import Environment, Trajectory
from pypet.environment import run_table_flusher

# The run table is due to be stored after each run, however long that takes.
run_table_flusher.FLUSH_SECONDS = run_table_flusher.MAX_FLUSH_SECONDS = 0.0

def simulate(traj):
    if traj.x == 4:
        print("waiting", flush=True)
        sys.stdin.read()
    traj.f_add_result("z", traj.x)

Trajectory("other", filename="data.hdf5").f_store()
options = dict(use_pool=False, resumable=sys.argv[1] == "resumable")
with Environment(
    "t", filename="data.hdf5", add_time=False, log_config=None, report_progress=False, **options
) as env:
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(6))})
    env.run(simulate)
"""


@pytest.mark.parametrize("kind", ["plain", "resumable"])
def test_an_experiment_is_seen_running_and_killed(tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "script.py", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"waiting\n"
        running = experiment("data.hdf5", "t")
        other = experiment("data.hdf5", "other")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert running.state == "running"
    assert other.state == "interrupted"
    assert running.file == str(tmp_path / "data.hdf5")
    assert len(running.progress.states) == 6
    assert running.progress.count(COMMITTED) >= 3
    pace = pace_of(running)
    assert pace.per_second > 0
    assert pace.seconds_left > 0
    assert (running.folder is not None) == (kind == "resumable")

    killed = experiment("data.hdf5", "t")
    assert killed.state == "interrupted"
    assert pace_of(killed).seconds_left is None
    assert killed.progress.count(COMMITTED) >= 3
    assert killed.progress.count(PENDING) + killed.progress.count(ABANDONED) >= 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A file with an experiment of which one run has failed, and one that is complete."""
    filename = str(tmp_path_factory.mktemp("finished") / "data.hdf5")

    def simulate(traj):
        if traj.x == traj.bad:
            raise ValueError("the bad one")

    for name, bad in (("failed", 1), ("complete", -1)):
        with Environment(
            name,
            filename=filename,
            add_time=False,
            on_error="continue",
            log_config=None,
            report_progress=False,
        ) as env:
            env.traj.f_add_parameter("x", 0)
            env.traj.f_add_parameter("bad", bad)
            env.traj.f_explore({"x": [0, 1, 2]})
            env.run(simulate)
    return filename


def test_an_experiment_whose_runs_failed_has_ended(finished):
    found = experiment(finished, "failed")
    assert found.state == "interrupted"
    assert found.progress.count(FAILED) == 1
    assert found.progress.errors[1].message == "the bad one"
    assert found.problems == ()


def test_an_experiment_is_complete(finished):
    found = experiment(finished, "complete")
    assert found.state == "complete"
    assert found.progress.count(COMMITTED) == 3
    pace = pace_of(found)
    assert pace.started <= pace.finished
    assert pace.seconds_left is None


def test_a_trajectory_that_is_being_filled_runs_without_an_environment(tmp_path):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    assert experiment(filename, "t").state == "interrupted"
    service = traj.v_storage_service
    with service.kept_open("t"):
        assert experiment(filename, "t").state == "running"
    assert experiment(filename, "t").state == "interrupted"


def test_what_is_not_there_is_an_error(finished, tmp_path):
    with pytest.raises(DataNotInStorageError, match=r"'other'.*complete, failed"):
        experiment(finished, "other")
    with pytest.raises(FileNotFoundError, match="no file"):
        experiment(str(tmp_path / "data.hdf5"), "t")
    (tmp_path / "text.hdf5").write_text("text")
    with pytest.raises((StorageFormatError, OSError), match=r"text\.hdf5"):
        experiment(str(tmp_path / "text.hdf5"), "t")


@pytest.mark.parametrize("value", ["resume", "", 7, "/no\0where", "/proc/1/task"])
def test_whatever_a_file_names_as_resume_folder_is_no_error(value, tmp_path):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    for environment, folder, timestamp in (("first", "/first", 1.0), ("second", value, 2.0)):
        traj.f_add_config(f"environment.{environment}.timestamp", timestamp)
        traj.f_add_config(f"environment.{environment}.resume_folder", folder)
    traj.f_store()
    recorded = [value] if str(value).startswith("/") else []
    assert recorded_resume_folders(filename, "t") == [*recorded, "/first"]
    found = experiment(filename, "t")
    assert (found.folder, found.state) == (None, "interrupted")


def test_a_file_without_environments_names_no_resume_folder(tmp_path):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_store()
    assert recorded_resume_folders(filename, "t") == []
    assert recorded_resume_folders(filename, "other") == []
    assert recorded_resume_folders(str(tmp_path / "none.hdf5"), "t") == []
