"""``pypet ls``: the experiments in files below a folder."""

from __future__ import annotations

import json
import os
import shutil

import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Environment, Trajectory
from pypet.catalog.listing import listed_trajectories
from pypet.cli.app import main
from pypet.errors import StorageFormatError

pytestmark = pytest.mark.timeout(60)


def simulate(traj):
    if traj.x == 2:
        raise ValueError("no")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with Environment(
        "gains",
        filename=str(folder / "gains.hdf5"),
        comment="a \x1b[2J comment",
        add_time=False,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(5))})
        env.run(simulate)
    Trajectory("second", filename=str(folder / "gains.hdf5")).f_store()
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A folder with files of all kinds, which is the current one."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("inside/deep")
    shutil.copy(made / "gains.hdf5", tmp_path)
    shutil.copy(made / "gains.hdf5", "inside/deep/no_extension")
    (tmp_path / "notes.txt").write_text("text")
    with h5py.File("foreign.h5", "w") as file:
        file.create_group("a/b")
    return tmp_path


def listed(capsys, *arguments, status=0):
    assert main(["ls", *map(str, arguments)]) == status
    output = capsys.readouterr()
    assert output.err == ""
    return output.out.splitlines()


def test_trajectories_in_all_files_below_the_folder_have_a_line(folder, capsys):
    title, *lines = listed(capsys)
    assert title.split() == ["NAME", "RUNS", "COMPLETED", "SIZE", "DATE", "FILE", "COMMENT"]
    assert [line.split()[0] for line in lines] == ["gains", "second"] * 2
    assert "5  4 (1 failed)" in lines[0]
    assert lines[0].endswith(r"gains.hdf5                a \x1b[2J comment")
    assert "inside/deep/no_extension" in lines[2]
    assert lines[1].split()[1:3] == ["1", "0"]


def test_flat_leaves_out_folders_within_it(folder, capsys):
    assert len(listed(capsys, ".", "--flat")) == 3


def test_a_file_can_be_listed(folder, capsys):
    assert len(listed(capsys, "gains.hdf5")) == 3


def test_a_folder_without_trajectories_says_so(folder, capsys):
    os.makedirs("empty")
    assert listed(capsys, "empty") == ["            no trajectories below empty"]


def test_the_json_has_what_is_known(folder, capsys):
    described = json.loads("\n".join(listed(capsys, folder, "--flat", "--json")))
    assert described["format"] == 1
    first, second = described["trajectories"]
    assert first == {
        "path": str(folder / "gains.hdf5"),
        "size": (folder / "gains.hdf5").stat().st_size,
        "trajectory": "gains",
        "time": first["time"],
        "timestamp": first["timestamp"],
        "comment": "a \x1b[2J comment",
        "runs": 5,
        "completed": 4,
        "failed": 1,
        "problem": "",
    }
    assert first["time"].startswith("20")
    assert (second["trajectory"], second["runs"], second["completed"]) == ("second", 1, 0)


def test_what_cannot_be_read_is_listed_and_gives_status_1(folder, capsys):
    (folder / "cut.hdf5").write_bytes((folder / "gains.hdf5").read_bytes()[:3000])
    lines = listed(capsys, status=1)
    assert lines[1].startswith("-")
    assert "cut.hdf5" in lines[1]
    assert "cannot be read: " in lines[1]
    assert len(lines) == 6


def test_damaged_run_tables_are_counted_as_everywhere_else(folder, capsys):
    with h5py.File("gains.hdf5", "r+") as file:
        rows = file["gains/overview/runs"][:]
        rows["idx"][0] = -3
        file["gains/overview/runs"][:] = rows
        del file["second/overview/info"]
    gains, second = listed_trajectories("gains.hdf5")
    assert (gains.runs, gains.completed, gains.failed, gains.problem) == (5, 3, 1, "")
    assert (second.runs, second.completed, second.time) == (1, 0, "")


def test_any_storage_service_has_digests_of_its_trajectories():
    with Environment(
        "t",
        storage_service="memory",
        add_time=False,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2, 3]})
        env.run(simulate)
    ((name, digest),) = env.traj.v_storage_service.inspect_digests()
    assert (name, digest.info.length, digest.completed, digest.failed) == ("t", 3, 2, 1)
    assert env.traj.v_storage_service.has_writer() is None


@pytest.mark.parametrize("kind", ["missing", "foreign"])
def test_a_path_that_cannot_be_read_is_an_error(tmp_path, capsys, kind):
    path = tmp_path / "file.hdf5"
    if kind == "foreign":
        path.write_text("text")
    assert main(["ls", str(path)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("pypet: error: ")
    assert output.err.count("\n") == 1
    with pytest.raises((OSError, StorageFormatError)):
        list(listed_trajectories(path))
