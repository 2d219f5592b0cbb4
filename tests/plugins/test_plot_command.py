"""`pypet plot`: figures as files, and what it says when something is wrong."""

from __future__ import annotations

import json
import sys

import pytest

from pypet.cli.app import main
from pypet.interfaces import Plot
from pypet.manager import PluginManager
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
        "kind": "line",
        "path": str(path),
        "x": "x",
        "by": "y",
        "where": "x > 1",
    }


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--x", "q"], 1, "no column 'q'"),
        (["--where", "x >"], 1, "`where`: "),
        (["--kind", "pie"], 1, "No plot named 'pie'. Available: "),
        (["wrong", "--x", "x"], 1, "'wrong'"),
        (["--kind", "heatmap", "--by", "x"], 2, "--kind heatmap has no --by; it takes --x, --y"),
        (["--columns", "x,,z"], 2, "no list of names"),
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
    assert err == "pypet: error: plot 'line' needs matplotlib: pip install \"pypet[plot]\"\n"
