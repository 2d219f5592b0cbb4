"""``pypet export``: runs as files of other programs."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest

pytest.importorskip("h5py")

from pypet import Environment, cartesian_product
from pypet.cli.app import main
from pypet.interfaces import Exporter
from pypet.manager import PluginManager
from pypet.markers import hookimpl
from pypet.tables import export_table, read_table

pytestmark = pytest.mark.timeout(60)

ODD_TEXT = 'a "b",\nc'


def simulate(traj):
    if traj.x == 2 and traj.y == 1.5:
        raise ValueError("no")
    traj.f_add_result("z", traj.x + 0.1 * traj.y, comment="a sum")
    traj.f_add_result("n", traj.x)
    traj.f_add_result("label", ODD_TEXT)
    traj.f_add_result("trace", np.arange(3.0) + traj.x)
    traj.f_add_result("ragged", np.zeros(traj.x))


@pytest.fixture(scope="module")
def filename(tmp_path_factory):
    filename = str(tmp_path_factory.mktemp("export") / "data.hdf5")
    with Environment(
        "t",
        filename=filename,
        comment="about it",
        add_time=False,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0, comment="in mV")
        env.traj.f_add_parameter("y", 0.0)
        env.traj.f_explore(cartesian_product({"x": [1, 2], "y": [0.5, 1.5]}))
        env.run(simulate)
    return filename


def exported(filename, target, *arguments):
    assert main(["export", filename, "--to", str(target), *arguments]) == 0


def test_csv_has_a_line_for_each_run(filename, tmp_path, capsys):
    exported(filename, tmp_path / "out.csv", "--columns", "x,y,z,n,label")
    assert "4 runs, 6 columns" in capsys.readouterr().out
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["run", "x", "y", "z", "n", "label"],
        ["0", "1", "0.5", "1.05", "1", ODD_TEXT],
        ["1", "1", "1.5", "1.15", "1", ODD_TEXT],
        ["2", "2", "0.5", "2.05", "2", ODD_TEXT],
        ["3", "2", "1.5", "", "", ""],
    ]


def test_json_is_a_list_of_runs(filename, tmp_path, capsys):
    exported(filename, tmp_path / "out.json", "--columns", "x,z,trace", "--where", "y > 1")
    capsys.readouterr()
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"run": 1, "x": 1, "z": 1.15, "trace": [1.0, 2.0, 3.0]},
        {"run": 3, "x": 2, "z": None, "trace": None},
    ]


def test_parquet_has_null_for_what_is_missing(filename, tmp_path, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    exported(filename, tmp_path / "out.parquet")
    capsys.readouterr()
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table["z"].to_pylist() == [1.05, 1.15, 2.05, None]
    assert table["n"].to_pylist() == [1, 1, 2, None]
    assert table["label"].to_pylist() == [ODD_TEXT] * 3 + [None]
    assert table["completed"].to_pylist() == [True] * 3 + [False]
    assert table["error"].to_pylist() == [None] * 3 + ["ValueError: no"]
    assert str(table.schema.field("n").type) == "int64"
    assert table.schema.field("z").metadata[b"comment"] == b"a sum"
    about = json.loads(table.schema.metadata[b"pypet"])
    assert about == {"trajectory": "t", "comment": "about it"}


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_datasets_have_the_parameters_as_dimensions(filename, tmp_path, capsys, ending):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip({"nc": "h5netcdf", "zarr": "zarr"}[ending])
    target = tmp_path / f"out.{ending}"
    exported(filename, target, "--columns", "x,y,z,n,trace,label")
    capsys.readouterr()
    options = {"nc": {"engine": "h5netcdf"}, "zarr": {"engine": "zarr", "consolidated": False}}
    with xarray.open_dataset(target, **options[ending]) as dataset:
        assert dataset["z"].dims == ("x", "y")
        np.testing.assert_array_equal(dataset["z"], [[1.05, 1.15], [2.05, np.nan]])
        assert dataset["trace"].shape == (2, 2, 3)
        assert dataset["z"].attrs["comment"] == "a sum"
        assert dataset.attrs["comment"] == "about it"
        assert dataset["label"].values.tolist() == [[ODD_TEXT, ODD_TEXT], [ODD_TEXT, ""]]
        assert dataset.attrs["trajectory"] == "t"


def test_the_json_output_says_what_was_written(filename, tmp_path, capsys):
    target = str(tmp_path / "data")
    exported(filename, target, "--format", "csv", "--columns", "z", "--completed", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "format": 1,
        "path": target,
        "file_format": "csv",
        "trajectory": "t",
        "rows": 3,
        "columns": ["run", "z"],
        "missing": "",
        "problems": {},
    }
    assert os.path.getsize(target) > 0


def test_a_folder_that_is_missing_is_named(filename, tmp_path, capsys):
    assert main(["export", filename, "--to", str(tmp_path / "missing" / "table.csv")]) == 1
    assert f"there is no folder {tmp_path / 'missing'}." in capsys.readouterr().err


def test_a_file_is_only_replaced_by_force(filename, tmp_path, capsys):
    target = tmp_path / "out.csv"
    target.write_text("mine")
    assert main(["export", filename, "--to", str(target)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert target.read_text() == "mine"
    exported(filename, target, "--force")
    assert target.read_text() != "mine"
    os.remove(target)
    os.makedirs(target / "inside")  # a folder as Zarr stores are
    exported(filename, target, "--force")
    assert target.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "out.xyz"], "'.xyz' of out.xyz says no format. Known are: .csv (csv)"),
        (["--to", "out"], "says no format"),
        (["--to", "out.csv", "--format", "xyz"], "'xyz'"),
        (["--to", "out.csv", "--columns", "trace"], "'trace' has a ndarray in run 0; use .nc"),
        (["--to", "out.nc", "--columns", "x,y,ragged"], "'ragged' differ in shape"),
        (["--to", "out.csv", "--columns", "nothing"], "'nothing'"),
        (["--to", "nowhere/out.csv"], "nowhere/out.csv"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_leaves_no_file(
    filename, tmp_path, capsys, monkeypatch, arguments, message
):
    if "out.nc" in arguments:
        pytest.importorskip("xarray")
        pytest.importorskip("h5netcdf")
    monkeypatch.chdir(tmp_path)
    assert main(["export", filename, *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("pypet: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_where_to_export_has_to_be_said(filename, capsys):
    with pytest.raises(SystemExit) as end:
        main(["export", filename])
    assert end.value.code == 2
    assert "--to" in capsys.readouterr().err


class Lines(Exporter):
    """A format of somebody else's."""

    name = "lines"
    file_extensions = (".lines",)

    def write(self, table, path):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in table.columns)


class Absent(Lines):
    name = "absent"
    file_extensions = (".absent",)
    requires = ("no_such_package",)
    extra = "parquet"


def test_formats_of_other_plugins_are_found(filename, tmp_path, monkeypatch):
    class Plugin:
        @hookimpl
        def pypet_register_exporters(self):
            return [Lines, Absent]

    manager = PluginManager(entries=())
    manager.register(Plugin(), "lines")
    monkeypatch.setattr("pypet.tables.exporting.get_manager", lambda: manager)
    table = read_table(filename, results=["z"])
    assert export_table(table, tmp_path / "t.lines") == "lines"
    assert (tmp_path / "t.lines").read_text().split()[-1] == "z"
    assert manager.exporters() == (Lines,)
    with pytest.raises(ValueError, match="no_such_package"):
        export_table(table, tmp_path / "t.absent")
