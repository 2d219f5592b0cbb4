"""``pypet show``: what a file holds, whoever wrote it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

pytest.importorskip("h5py")

from pypet import Environment, PickleResult, Trajectory
from pypet.cli.app import main


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
    assert "explored    parameters.group.x = [0, 1, 2, 3, 4, ...] (8 values)" in lines
    assert "result      results.runs.$.square  (8 runs)" in lines
    assert all(len(line) < 100 for line in lines)


def test_nothing_that_might_run_code_is_loaded(filename, capsys):
    with pytest.raises(SystemExit):
        pickle.loads(pickle.dumps(Bomb()))
    status, lines, _ = shown(capsys, filename, "second")
    assert status == 0
    assert "result      results.bomb" in lines


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
