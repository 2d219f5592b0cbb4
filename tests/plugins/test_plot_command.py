"""`pypet plot`: figures as files, and what it says when something is wrong."""

from __future__ import annotations

import json
import sys

import pytest

from pypet import Trajectory, cartesian_product, load_trajectory
from pypet.cli.app import main
from pypet.interfaces import Plot
from pypet.manager import PluginManager, get_manager
from pypet.plugins.plot_command import PLOT
from pypet.testing.commands import CommandConformance
from tests.plotting.conftest import sweep_file  # noqa: F401 - a fixture

pytest.importorskip("matplotlib", reason="needs matplotlib: pypet[plot]")
KINDS = ("line", "heatmap", "parallel_coordinates", "scatter_matrix", "importance")
SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


class TestPlot(CommandConformance):
    command = PLOT


@pytest.fixture
def plot(sweep_file, capsys):  # noqa: F811
    """Execute ``pypet plot`` for the file; return status, stdout and stderr."""

    def execute(*arguments):
        try:
            status = main(["plot", str(sweep_file), *map(str, arguments)])
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return execute


@pytest.mark.parametrize("ending", SIGNATURES)
def test_the_ending_chooses_the_format(plot, tmp_path, ending):
    path = tmp_path / f"out{ending}"
    status, out, err = plot("--x", "x", "--y", "z", "--to", path)
    assert (status, out, err) == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(SIGNATURES[ending])


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("heatmap", ["--x", "x", "--y", "y", "--color", "z"]),
        ("parallel_coordinates", ["--columns", "x, y,z", "--color", "z"]),
        ("scatter_matrix", ["--columns", "x,z"]),
        ("importance", ["--y", "z"]),
    ],
)
def test_every_kind_is_drawn(plot, tmp_path, kind, arguments):
    path = tmp_path / "out.png"
    status, _, err = plot("sweep", "--kind", kind, *arguments, "--to", path)
    assert (status, err) == (0, "")
    assert path.stat().st_size > 5000


def test_json_says_what_was_drawn(plot, tmp_path):
    path = tmp_path / "out.png"
    status, out, _ = plot("--x", "x", "--by", "y", "--where", "x > 1", "--to", path, "--json")
    assert status == 0
    assert json.loads(out) == {
        "format": 1,
        "kind": "line",
        "path": str(path),
        "x": "x",
        "by": "y",
        "where": "x > 1",
    }


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ([], "heatmap"),
        (["--color", "z"], "heatmap"),
        (["--x", "y", "--color", "z"], "heatmap"),
        (["--x", "x", "--y", "z"], "line"),
        (["--where", "y == 2"], "line"),
        (["--where", "y == 2 and completed", "--color", "z"], "parallel_coordinates"),
        (["--columns", "y,z"], "parallel_coordinates"),
    ],
)
def test_without_a_kind_that_which_suits_the_runs_is_drawn(plot, tmp_path, arguments, kind):
    path = tmp_path / "out.png"
    status, out, err = plot(*arguments, "--to", path, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["kind"] == kind
    assert path.stat().st_size > 5000


def test_three_parameters_are_drawn_as_parallel_coordinates(capsys, tmp_path):
    traj = Trajectory("t", filename=str(tmp_path / "t.hdf5"))
    for name in "abc":
        traj.f_add_parameter(name, 1)
    traj.f_explore(cartesian_product({name: [1, 2] for name in "abc"}))
    for run in range(8):
        traj.f_add_result(f"runs.{traj.f_wildcard('$', run)}.z", float(run))
    traj.f_store()
    where = ["plot", str(tmp_path / "t.hdf5"), "--to", str(tmp_path / "t.png"), "--json"]
    assert main(where) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "parallel_coordinates"
    assert main([*where, "--where", "a == 1"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "heatmap"


def test_kinds_of_other_distributions_are_asked_first(sweep_file, monkeypatch):  # noqa: F811
    class Note(Plot):
        name = "note"
        arguments = ("x",)

        @classmethod
        def draw(cls, source, **arguments):
            return f"{len(source)} runs"

        @classmethod
        def save(cls, source, path, **arguments):
            raise NotImplementedError

        @classmethod
        def suits(cls, table, arguments):
            return len(table) == 12

    usual = get_manager().plots()
    monkeypatch.setattr(PluginManager, "plots", lambda manager: (*usual, Note))
    traj = load_trajectory(filename=str(sweep_file))
    assert traj.f_plot() == "12 runs"
    assert traj.f_plot(color="z").get_xlabel() == "x (first)"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--x", "q"], 1, "no column 'q'"),
        (["--where", "x >"], 1, "`where`: "),
        (["--kind", "pie"], 1, "No plot named 'pie'. Available: "),
        (["wrong", "--x", "x"], 1, "'wrong'"),
        (["--kind", "heatmap", "--by", "x"], 2, "--kind heatmap has no --by; it takes --x, --y"),
        (["--columns", "x,,z"], 2, "no list of names"),
        (["--by", "y", "--color", "z"], 2, "no kind of figure takes all of --color, --by"),
        (["--unknown"], 2, "unrecognized arguments: --unknown"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_status(plot, tmp_path, arguments, status, message):
    path = tmp_path / "out.png"
    found, out, err = plot(*arguments, "--to", path)
    assert found == status
    assert out == ""
    assert message in err
    if status == 1:
        assert err.count("\n") == 1
    assert not path.exists()


def test_unknown_endings_and_folders_are_errors(plot, tmp_path):
    status, _, err = plot("--x", "x", "--to", tmp_path / "out.xyz")
    assert status == 1
    assert "ending of no format for figures" in err
    status, _, err = plot("--x", "x", "--to", tmp_path / "nowhere" / "out.png")
    assert status == 1
    assert "nowhere" in err


def test_no_file_is_an_error(capsys, tmp_path):
    assert main(["plot", str(tmp_path / "no.hdf5"), "--to", str(tmp_path / "a.png")]) == 1
    assert "no.hdf5" in capsys.readouterr().err


def test_help_lists_the_kinds(capsys):
    with pytest.raises(SystemExit):
        main(["plot", "--help"])
    text = capsys.readouterr().out
    for kind in KINDS:
        assert f"  {kind} " in text


def test_every_kind_is_a_plugin_of_its_own():
    manager = PluginManager(disabled=["heatmap"])
    assert {kind.name for kind in manager.plots()} == set(KINDS) - {"heatmap"}
    for kind in manager.plots():
        assert issubclass(kind, Plot)
        assert kind.help
        assert set(kind.arguments) <= {"x", "y", "color", "by", "columns"}


def test_without_matplotlib_it_says_what_to_install(plot, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, err = plot("--x", "x", "--to", tmp_path / "out.png")
    assert (status, out) == (1, "")
    assert err == (
        'pypet: error: No kind of figure can be drawn: pip install "pypet[plot]". `pypet plugins` '
        "lists what there is.\n"
    )
    status, out, err = plot("--kind", "line", "--to", tmp_path / "out.png")
    assert (status, out) == (1, "")
    assert err == "pypet: error: plot 'line' needs matplotlib: pip install \"pypet[plot]\"\n"
