"""Single nodes of a trajectory, as `pypet show FILE TRAJECTORY NODE` and pages show them."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import (
    Environment,
    Parameter,
    PickleParameter,
    PickleResult,
)
from pypet.catalog import described_node, leaf_values
from pypet.cli.app import main
from pypet.errors import DataNotInStorageError, RefusedPickleError

pytestmark = pytest.mark.timeout(60)


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


class OwnParameter(Parameter):
    """Not importable for whoever shows the file: it is no class of pypet's."""


def simulate(traj):
    traj.f_add_result("z", traj.x * 1.5, comment="half as much again")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pd = pytest.importorskip("pandas")
    filename = str(tmp_path_factory.mktemp("nodes") / "data.hdf5")
    env = Environment(
        "t", filename=filename, add_time=False, log_config=None, report_progress=False
    )
    traj = env.traj
    traj.f_add_parameter("neuron.x", 1, comment="in mV")
    traj.f_add_parameter(OwnParameter, "own", 7)
    traj.f_add_parameter(PickleParameter, "bad", Bomb())
    traj.f_explore({"x": [1, 2]})
    traj.f_add_result("mixed", trace=np.arange(1000.0), note="first\nsecond \x1b[2J", n=3)
    traj.f_add_result("frame", pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    traj.f_add_result(PickleResult, "bomb", Bomb())
    traj.f_add_result("group.inner", 1)
    traj.res.f_add_link("link", traj.res.mixed)
    env.run(simulate)
    env.disable_logging()
    return filename


def items_of(node):
    return {item.name: item for item in node.items}


def test_a_result_is_described_with_its_values(made):
    node = described_node(made, "t", "results.mixed")
    assert (node.kind, node.class_name, node.problem) == ("leaf", "Result", "")
    items = items_of(node)
    assert set(items) == {"trace", "note", "n"}
    assert items["trace"].value.shape == (1000,)
    assert items["trace"].value.max == 999.0
    assert items["trace"].preview.startswith("[  0.   1.   2.   3. ...")
    assert len(items["trace"].preview) < 200
    assert items["note"].preview == "first\nsecond \x1b[2J"
    assert items["n"].value.value == 3
    np.testing.assert_array_equal(
        leaf_values(made, "t", "results.mixed")["trace"], np.arange(1000.0)
    )


def test_a_frame_is_previewed_as_a_table(made):
    (item,) = described_node(made, "t", "results.frame").items
    assert item.type == "DataFrame"
    assert item.preview.splitlines()[1].split() == ["0", "1", "x"]
    assert list(leaf_values(made, "t", "frame")["frame"]["b"]) == ["x", "y"]


def test_an_explored_parameter_has_its_range(made):
    node = described_node(made, "t", "x")
    assert node.name == "parameters.neuron.x"
    assert node.comment == "in mV"
    assert node.explored
    assert [value.value for value in node.range.values] == [1, 2]
    assert leaf_values(made, "t", "x") == {"data": 1}


def test_a_class_of_somebodys_own_is_read_if_it_keeps_its_data_as_parameters_do(made):
    assert items_of(described_node(made, "t", "own"))["data"].value.value == 7


def test_the_end_of_a_name_is_enough_where_it_is_unique(made):
    assert described_node(made, "t", "run_00000001.z").name == "results.runs.run_00000001.z"
    with pytest.raises(DataNotInStorageError, match=r"'z' is not unique.*run_00000000\.z, "):
        described_node(made, "t", "z")
    with pytest.raises(DataNotInStorageError, match="no node 'nothing'"):
        described_node(made, "t", "nothing")


def test_a_group_has_its_children(made):
    node = described_node(made, "t", "results")
    assert node.kind == "group"
    children = {child.name: child for child in node.children}
    assert children["results.mixed"].kind == "leaf"
    assert children["results.group"].kind == "group"
    assert children["results.link"].kind == "link"
    names = {child.name for child in described_node(made, "t", "").children}
    assert {"parameters", "results"} <= names


def test_a_link_leads_to_its_target(made):
    node = described_node(made, "t", "results.link")
    assert (node.kind, node.target) == ("link", "results.mixed")
    with pytest.raises(DataNotInStorageError, match="is a link"):
        leaf_values(made, "t", "results.link")


@pytest.mark.parametrize("name", ["results.bomb", "parameters.bad"])
def test_nothing_that_might_run_code_is_unpickled(made, name):
    node = described_node(made, "t", name)
    assert "not unpickled" in node.unknown
    assert node.items == ()
    with pytest.raises(RefusedPickleError):
        leaf_values(made, "t", name)


def test_damaged_data_is_a_problem_of_the_node(made, tmp_path, capsys):
    path = tmp_path / "damaged.hdf5"
    with open(made, "rb") as file:
        path.write_bytes(file.read())
    with h5py.File(path, "r+") as file:
        shape = file["t/results/mixed/n"].shape
        del file["t/results/mixed/n"]
        file.create_group("t/results/mixed/n/n")
    node = described_node(str(path), "t", "results.mixed")
    assert node.problem
    assert shape == ()
    assert "damaged     " in shown(capsys, str(path), "t", "results.mixed", status=1)


def shown(capsys, *arguments, status=0):
    assert main(["show", *arguments]) == status
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def test_the_command_shows_text_and_json(made, capsys):
    text = shown(capsys, made, "t", "results.mixed")
    assert "item        note: str\n            first\n            second \\x1b[2J\n" in text
    described = json.loads(shown(capsys, made, "t", "results.mixed", "--json"))
    assert described["node"]["items"][0]["name"] == "n"
    text = shown(capsys, made, "t", "x")
    assert "explored    1, 2 (2 distinct values in 2 runs, 1 to 2, int)" in text
    assert "has         results.mixed  leaf  Result" in shown(capsys, made, "t", "results")
    assert "leads to    results.mixed" in shown(capsys, made, "t", "results.link")
    assert "unknown     not unpickled: " in shown(capsys, made, "t", "bomb")


def test_an_unknown_node_is_one_line_on_stderr(made, capsys):
    assert main(["show", made, "t", "nothing"]) == 1
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert output.err.startswith("pypet: error: There is no node 'nothing'")
