"""The bar in a notebook: a widget in place of a line on the terminal."""

from __future__ import annotations

import io
import logging
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest

from pypet import Environment
from pypet.plugins.progress import RunProgress

tqdm = pytest.importorskip("tqdm")


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A kernel of Jupyter with widgets, as far as can be seen from here; tells what they show."""
    shown = io.StringIO()

    class Widget(tqdm.tqdm):
        def __init__(self, *args, **kwargs):
            assert "file" not in kwargs
            super().__init__(*args, **kwargs, file=shown, mininterval=0)

    notebook = ModuleType("tqdm.notebook")
    notebook.tqdm = Widget
    widgets = ModuleType("ipywidgets")
    widgets.__spec__ = ModuleSpec("ipywidgets", None)
    interactive = ModuleType("IPython")
    interactive.get_ipython = lambda: SimpleNamespace(config={"IPKernelApp": {}})
    for module in (notebook, widgets, interactive):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    return shown


def fail_once(traj):
    logging.getLogger("model").warning("a word of run %d", traj.v_idx)
    if traj.x == 3:
        raise ZeroDivisionError


def execute(**options):
    with Environment("t", storage_service="memory", on_error="continue", **options) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(6)})
        env.run(fail_once)


def test_the_widget_shows_what_the_console_leaves_out(kernel, monkeypatch):
    output = io.StringIO()  # that of a cell: no terminal
    monkeypatch.setattr(sys, "stderr", output)
    execute()
    assert "6/6, 1 failed" in kernel.getvalue()
    text = output.getvalue()
    assert "a word of run 5" in text
    assert "ZeroDivisionError" in text
    assert "PROGRESS" not in text
    assert "single run" not in text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_workers_that_write_to_the_cell_wipe_no_line(kernel, monkeypatch, tmp_path):
    with open(tmp_path / "cell.txt", "w+", encoding="utf-8", buffering=1) as output:
        monkeypatch.setattr(sys, "stderr", output)
        execute(multiproc=True, ncores=2, use_pool=True, wrap_mode="LOCAL", log_multiproc=False)
        output.seek(0)
        text = output.read()
    assert "a word of run 5" in text
    assert "\033" not in text
    assert "PROGRESS" not in text


class Handle:
    """What `display` of IPython returns: notes what is shown."""

    def __init__(self, shown):
        self._shown = shown

    def update(self, bundle, *, raw):
        assert raw
        self._shown.append(bundle)


@pytest.fixture
def html_shown(kernel, monkeypatch):
    """Bundles that a kernel without widgets has shown."""
    shown = []

    def display(bundle, *, raw, display_id):
        assert raw
        assert display_id
        shown.append(bundle)
        return Handle(shown)

    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return shown


def test_without_widgets_the_bar_is_html(kernel, html_shown, monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    execute()
    assert kernel.getvalue() == ""
    assert "PROGRESS" not in output.getvalue()
    assert 'value="0.0000"' in html_shown[0]["text/html"]
    assert 'value="1.0000"' in html_shown[-1]["text/html"]
    assert html_shown[-1]["text/plain"].startswith("100% 6/6, 1 failed")


def test_the_html_bar_grows_with_the_experiment(kernel, html_shown, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    progress = RunProgress({"report_progress": True})
    progress.start(2)
    progress.advance(2)
    progress.start(4, done=2)
    assert html_shown[-1]["text/plain"].startswith(" 50% 2/4")
    progress.advance(1)
    progress.refresh()
    assert html_shown[-1]["text/plain"].startswith(" 75% 3/4")
    progress.stop()


def test_a_shell_that_is_no_kernel_has_no_widgets(kernel, monkeypatch):
    shell = SimpleNamespace(config={"TerminalIPythonApp": {}})
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: shell)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    progress = RunProgress({"report_progress": True})
    progress.start(2)
    progress.advance(2)
    progress.stop()
    assert kernel.getvalue() == ""
