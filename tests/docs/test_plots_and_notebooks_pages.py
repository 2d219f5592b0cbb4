"""The code of the pages about plots and notebooks, and what they refer to."""

from __future__ import annotations

import inspect
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("h5py")
pytest.importorskip("sklearn", reason="needs matplotlib and scikit-learn: pypet[plot]")

from pypet import Result, load_trajectory, plotting
from pypet.cli.app import main
from pypet.manager import PluginManager
from pypet.plugins.html_display import document
from pypet.tree import completion

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("plots", "notebooks")
}
BLOCKS = {
    name: re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    for name, text in PAGES.items()
}
*DRAWING, PLOT_PLUGIN = BLOCKS["plots"]
(DISPLAY_PLUGIN,) = BLOCKS["notebooks"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the file of the example."""
    folder = tmp_path_factory.mktemp("neuron")
    example = runpy.run_path(str(ROOT / "examples" / "analysis.py"))
    example["sweep"](folder / "neuron.hdf5", 1)
    return folder


@pytest.fixture(autouse=True)
def _drawing(folder, monkeypatch):
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("Agg")
    monkeypatch.chdir(folder)
    yield
    pyplot.close("all")


def registered(code):
    """Return a manager with the plugin of a page."""
    names = {}
    exec(code, names)
    manager = PluginManager()
    manager.register(SimpleNamespace(**names), "of the page")
    return manager


@pytest.mark.parametrize("code", DRAWING)
def test_figures_are_drawn(code, folder):
    exec(code, {"plotting": plotting})
    if "savefig" in code:
        assert (folder / "rate.png").is_file()


def test_the_command_draws(folder, capsys):
    command = re.search(r"^\$ pypet (plot .*)$", PAGES["plots"], re.MULTILINE)[1]
    assert main(command.split()) == 0
    assert capsys.readouterr().out == f"{folder / 'map.png'}\n"
    assert main([*command.split(), "--json"]) == 0
    for key in json.loads(capsys.readouterr().out):
        assert f"`{key}`" in PAGES["plots"]


def test_the_plot_of_the_page_is_found_by_its_name(monkeypatch):
    manager = registered(PLOT_PLUGIN)
    monkeypatch.setattr("pypet.trajectory.tables.get_manager", lambda: manager)
    traj = load_trajectory(filename="neuron.hdf5")
    text = traj.f_plot("text_histogram", y="rate")
    assert text.count("#") == 28


def test_the_display_of_the_page_is_asked_first(monkeypatch):
    manager = registered(DISPLAY_PLUGIN)
    monkeypatch.setattr("pypet.tree.displaying.get_manager", lambda: manager)
    shown = Result("results.r", note="a < b")._repr_html_()
    assert shown == "<blockquote>a &lt; b</blockquote>"
    assert "blockquote" not in Result("results.r", 1)._repr_html_()


def test_pictures_are_of_cells_that_there_are():
    for package in ("nbclient", "playwright", "markdown_it"):
        pytest.importorskip(package, reason=f"needs {package}: pypet[dev]")
    import nbformat

    script = runpy.run_path(str(ROOT / "docs" / "screenshots" / "notebook.py"))
    notebook = nbformat.read(script["NOTEBOOK"], as_version=4)
    for first, last in script["PICTURES"].values():
        assert script["position"](notebook, first) < script["position"](notebook, last)
    for beginning in script["FIGURES"].values():
        script["position"](notebook, beginning)
    for name in (*script["PICTURES"], *script["FIGURES"]):
        assert f"(screenshots/{name}.png)" in "".join(PAGES.values())


def test_every_function_and_its_columns_are_in_the_table():
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", PAGES["plots"], re.MULTILINE))
    assert set(rows) == set(plotting.__all__)
    for name, columns in rows.items():
        for column in re.findall(r"`(\w+)`", columns):
            assert column in inspect.signature(getattr(plotting, name)).parameters


def test_limits_are_those_of_the_code():
    text = PAGES["notebooks"]
    assert f"{document.MOST_CHILDREN} children" in text
    assert f"{document.MOST_NODES} nodes" in text
    assert f"at most {completion.MOST_NAMES:,} of one group" in text
