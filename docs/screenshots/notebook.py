"""Execute `examples/analysis.ipynb` and take pictures of it: `notebook_tree.png` and others.

    pip install -e ".[dev]"
    python docs/screenshots/notebook.py

It needs a browser: Chromium as `chromium`, `chromium-browser` or `google-chrome`. The pictures are
written beside this script; `docs/notebooks.md` and `docs/plots.md` show them.
"""

from __future__ import annotations

import argparse
import html
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from nbclient import NotebookClient
from playwright.sync_api import sync_playwright
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

HERE = Path(__file__).parent
NOTEBOOK = HERE.parents[1] / "examples" / "analysis.ipynb"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH = 860
PICTURES = {
    "notebook_tree": ("with Environment(", 'traj.f_get("results'),
    "notebook_figures": ("table = traj", "plotting.heatmap"),
}
"""Name of each picture: beginnings of the first and the last cell that it shows."""
FIGURES = {
    "line": "plotting.line(traj, x=",
    "heatmap": "plotting.heatmap",
    "parallel_coordinates": "plotting.parallel_coordinates",
    "importance": "plotting.importance",
}
"""Name of each picture of a figure alone: the beginning of its cell."""

STYLE = """
body {margin: 0; padding: 12px 16px; font: 14px/1.45 system-ui, sans-serif; color: #222}
.cell {margin: 0 0 10px}
.source {background: #f6f7f9; border: 1px solid #dfe2e6; padding: 6px 10px; overflow: hidden}
.source pre {margin: 0; font: 12.5px/1.4 monospace}
.output {padding: 6px 10px; overflow: hidden}
.output img {max-width: 560px}
table.dataframe {border-collapse: collapse; border: none; font-size: 12.5px}
table.dataframe td, table.dataframe th {padding: 3px 10px; text-align: right; border: none}
table.dataframe tr:nth-child(even) {background: #f5f5f5}
"""


def executed(notebook: Path) -> Any:
    """Return the notebook with outputs; it is executed in a temporary folder."""
    cells = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(cells, timeout=300, kernel_name="python3", resources=resources).execute()
    return cells


def page_of(notebook: Any) -> str:
    """Return the notebook as a page; each cell has its number as id."""
    formatter = HtmlFormatter(nowrap=True)
    parts = [f"<style>{STYLE}{HtmlFormatter().get_style_defs('.source')}</style>"]
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            inside = MarkdownIt().render(cell.source)
        else:
            source = highlight(cell.source, PythonLexer(), formatter)
            outputs = "".join(map(_output_html, cell.outputs))
            inside = f'<div class="source"><pre>{source}</pre></div>{outputs}'
        parts.append(f'<div class="cell" id="cell{number}">{inside}</div>')
    return f"<!doctype html><meta charset='utf-8'><body>{''.join(parts)}</body>"


def _output_html(output: Any) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        inside = f'<img src="data:image/png;base64,{data["image/png"]}">'
    elif "text/html" in data:
        inside = data["text/html"]
    else:
        inside = f"<pre>{html.escape(data.get('text/plain') or output.get('text', ''))}</pre>"
    return f'<div class="output">{inside}</div>'


def position(notebook: Any, beginning: str) -> int:
    """Return the number of the cell that begins so."""
    return next(
        number for number, cell in enumerate(notebook.cells) if cell.source.startswith(beginning)
    )


def take_pictures(notebook: Any, browser: str, folder: Path) -> list[Path]:
    """Write the pictures and return their paths."""
    written = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=browser,
            args=list(ARGUMENTS),
            viewport={"width": WIDTH, "height": 1000},
        )
        page = context.pages[0]
        page.set_content(page_of(notebook))
        for name, (first, last) in PICTURES.items():
            begin = page.locator(f"#cell{position(notebook, first)}").bounding_box()
            end = page.locator(f"#cell{position(notebook, last)}").bounding_box()
            assert begin is not None
            assert end is not None
            height = end["y"] + end["height"] - begin["y"]
            path = folder / f"{name}.png"
            clip = {"x": 0, "y": begin["y"], "width": WIDTH, "height": height + 12}
            page.screenshot(path=path, full_page=True, clip=clip)
            written.append(path)
        for name, beginning in FIGURES.items():
            path = folder / f"{name}.png"
            image = page.locator(f"#cell{position(notebook, beginning)} .output img")
            image.screenshot(path=path)
            written.append(path)
        context.close()
    return written


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=HERE, help="for the pictures")
    arguments = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"No browser found: install one of {', '.join(BROWSERS)}.", file=sys.stderr)
        return 1
    for path in take_pictures(executed(NOTEBOOK), browser, arguments.folder):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
