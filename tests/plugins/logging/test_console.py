"""The console beside a live bar."""

from __future__ import annotations

import logging
import sys

import pytest

from pypet.interfaces.logging import SHOWN_LIVE
from tests.plugins.logging.log_files import CONTEXT, FOLDER, Terminal, read


def test_the_console_leaves_out_what_a_bar_shows(make, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make().start(CONTEXT)
    logging.getLogger("pypet").info("in the bar", extra={SHOWN_LIVE: True})
    logging.getLogger("pypet").info("no bar", extra={SHOWN_LIVE: False})
    assert "in the bar" in read(FOLDER, "LOG.txt")
    assert "in the bar" not in terminal.getvalue()
    assert "no bar" in terminal.getvalue()


def test_a_console_that_is_no_terminal_shows_all(make, capsys):
    make().start(CONTEXT)
    logging.getLogger("pypet").info("in the bar", extra={SHOWN_LIVE: True})
    assert "in the bar" in capsys.readouterr().err


def test_lines_do_not_garble_a_live_bar(make, monkeypatch):
    pytest.importorskip("tqdm")
    from pypet.plugins.progress import RunProgress

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make().start(CONTEXT)
    progress = RunProgress({"report_progress": (50, "pypet")})
    progress.start(4)
    logging.getLogger("pypet").info("a line")
    progress.advance(4)
    progress.stop()
    shown = terminal.getvalue()
    line = next(line for line in shown.split("\n") if "a line" in line)
    # What stood on the line of the terminal is wiped before: blanks between carriage returns.
    assert line.split("\r")[-1].endswith("a line")
    assert line.split("\r")[-2].strip() == ""
    assert "PROGRESS" not in shown
    assert read(FOLDER, "LOG.txt").count("PROGRESS: Finished") == 2


def test_a_burst_of_lines_does_not_draw_the_bar_for_each(make, monkeypatch):
    pytest.importorskip("tqdm")
    from pypet.plugins.progress import RunProgress

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    make().start(CONTEXT)
    progress = RunProgress({"report_progress": (50, "pypet")})
    progress.start(4)
    for i in range(200):
        logging.getLogger("pypet").info("line %d", i)
    drawn = terminal.getvalue().count("0/4")
    progress.stop()
    assert drawn <= 25
    assert all(f"INFO     line {i}\n" in terminal.getvalue() for i in range(200))
