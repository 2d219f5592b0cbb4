"""The notebook of the examples, executed by a kernel of Jupyter: outputs and tab completion."""

from __future__ import annotations

import asyncio
import os
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("h5py")
for _package, _extra in (("nbclient", "dev"), ("ipykernel", "dev"), ("sklearn", "plot")):
    if find_spec(_package) is None:
        pytest.skip(f"needs {_package}: pypet[{_extra}]", allow_module_level=True)

NOTEBOOK = Path(__file__).parents[2] / "examples" / "analysis.ipynb"
SECONDS = 100

COMPLETIONS = {
    "traj.para": "parameters",
    "traj.par": "parameters",
    "empty.res": "results",
    "empty['par": "parameters",
    "traj['parameters.curr": "parameters.current",
    "traj.results.runs.run_0000000": "run_00000001",
    "leaf['pot": "potential",
}
"""Beginnings of code, and what the kernel has to suggest among others."""

PREPARE = """
empty = load_trajectory(filename="neuron.hdf5", load_parameters=0, load_results=0)
leaf = traj.f_get("results.runs.run_00000083.potential")
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with its outputs, and the suggestions for each beginning."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )

    async def execute():
        async with client.async_setup_kernel(env={**os.environ, "MPLBACKEND": ""}):
            for index, cell in enumerate(notebook.cells):
                await client.async_execute_cell(cell, index)
            cell = nbformat.v4.new_code_cell(PREPARE)
            notebook.cells.append(cell)
            await client.async_execute_cell(cell, len(notebook.cells) - 1)
            return {code: await completions(client.kc, code) for code in COMPLETIONS}

    with warnings.catch_warnings():
        # Of the packages of Jupyter, about each other and about event loops.
        warnings.simplefilter("ignore", DeprecationWarning)
        suggested = asyncio.run(execute())
    return notebook, suggested


async def completions(kernel, code):
    """Return what a kernel suggests at the end of ``code``."""
    reply = await kernel.complete(code, reply=True, timeout=SECONDS)
    return {match.rpartition("['")[2].strip("']") for match in reply["content"]["matches"]}


def outputs(notebook, beginning):
    """Return the outputs of the cell that begins so, by their types."""
    (cell,) = (each for each in notebook.cells if each.source.startswith(beginning))
    return [output.data for output in cell.outputs if "data" in output]


def test_no_cell_complains(executed):
    notebook, _ = executed
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type in ("display_data", "execute_result"), output


def test_the_bar_has_arrived_at_the_end(executed):
    (bar,) = outputs(executed[0], "with Environment(")
    assert 'value="1.0000"' in bar["text/html"]
    assert "84/84" in bar["text/plain"]


def test_the_trajectory_is_a_tree(executed):
    (tree,) = outputs(executed[0], "traj = load_trajectory")
    html = tree["text/html"]
    assert html.count("<details") == html.count("</details>") >= 4
    assert "standard deviation over threshold" in html
    assert html.count("<svg") == 3  # the ranges of the explored parameters
    assert "… 59 more" in html


def test_the_result_is_drawn(executed):
    (leaf,) = outputs(executed[0], 'traj.f_get("results')
    assert re.search(r'<polyline points="2\.0,', leaf["text/html"])


def test_the_table_is_shown(executed):
    (table,) = outputs(executed[0], "table = traj")
    assert "<table" in table["text/html"]


def test_each_figure_is_a_picture(executed):
    cells = [cell for cell in executed[0].cells if cell.source.startswith("plotting.")]
    assert len(cells) == 5
    for cell in cells:
        (figure,) = outputs(executed[0], cell.source)
        assert "image/png" in figure


@pytest.mark.parametrize("code", COMPLETIONS)
def test_tab_completes(executed, code):
    assert COMPLETIONS[code] in executed[1][code]


def test_no_outputs_are_in_the_repository():
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
