"""``pypet show FOLDER``, and what is no file of trajectories."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys

import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Trajectory, load_trajectory
from pypet.cli.app import main
from pypet.errors import StorageFormatError
from tests.processes import run_python

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of all kinds, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for name in ("b", "a"):
        Trajectory(name, filename="some.hdf5", comment=f"comment of {name}").f_store()
    Trajectory("inner", filename="inside/deep.hdf5").f_store()
    shutil.copy("some.hdf5", "no_extension")
    with h5py.File("foreign.h5", "w") as file:
        file.create_group("a/b")
    (tmp_path / "empty.hdf5").touch()
    (tmp_path / "text.hdf5").write_text("text")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "cut.hdf5").write_bytes((tmp_path / "some.hdf5").read_bytes()[:3000])
    os.symlink("nowhere", "broken_link.hdf5")
    os.symlink(".", "loop")
    return tmp_path


def shown(capsys, *arguments):
    status = main(["show", *arguments])
    output = capsys.readouterr()
    assert output.err == ""
    return status, output.out.splitlines()


def names_of(lines):
    """Return the files that are listed."""
    return [line.split("  ")[0] for line in lines if line[0] != " " and "  " in line]


def test_the_files_of_a_folder_are_listed_with_what_each_holds(folder, capsys):
    status, lines = shown(capsys, str(folder))
    assert status == 1  # some of them cannot be read
    names = ["cut.hdf5", "empty.hdf5", "no_extension", "some.hdf5", "text.hdf5"]
    assert names_of(lines) == [str(folder / name) for name in names]
    place = lines.index(next(line for line in lines if "some.hdf5" in line))
    assert [line.split()[0] for line in lines[place + 1 : place + 3]] == ["a", "b"]
    assert all("0 of 1 runs completed  comment of" in line for line in lines[place + 1 : place + 3])
    problems = [line for line in lines if line.startswith("  cannot be shown: ")]
    assert "is incomplete" in problems[0] or "cannot be opened" in problems[0]
    assert "is empty" in problems[1]
    assert "is not an HDF5 file" in problems[2]
    assert lines[-1] == "besides: 1 HDF5 file without any, 1 other file"


def test_folders_in_it_are_read_if_that_is_asked_for(folder, capsys):
    assert not any("deep.hdf5" in line for line in shown(capsys, str(folder))[1])
    _, lines = shown(capsys, str(folder), "--recursive")
    assert names_of(lines).count(str(folder / "inside" / "deep.hdf5")) == 1
    assert shown(capsys, "-r", "inside") == (0, lines_about_inner(lines))


def lines_about_inner(lines):
    size = next(line for line in lines if "deep.hdf5" in line).split("  ")[1]
    inner = next(line for line in lines if line.startswith("  inner"))
    return [f"{os.path.join('inside', 'deep.hdf5')}  {size}", inner]


def test_a_folder_without_trajectories(tmp_path, capsys):
    assert shown(capsys, str(tmp_path)) == (0, [f"no files with trajectories in {tmp_path}"])


def test_a_folder_as_json(folder, capsys):
    status, lines = shown(capsys, ".", "--json")
    described = json.loads("\n".join(lines))
    assert status == 1
    assert sorted(described) == ["folder", "format"]
    found = described["folder"]
    assert sorted(found) == ["files", "others", "path", "without_trajectories"]
    assert found["without_trajectories"] == [os.path.join(".", "foreign.h5")]
    assert found["others"] == 1
    by_name = {os.path.basename(file["path"]): file for file in found["files"]}
    assert [each["name"] for each in by_name["some.hdf5"]["trajectories"]] == ["a", "b"]
    assert by_name["some.hdf5"]["problem"] == ""
    assert "is empty" in by_name["empty.hdf5"]["problem"]
    assert by_name["empty.hdf5"]["size"] == 0


def test_a_trajectory_of_a_folder_is_told(folder, capsys):
    assert main(["show", str(folder), "a"]) == 1
    assert "is a folder: name the file in it" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_that_are_no_utf8_are_escaped(folder, capsys):
    name = os.fsdecode(b"odd\xff\x1b[2J.hdf5")
    shutil.copy("some.hdf5", name)
    status, lines = shown(capsys, name)
    assert (status, len(lines)) == (0, 2)
    _, lines = shown(capsys, name, "a")
    assert any(line.startswith(r"file        odd\udcff\x1b[2J.hdf5 (") for line in lines)
    _, lines = shown(capsys, ".")
    assert any(line.startswith(r"./odd\udcff\x1b[2J.hdf5  ") for line in lines)
    _, lines = shown(capsys, name, "a", "--json")
    assert json.loads("\n".join(lines))["path"] == name
    assert all(line.isascii() and line.isprintable() for line in lines)


def error_of(*arguments):
    """Return what a command that fails writes to stderr, in a process that may be ended."""
    done = run_python("-m", "pypet", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pypet: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
@pytest.mark.parametrize("command", [["show"], ["show", "t"], ["checkout", "t", "out"]])
def test_a_fifo_is_not_waited_for(tmp_path, command):
    fifo = str(tmp_path / "fifo.hdf5")
    os.mkfifo(fifo)
    command.insert(1, fifo)
    assert "is a FIFO and not a file" in error_of(*command)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_or_socket_in_a_folder_is_passed_by(folder, capsys):
    before = shown(capsys, ".")
    os.mkfifo("fifo.hdf5")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.hdf5")
        assert shown(capsys, ".") == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_nothing_is_stored_in_a_fifo_or_device(tmp_path):
    fifo = str(tmp_path / "fifo.hdf5")
    os.mkfifo(fifo)
    with pytest.raises(StorageFormatError, match="is a FIFO and not a file"):
        Trajectory("t", filename=fifo).f_store()
    with pytest.raises(StorageFormatError, match="is a FIFO and not a file"):
        load_trajectory("t", filename=fifo)
    with pytest.raises(StorageFormatError, match="is a device and not a file"):
        Trajectory("t", storage_service="hdf5", filename=os.devnull).f_store()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nothing.hdf5", "There is no file or folder nothing.hdf5."),
        ("", "There is no file or folder ."),
        (os.path.join("some.hdf5", "x"), "There is no file"),
        ("broken_link.hdf5", "is a link to a file that does not exist"),
        ("empty.hdf5", "is empty"),
        ("text.hdf5", "is not an HDF5 file"),
        (os.devnull, "is a device and not a file"),
    ],
)
def test_what_is_no_file_of_trajectories_is_told(folder, capsys, name, problem):
    assert main(["show", name]) == 1
    output = capsys.readouterr()
    assert problem in output.err
    assert (output.out, output.err.count("\n")) == ("", 1)


def test_a_file_that_may_not_be_read_is_told(folder, capsys):
    os.chmod("some.hdf5", 0)
    if os.access("some.hdf5", os.R_OK):
        pytest.skip("this user may read everything")
    assert main(["show", "some.hdf5"]) == 1
    assert "may not be read" in capsys.readouterr().err
    status, lines = shown(capsys, ".")
    assert status == 1
    assert sum("may not be read" in line for line in lines) == 1


def test_hdf5_files_without_trajectories(folder, capsys):
    assert shown(capsys, "foreign.h5") == (0, ["no trajectories"])
