"""``pypet import``: a trajectory of a CSV file."""

from __future__ import annotations

import json
import math

import pytest

pytest.importorskip("h5py")

from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import load_trajectory
from pypet.cli.app import main
from pypet.plugins.importing import converted_column
from pypet.tables import read_table

pytestmark = pytest.mark.timeout(60)

TEXT = """x,neuron.gain,is_on,label
1,0.5,true,a
2,,FALSE,"b, c"
-3,1e3,true,1_0
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text(TEXT, encoding="utf-8")
    return "points.csv"


def test_each_column_is_an_explored_parameter(source, capsys):
    assert main(["import", source, "data.hdf5", "--comment", "from afar"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "stored      points with 3 runs in data.hdf5"
    assert [line.split()[:2] for line in lines[2:]] == [
        ["parameters.x", "int"],
        ["parameters.neuron.gain", "float"],
        ["parameters.is_on", "bool"],
        ["parameters.label", "str"],
    ]
    table = read_table(("data.hdf5", "points"))
    assert table.comment == "from afar"
    assert table["x"].values.tolist() == [1, 2, -3]
    assert table["neuron.gain"].values[[0, 2]].tolist() == [0.5, 1000.0]
    assert math.isnan(table["neuron.gain"].values[1])
    assert table["is_on"].values.tolist() == [True, False, True]
    assert table["label"].values.tolist() == ["a", "b, c", "1_0"]
    assert all(column.explored for column in table.parameters)
    assert "points.csv" in table["x"].comment


def test_the_trajectory_can_be_run(source, capsys):
    assert main(["import", source, "data.hdf5", "--columns", "x,label"]) == 0
    capsys.readouterr()
    traj = load_trajectory("points", filename="data.hdf5", load_parameters=2)
    assert len(traj) == 3
    assert traj.f_get("x").f_get_range() == [1, 2, -3]
    assert not traj.f_contains("is_on")


def test_types_can_be_given(source, capsys):
    arguments = ["--type", "x=float", "--type", "is_on=str", "--trajectory", "other", "--json"]
    assert main(["import", source, "data.hdf5", *arguments]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["trajectory"] == "other"
    assert described["runs"] == 3
    types = {each["name"]: each["type"] for each in described["parameters"]}
    assert types["parameters.x"] == "float"
    assert types["parameters.is_on"] == "str"
    assert described["parameters"][0]["first"] == 1.0


def test_an_export_comes_back(source, capsys):
    assert main(["import", source, "data.hdf5"]) == 0
    assert main(["export", "data.hdf5", "--to", "again.csv", "--columns", "x,label"]) == 0
    assert main(["import", "again.csv", "data.hdf5", "--columns", "x,label"]) == 0
    capsys.readouterr()
    again = read_table(("data.hdf5", "again"))
    assert again["label"].values.tolist() == ["a", "b, c", "1_0"]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", [], "no rows"),
        ("x,y\n", [], "no rows"),
        ("x,y\n1\n", [], "Line 2 of points.csv has 1 cell,"),
        ("x,x\n1,2\n", [], "two columns 'x'"),
        ("x y\n1\n", [], "'x y'"),
        ('x\n"1\n', [], "is not a CSV file"),
        ("x\n\xff\n", [], "is not a CSV file"),
        (TEXT, ["--type", "label=int"], "Cell 'a' in row 1 of column 'label' is no int"),
        (TEXT, ["--type", "q=int"], "--type names 'q'; the columns are: x, "),
        (TEXT, ["--columns", "q"], "--columns names 'q'"),
        (TEXT, ["--trajectory", "no name"], "no name"),
    ],
)
def test_what_is_no_table_is_one_line_on_stderr(source, capsys, text, arguments, message):
    with open(source, "wb") as file:
        file.write(text.encode("latin-1"))
    assert main(["import", source, "data.hdf5", *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("pypet: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1


def test_a_trajectory_is_not_replaced(source, capsys):
    assert main(["import", source, "data.hdf5"]) == 0
    capsys.readouterr()
    assert main(["import", source, "data.hdf5"]) == 1
    assert "has a trajectory 'points' already" in capsys.readouterr().err


@pytest.mark.parametrize("given_type", ["x", "x=complex", "=int"])
def test_a_wrong_type_is_wrong_usage(source, capsys, given_type):
    with pytest.raises(SystemExit) as end:
        main(["import", source, "data.hdf5", "--type", given_type])
    assert end.value.code == 2
    assert "is not like x=int" in capsys.readouterr().err


VALUES = st.one_of(
    st.lists(st.booleans(), min_size=1, max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_values_of_one_type_are_recognized(values):
    assert converted_column("x", list(map(str, values))) == values
    assert {type(each) for each in converted_column("x", list(map(str, values)))} == {
        type(values[0])
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_any_cells_have_one_type(cells):
    values = converted_column("x", cells)
    assert len(values) == len(cells)
    assert len({type(value) for value in values}) == 1
