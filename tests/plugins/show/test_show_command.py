"""``pypet show``: what a file holds, whoever wrote it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

pytest.importorskip("h5py")

import h5py
import numpy as np

from pypet import (
    ArrayParameter,
    Environment,
    NNGroupNode,
    Parameter,
    PickleParameter,
    PickleResult,
    Result,
    Trajectory,
    load_trajectory,
)
from pypet.cli.app import main

pytestmark = pytest.mark.timeout(60)


class Bomb:
    """Cannot be unpickled without running code of nobody's choice."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


@pytest.fixture
def filename(tmp_path):
    filename = str(tmp_path / "experiments.hdf5")
    with Environment(
        "first",
        comment="an experiment",
        filename=filename,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("group.x", 0)
        env.traj.f_add_parameter("note", "text " * 40)
        env.traj.f_explore({"x": list(range(8))})
        env.run(lambda traj: traj.f_add_result("square", traj.x**2) and None)
    second = Trajectory("second", filename=filename)
    second.f_add_result(PickleResult, "bomb", Bomb())
    second.f_store()
    return filename


def shown(capsys, *arguments):
    status = main(["show", *arguments])
    output = capsys.readouterr()
    return status, output.out.splitlines(), output.err


def test_all_trajectories_of_a_file_are_listed(filename, capsys):
    status, lines, _ = shown(capsys, filename)
    assert status == 0
    assert [line.split()[0] for line in lines] == ["first", "second"]
    assert "8 of 8 runs completed  an experiment" in lines[0]


def test_a_trajectory_is_shown_with_parameters_and_results(filename, capsys):
    status, lines, _ = shown(capsys, filename, "first")
    assert status == 0
    assert "comment     an experiment" in lines
    assert "runs        8 of 8 runs completed" in lines
    explored = "0, 1, 2, 3, 4, ... (8 distinct values in 8 runs, 0 to 7, int)"
    assert f"explored    parameters.group.x = {explored}" in lines
    assert "result      results.runs.$.square  8 of 8 runs, int, 64 B" in lines
    assert all(len(line) < 120 for line in lines if not line.startswith("file "))


def test_an_explored_parameter_that_was_never_stored_is_told(filename, capsys):
    with h5py.File(filename, "r+") as file:
        del file["first/parameters/group/x"]
    status, lines, _ = shown(capsys, filename, "first")
    assert status == 0
    assert "explored    parameters.group.x = not stored" in lines


def test_nothing_that_might_run_code_is_loaded(filename, capsys):
    with pytest.raises(SystemExit):
        pickle.loads(pickle.dumps(Bomb()))
    traj = load_trajectory("second", filename=filename)
    traj.f_store_item(traj.f_add_parameter(PickleParameter, "bomb", Bomb()))
    with h5py.File(filename, "r+") as file:
        file["second"].attrs["SRVC_AN_bomb"] = np.bytes_(pickle.dumps(Bomb(), 0))
    status, lines, _ = shown(capsys, filename, "second")
    assert status == 0
    assert any(line.startswith("result      results.bomb  ") for line in lines)
    parameter = next(line for line in lines if line.startswith("parameter   parameters.bomb = "))
    assert "(not unpickled: " in parameter
    assert "exec" in parameter


@pytest.mark.parametrize("kind", ["missing", "foreign", "cut"])
def test_what_is_no_such_file_is_told_in_one_line(filename, tmp_path, capsys, kind):
    path = tmp_path / kind
    if kind == "foreign":
        path.write_text("something else")
    elif kind == "cut":
        path.write_bytes(Path(filename).read_bytes()[:5000])
    status, lines, error = shown(capsys, str(path))
    assert (status, lines) == (1, [])
    assert error.startswith("pypet: error: ")
    assert str(path) in error
    assert error.count("\n") == 1


def test_an_unknown_trajectory_is_told_with_those_there_are(filename, capsys):
    status, _, error = shown(capsys, filename, "third")
    assert status == 1
    assert "'third'" in error
    assert "first, second" in error


# ----- files of strangers ----------------------------------------------------------------------

COMMANDS = "\x1b]0;title\x07\x1b[2J\r\u202eevil\x9b31m\u2028"
"""What a terminal would obey: its title, its screen, the direction of text, colours."""
SHOWN = r"\x1b]0;title\x07\x1b[2J \u202eevil\x9b31m"


@pytest.fixture
def commanding(tmp_path):
    """A file that has commands for terminals wherever text can be."""
    filename = str(tmp_path / "commands.hdf5")
    traj = Trajectory("t", filename=filename, comment=COMMANDS)
    traj.f_add_parameter("text", COMMANDS)
    traj.f_add_parameter("texts", [COMMANDS, COMMANDS])
    traj.f_explore({"text": [COMMANDS, "other"]})
    traj.f_add_result("r", 1)
    traj.f_store()
    with h5py.File(filename, "r+") as file:
        file.copy("t", COMMANDS)
        file.move("t/results/r", f"t/results/{COMMANDS}")
        file.move("t/parameters/texts", f"t/parameters/{COMMANDS}")
        file[f"t/results/{COMMANDS}2"] = h5py.ExternalLink(COMMANDS, COMMANDS)
        file[f"t/results/{COMMANDS}3"] = h5py.SoftLink(COMMANDS)
    return filename


def in_a_process(*arguments, **environment):
    """Return status, stdout and stderr of a command, with the log where Python sends it."""
    done = subprocess.run(
        [sys.executable, "-m", "pypet", *arguments],
        capture_output=True,
        timeout=50,
        check=False,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("arguments", [(), ("t",), (COMMANDS,), ("t" + COMMANDS,)])
def test_nothing_that_a_terminal_obeys_is_printed(commanding, arguments):
    status, out, error = in_a_process("show", commanding, *arguments)
    for line in (out + error).split("\n"):
        assert line.isprintable()
    assert "title" in out + error
    if not arguments:
        assert (status, error) == (0, "")
        assert SHOWN[:20] in out
    if arguments == ("t",):
        assert (status, error) == (0, "")
        assert out.count("and is not followed") == 2


def test_text_that_the_terminal_has_no_letters_for_is_printed_as_escapes(tmp_path):
    filename = str(tmp_path / "a.hdf5")
    traj = Trajectory("t", filename=filename, comment="Größe\u3000\u4e2d")
    traj.f_store()
    status, out, error = in_a_process(
        "show", filename, PYTHONIOENCODING="ascii:strict", PYTHONUTF8="0"
    )
    assert (status, error) == (0, "")
    assert r"Gr\xf6\xdfe \u4e2d" in out
    assert "Größe \u4e2d" in in_a_process("show", filename, PYTHONIOENCODING="utf8")[1]


def cut_off_info(file, name):
    del file[f"{name}/overview/info"]


def no_explorations(file, name):
    del file[f"{name}/overview/explorations"]
    file[f"{name}/overview/explorations"] = [1, 2]


def strange_encoding(file, name):
    settings = file[f"{name}/overview/hdf5_settings"]
    rows = settings[:]
    rows["encoding"] = b"no such"
    settings[:] = rows


def other_version(file, name):
    info = file[f"{name}/overview/info"]
    rows = info[:]
    rows["version"] = b"\x1b[2J"
    info[:] = rows


def overwritten_root(file, name):
    return h5py.h5o.get_info(file[name].id).addr


def overwritten_overview(file, name):
    return h5py.h5o.get_info(file[f"{name}/overview"].id).addr


def damage_second(filename, damage):
    third = Trajectory("third", filename=filename)
    third.f_store()
    with h5py.File(filename, "r+") as file:
        address = damage(file, "second")
    if address is not None:
        with open(filename, "r+b") as stream:
            stream.seek(address)
            stream.write(b"\xaa" * 40)


@pytest.mark.parametrize(
    "damage", [cut_off_info, no_explorations, strange_encoding, overwritten_overview]
)
def test_a_trajectory_whose_overview_is_damaged_is_shown(filename, capsys, caplog, damage):
    damage_second(filename, damage)
    status, lines, _ = shown(capsys, filename)
    assert status == 0
    names = [line.split()[0] for line in lines]
    assert names[:2] == ["first", "second"]
    assert set(names[2:-1]) == {"damaged:"}
    assert names[-1] == "third"
    assert all(line.startswith("  damaged: overview/") for line in lines[2:-1])
    status, lines, _ = shown(capsys, filename, "second")
    assert status == 0
    assert any(line.startswith("damaged     overview/") for line in lines)
    assert any("bomb" in line for line in lines)
    assert caplog.text == ""


def test_one_damaged_trajectory_does_not_hide_the_others(filename, capsys):
    damage_second(filename, overwritten_root)
    status, lines, error = shown(capsys, filename)
    assert status == 1
    assert [line.split()[0] for line in lines] == ["first", "second", "third"]
    assert "8 of 8 runs completed" in lines[0]
    assert "cannot be shown" in lines[1]
    assert filename in lines[1]
    assert "0 of 1 runs completed" in lines[2]
    assert error == ""
    status, lines, error = shown(capsys, filename, "second")
    assert (status, lines) == (1, [])
    assert error.startswith("pypet: error: ")
    assert error.count("\n") == 1


def test_a_trajectory_of_an_unknown_version_is_shown(filename, capsys):
    with h5py.File(filename, "r+") as file:
        other_version(file, "second")
    status, lines, _ = shown(capsys, filename)
    assert [line.split()[0] for line in lines] == ["first", "second"]
    assert status == ("cannot be shown" in lines[1])


def test_what_unpacks_to_far_more_than_is_stored_is_not_read(filename, capsys):
    with h5py.File(filename, "r+") as file:
        leaf = file["first/parameters"].create_group("bomb")
        leaf.attrs["SRVC_LEAF"] = True
        leaf.attrs["SRVC_INIT_CLASS_NAME"] = "ArrayParameter"
        bomb = leaf.create_dataset("data__rr__", (1 << 45,), "u1", chunks=(1 << 20,))
        bomb.attrs["SRVC_STORE"] = "CARRAY"
        bomb.attrs["SRVC_DATA_COLL_TYPE"] = "COLL_NDARRAY"
    status, lines, error = shown(capsys, filename, "first")
    assert (status, error) == (0, "")
    assert "parameter   parameters.bomb = (too large to be read here)" in lines


def test_small_chunks_that_unpack_to_much_are_told(filename, capsys):
    with h5py.File(filename, "r+") as file:
        data = file["first/parameters/note/data"]
        attributes = dict(data.attrs)
        del file["first/parameters/note/data"]
        chunk = zlib.compress(bytes(1 << 31))
        bomb = file["first/parameters/note"].create_dataset(
            "data", data.shape, data.dtype, chunks=(1,), compression="gzip"
        )
        bomb.attrs.update(attributes)
        bomb.id.write_direct_chunk((0,), chunk)
    status, lines, _ = shown(capsys, filename, "first")
    assert status == 1
    assert "parameter   parameters.note = (damaged)" in lines
    assert any(line.startswith("damaged     parameters.note: ") for line in lines)
    assert any("size_limit" in line for line in lines)


def test_a_group_that_is_in_itself_is_shown_once(filename, capsys):
    with h5py.File(filename, "r+") as file:
        file["first/results/again"] = file["first"]
        file["first/results/runs/once_more"] = file["first/results"]
    status, lines, error = shown(capsys, filename, "first")
    assert (status, error) == (0, "")
    assert "link        results.again -> the trajectory itself" in lines
    assert "link        results.runs.once_more -> results" in lines
    assert sum(line.startswith("result ") for line in lines) == 1


# ----- what cannot be loaded -------------------------------------------------------------------


class OwnParameter(Parameter):
    """Keeps its data as `Parameter` does."""


class OwnArrays(ArrayParameter):
    """Keeps its data as `ArrayParameter` does."""


class OwnResult(Result):
    """A class that nobody but this module knows."""


class OwnGroup(NNGroupNode):
    """A group that nobody but this module knows."""


def test_classes_that_are_not_importable_hide_nothing(tmp_path, capsys):
    filename = str(tmp_path / "own.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_parameter(OwnParameter, "plain", 3)
    traj.f_add_parameter(OwnArrays, "arrays", np.arange(3))
    traj.f_add_parameter("x", 1)
    traj.results.f_add_group(OwnGroup, "group")
    traj.f_add_result(OwnResult, "group.r", np.zeros((2, 3)))
    traj.f_store()
    with pytest.raises(ImportError):
        load_trajectory("t", filename=filename, load_data=2)
    status, lines, error = shown(capsys, filename, "t")
    assert (status, error) == (0, "")
    assert "parameter   parameters.plain = 3" in lines
    assert "parameter   parameters.x = 1" in lines
    refused = "the class 'OwnArrays' is not one of pypet's parameters"
    assert f"parameter   parameters.arrays = ({refused})" in lines
    result = next(line for line in lines if line.startswith("result      results.group.r "))
    assert "ndarray of float64, shape (2, 3)" in result
    assert result.endswith(", OwnResult")


@pytest.mark.parametrize("stored", [0, 3])
def test_an_experiment_that_was_killed_is_shown(filename, capsys, stored):
    with h5py.File(filename, "r+") as file:
        del file["first/parameters/group/x"]
        rows = file["first/overview/runs"][:]
        rows["completed"], rows["timestamp"], rows["finish_timestamp"] = 0, 42.0, 1.337
        file["first/overview/runs"][:] = rows
        for index in range(stored, 8):
            del file[f"first/results/runs/run_{index:08d}"]
    status, lines, error = shown(capsys, filename, "first")
    assert (status, error) == (0, "")
    assert "explored    parameters.group.x = not stored" in lines
    assert "runs        0 of 8 runs completed" in lines
    assert ("stored      data of 3 runs" in lines) == bool(stored)
    assert not any(text in line for line in lines for text in ("42.0", "1.337", "N/A", "1970"))


def overwrite(filename, address):
    with open(filename, "r+b") as stream:
        stream.seek(address)
        stream.write(b"\xaa" * 40)


@pytest.mark.parametrize(
    ("where", "gone", "stays"),
    [
        ("parameters/group", "parameters.group.x = 0", "parameters.note = "),
        ("parameters/note", "parameters.note = ", "parameters.group.x = "),
        ("results/runs/run_00000003", None, "results.runs.$.square  7 of 8 runs, int, 56 B"),
        ("results/runs/run_00000003/square", None, "results.runs.$.square  7 of 8 runs, int"),
        ("results/runs/run_00000003/square/square", None, "results.runs.$.square  8 of 8 runs"),
        ("config", "config ", "results.runs.$.square  8 of 8 runs, int, 64 B"),
    ],
)
def test_one_damaged_node_hides_nothing_else(filename, capsys, where, gone, stays):
    with h5py.File(filename, "r") as file:
        address = h5py.h5o.get_info(file[f"first/{where}"].id).addr
    overwrite(filename, address)
    status, lines, error = shown(capsys, filename, "first")
    assert (status, error) == (1, "")
    problems = [line for line in lines if line.startswith("damaged ")]
    node = where.replace("/", ".").removesuffix(".square.square")
    assert [line.split()[1].rstrip(":") for line in problems] == [
        f"{node}.square" if where.endswith("square/square") else node
    ]
    assert any(stays in line for line in lines)
    if gone:
        assert not any(line.split(maxsplit=1)[1].startswith(gone) for line in lines)


def test_a_value_that_does_not_fit_its_checksum_is_told(filename, capsys):
    with h5py.File(filename, "r") as file:
        chunk = file["first/parameters/group/x/explored_data"].id.get_offset() or (
            file["first/parameters/group/x/explored_data"].id.get_chunk_info(0).byte_offset
        )
    overwrite(filename, chunk)
    status, lines, _ = shown(capsys, filename, "first")
    assert status == 1
    assert "explored    parameters.group.x = (damaged)" in lines
    assert any(line.startswith("damaged     parameters.group.x: ") for line in lines)


# ----- files that are in use -------------------------------------------------------------------


def shown_from_inside(traj, filename, folder):
    """Be a run that looks at its own experiment from another process."""
    traj.f_add_result("square", traj.x**2)
    status, out, error = in_a_process("show", filename, "running")
    Path(folder, f"{traj.v_idx}").write_text(json.dumps([status, out, error]))


@pytest.mark.parametrize("ways", [{}, {"multiproc": True, "ncores": 1, "wrap_mode": "QUEUE"}])
def test_an_experiment_can_be_shown_while_it_runs(tmp_path, ways):
    filename, folder = str(tmp_path / "running.hdf5"), tmp_path / "seen"
    folder.mkdir()
    with Environment(
        "running",
        filename=filename,
        log_config=None,
        report_progress=False,
        add_time=False,
        **ways,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [0, 1]})
        env.run(shown_from_inside, filename, str(folder))
    for index in range(2):
        status, out, error = json.loads((folder / str(index)).read_text())
        assert (status, error) == (0, "")
        lines = out.splitlines()
        seen = [line for line in lines if line.startswith("runs ")]
        assert seen in [[f"runs        {done} of 2 runs completed"] for done in range(index + 1)]
        assert any(line.startswith("explored    parameters.x = 0, 1 (") for line in lines)
