"""``pypet diff``: two experiments, or two runs."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Environment, PickleParameter, cartesian_product
from pypet.catalog.comparison import compare, find_place
from pypet.catalog.differences import distribution_differences
from pypet.cli.app import main

pytestmark = pytest.mark.timeout(60)


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def simulate(traj):
    traj.f_add_result("z", traj.x * traj.factor)
    traj.f_add_result("same", traj.x)
    traj.f_add_result("trace", np.arange(3.0) * traj.x, label="a")
    if traj.factor > 1:
        traj.f_add_result("extra", 1)


def experiment(filename, name, factor, xs, **parameters):
    with Environment(
        name,
        filename=filename,
        add_time=False,
        comment=f"factor {factor}",
        seed=1,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_add_parameter("trial", 0)
        env.traj.f_add_parameter("factor", factor)
        env.traj.f_add_parameter("weights", np.ones(3) * factor)
        env.traj.f_add_parameter(PickleParameter, "pickled", Bomb())
        for key, value in parameters.items():
            env.traj.f_add_parameter(key, value)
        env.traj.f_explore(cartesian_product({"x": xs, "trial": [0, 1]}))
        env.run(simulate)


@pytest.fixture(scope="module")
def filename(tmp_path_factory):
    filename = str(tmp_path_factory.mktemp("diff") / "data.hdf5")
    experiment(filename, "first", 1.0, [1, 2, 3], old=True)
    experiment(filename, "second", 1.5, [3, 2, 4], new="text \x1b[2J")
    return filename


def by_name(differences):
    return {each.name: each for each in differences}


def test_experiments_are_compared_section_by_section(filename):
    found = compare(find_place(f"{filename}:first"), find_place(f"{filename}:second"))
    assert not found.is_equal
    about = by_name(found.trajectory)
    assert (about["comment"].a, about["comment"].b) == ("'factor 1.0'", "'factor 1.5'")
    parameters = by_name(found.parameters)
    assert set(parameters) == {
        "parameters.factor",
        "parameters.weights",
        "parameters.old",
        "parameters.new",
    }
    assert (parameters["parameters.factor"].a, parameters["parameters.factor"].b) == ("1.0", "1.5")
    assert parameters["parameters.weights"].about == "3 of 3 elements differ, by 0.5 at most"
    assert parameters["parameters.old"].kind == "only in a"
    assert parameters["parameters.new"].kind == "only in b"
    explored = by_name(found.explored)
    assert set(explored) == {"parameters.x"}
    assert explored["parameters.x"].about == "4 of 6 values differ"
    assert found.code == ()
    assert found.environment == ()
    assert found.settings == ()


def test_runs_of_experiments_are_matched_by_their_parameters(filename):
    found = compare(find_place(f"{filename}:first"), find_place(f"{filename}:second"))
    results = by_name(found.results)
    assert set(results) == {"z", "extra"}
    assert results["z"].about == "4 of 4 runs with the same parameters, by 1.5 at most"
    assert (results["z"].a, results["z"].b) == ("2.0", "3.0")
    assert results["extra"].kind == "only in b"
    assert results["extra"].b == "in 6 runs"


def test_an_experiment_equals_its_copy(filename, tmp_path):
    copy = shutil.copy(filename, tmp_path / "copy:of.hdf5")
    found = compare(find_place(f"{filename}:first"), find_place(f"{copy}:first"))
    assert found.is_equal


def test_runs_are_compared_with_all_their_values(filename):
    found = compare(find_place(f"{filename}:first:0"), find_place(f"{filename}:first:run_00000002"))
    assert {each.name for each in found.parameters} == {"parameters.x"}
    results = by_name(found.results)
    assert set(results) == {"z", "same", "trace.trace"}
    assert results["trace.trace"].about == "2 of 3 elements differ, by 2 at most"
    assert found.explored == ()


def test_packages_are_compared_one_by_one():
    found = list(distribution_differences("a==1\nb==2\n", "b==3\nc==1\n"))
    assert [(each.name, each.kind) for each in found] == [
        ("distributions.a", "only in a"),
        ("distributions.b", "changed"),
        ("distributions.c", "only in b"),
    ]
    (only,) = distribution_differences(None, "b==3\nc==1\n")
    assert (only.kind, only.b) == ("only in b", "2 distributions")


def test_the_code_of_an_experiment_is_compared(tmp_path):
    filename = str(tmp_path / "data.hdf5")
    for name, commit in (("a", "1" * 40), ("b", "2" * 40)):
        with Environment(
            name, filename=filename, add_time=False, log_config=None, report_progress=False
        ) as env:
            group = f"commit_{commit[:7]}"
            env.traj.f_add_config(f"git.{group}.hexsha", commit)
            env.traj.f_add_config(f"environment.{env.name}.code.snapshot", group)
            env.traj.f_add_config("git.commit_other.hexsha", name)
            env.run(lambda traj: None)
    found = compare(find_place(f"{filename}:a"), find_place(f"{filename}:b"))
    assert [(each.name, each.a, each.b) for each in found.code] == [
        ("git.hexsha", repr("1" * 40), repr("2" * 40))
    ]


def printed(capsys, *arguments, status=0):
    assert main(["diff", *arguments]) == status
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def test_the_command_shows_text_and_json(filename, capsys):
    places = f"{filename}:first", f"{filename}:second"
    lines = printed(capsys, *places).splitlines()
    assert lines[0] == f"a           {filename} trajectory first"
    assert "parameters  parameters.factor: 1.0 -> 1.5" in lines
    assert r"parameters  parameters.new = 'text \x1b[2J', only in b" in lines
    described = json.loads(printed(capsys, *places, "--json"))
    assert described["equal"] is False
    assert described["a"] == {"path": filename, "trajectory": "first", "run": None}
    assert described["differences"]["results"][0] == {
        "name": "extra",
        "kind": "only in b",
        "a": None,
        "b": "in 6 runs",
        "about": "",
    }


def test_the_exit_code_can_tell_whether_something_differs(filename, capsys):
    same = f"{filename}:first", f"{filename}:first"
    assert "equal       nothing differs" in printed(capsys, *same, "--exit-code")
    printed(capsys, f"{filename}:first", f"{filename}:second", "--exit-code", status=1)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("{}", "{}:first", "Name the trajectory, as in {}:NAME; there are: first, second."),
        ("{}:third", "{}:first", "no trajectory 'third'"),
        ("{}:first:6", "{}:first:0", "no run 6"),
        ("{}:first:run_x", "{}:first:0", "no run 'run_x'"),
        ("{}:first", "{}:first:0", "not an experiment with a run"),
        ("nowhere.hdf5:first", "{}:first", "no file or folder nowhere.hdf5"),
    ],
)
def test_what_cannot_be_compared_is_one_line_on_stderr(filename, capsys, a, b, message):
    assert main(["diff", a.format(filename), b.format(filename)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert message.format(filename) in output.err
    assert output.err.count("\n") == 1


def test_a_file_without_trajectories_is_named(filename, tmp_path, capsys):
    empty = tmp_path / "empty.hdf5"
    h5py.File(empty, "w").close()
    assert main(["diff", filename + ":first", str(empty)]) == 1
    assert f"There are no trajectories in {empty}." in capsys.readouterr().err
