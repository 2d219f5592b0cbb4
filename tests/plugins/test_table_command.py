"""``pypet table``: rows of runs in the terminal and as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("h5py")

from pypet import Environment, Trajectory, cartesian_product
from pypet.cli.app import main

pytestmark = pytest.mark.timeout(60)


def simulate(traj):
    if traj.x == 3:
        raise ValueError("no \x1b[2J")
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    traj.f_add_result("fit.slope", float("nan") if traj.x == 2 else traj.x / 2)
    traj.f_add_result("trace", np.arange(3.0))


@pytest.fixture(scope="module")
def filename(tmp_path_factory):
    filename = str(tmp_path_factory.mktemp("table") / "data.hdf5")
    with Environment(
        "t",
        filename=filename,
        add_time=False,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("neuron.x", 0)
        env.traj.f_add_parameter("y", 0.0)
        env.traj.f_add_parameter("constant", "same")
        env.traj.f_explore(cartesian_product({"x": [1, 2, 3], "y": [0.5, 1.5]}))
        env.run(simulate)
    return filename


def printed(capsys, *arguments):
    assert main(["table", *arguments]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return [line.split() for line in output.out.splitlines()]


def test_all_runs_have_a_row_with_parameters_and_scalar_results(filename, capsys):
    title, *rows = printed(capsys, filename)
    assert title == ["run", "neuron.x", "y", "fit.slope", "z", "state", "runtime", "error"]
    assert len(rows) == 6
    assert rows[0][:6] == ["0", "1", "0.5", "0.5", "0.5", "committed"]
    assert rows[2][:4] == ["2", "2", "0.5", "nan"]
    failed = [row for row in rows if "failed" in row]
    assert len(failed) == 2
    assert failed[0][-3:] == ["ValueError:", "no", r"\x1b[2J"]


def test_rows_are_chosen_and_sorted(filename, capsys):
    rows = printed(
        capsys, filename, "t", "--where", "x < 3 and z > 0.6", "--sort", "z", "--descending",
        "--columns", "z,x,constant",
    )  # fmt: skip
    assert rows == [
        ["z", "x", "constant"],
        ["3", "2", "same"],
        ["1.5", "1", "same"],
        ["1", "2", "same"],
    ]


def test_a_condition_may_use_columns_that_are_not_shown(filename, capsys):
    rows = printed(capsys, filename, "--where", "constant == 'same' and run < 2", "--columns", "x")
    assert rows == [["x"], ["1"], ["1"]]
    (title, *rows) = printed(capsys, filename, "--where", "constant == 'other'")
    assert rows == []
    assert "constant" in title


def test_only_completed_runs_can_be_asked_for(filename, capsys):
    assert len(printed(capsys, filename, "--completed")) == 5
    assert len(printed(capsys, filename, "--where", "not completed")) == 3


def test_results_that_are_no_scalars_can_be_named(filename, capsys):
    rows = printed(capsys, filename, "--columns", "trace,run", "--limit", "1")
    assert rows[:2] == [["trace", "run"], ["[0.0,", "1.0,", "2.0]", "0"]]
    assert rows[2:] == [["1", "of", "6", "rows;", "--limit", "0", "shows", "all"]]


def test_the_json_has_columns_with_null_for_what_is_missing(filename, capsys):
    assert main(["table", filename, "--json", "--columns", "run,z,slope,x"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["format"], described["runs"], described["rows"]) == (1, 6, 6)
    columns = {column["name"]: column for column in described["columns"]}
    assert columns["z"]["values"] == [0.5, 1.5, 1.0, 3.0, None, None]
    assert columns["slope"]["values"] == [0.5, 0.5, None, None, None, None]
    assert columns["z"]["comment"] == "product"
    assert columns["x"] == {
        "name": "x",
        "full_name": "parameters.neuron.x",
        "kind": "parameter",
        "explored": True,
        "comment": "",
        "dtype": "int64",
        "values": [1, 1, 2, 2, 3, 3],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "x >"], "ends where"),
        (["--where", "q > 1"], "'q'"),
        (["--where", "x > 'a'"], "text"),
        (["--columns", "q"], "'q'"),
        (["--columns", "q"], "Other columns are: run, name, state"),
        (["--where", "xx > 1"], ", neuron.x, y, constant."),
        (["--sort", "q"], "'q'"),
        (["--sort", "trace", "--columns", "x"], "cannot be sorted by 'trace'"),
        (["other"], "no trajectory 'other'"),
    ],
)
def test_what_makes_no_sense_is_one_line_on_stderr(filename, capsys, arguments, message):
    if arguments[0][0] == "-":
        arguments = ["t", *arguments]
    assert main(["table", filename, *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("pypet: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1


def test_a_folder_is_no_file(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for command in (["table"], ["export", "--to", "a.csv"], ["plot", "--to", "a.png"]):
        assert main([*command, str(tmp_path / "data")]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith(f"{tmp_path / 'data'} is a folder; name one of the files in it.")


@pytest.mark.parametrize("arguments", [[], ["--limit", "x"], ["--columns", "x,,y"]])
def test_wrong_usage_has_status_2(filename, capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(["table", *([filename] if arguments else []), *arguments])
    assert end.value.code == 2
    assert "usage: pypet table" in capsys.readouterr().err


def test_which_trajectory_is_asked_for_where_there_are_several(tmp_path, capsys):
    filename = str(tmp_path / "two.hdf5")
    for name in ("first", "second"):
        Trajectory(name, filename=filename).f_store()
    assert main(["table", filename]) == 1
    assert "first, second" in capsys.readouterr().err
