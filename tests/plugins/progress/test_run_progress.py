"""Progress of runs: accepted forms, lines, and the live bar."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest

from pypet.interfaces.logging import SHOWN_LIVE
from pypet.plugins.progress import ProgressSettings, RunProgress, parse_report_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def make_terminal(monkeypatch):
    # In the test itself: pytest exchanges the streams between fixtures and test.
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture
def quiet_logger(records_of):
    return records_of("progress_of_test", logging.DEBUG)


def reporter(value):
    return RunProgress({"report_progress": value})


def run(progress, total, done=0):
    progress.start(total, done)
    for _ in range(total - done):
        progress.advance()
    progress.stop()


def lines(records):
    return [record.getMessage() for record in records]


@pytest.mark.parametrize(
    ("value", "settings"),
    [
        (True, (5, "pypet", logging.INFO)),
        (10, (10, "pypet", logging.INFO)),
        (0.5, (0.5, "pypet", logging.INFO)),
        ("mine", (5, "mine", logging.INFO)),
        ((20, "print"), (20, "print", logging.INFO)),
        ((20, "mine", 40), (20, "mine", 40)),
    ],
)
def test_every_form_is_a_triple_in_the_end(value, settings):
    assert parse_report_progress(value) == ProgressSettings(*settings)


@pytest.mark.parametrize("value", [False, None, 0, "", ()])
def test_falsy_values_switch_it_off(value, quiet_logger):
    assert parse_report_progress(value) is None
    run(reporter(value), 3)
    assert quiet_logger == []


@pytest.mark.parametrize(
    "value", [(5,), (5, "a", 1, 2), (-1, "a"), -3, ("a", 5), (5, None), (True, "a"), object()]
)
def test_other_forms_are_refused(value):
    with pytest.raises(ValueError, match="report_progress"):
        reporter(value)


def test_lines_come_at_the_start_at_each_step_and_at_the_end(quiet_logger, monkeypatch):
    monkeypatch.setattr("pypet.plugins.progress.throughput.monotonic", lambda: 1000.0)
    run(reporter((25, "progress_of_test")), 8)
    texts = lines(quiet_logger)
    assert texts[0] == "PROGRESS: Finished 0/8 runs [                    ]  0.0%"
    assert texts[2].startswith(
        "PROGRESS: Finished 4/8 runs [==========          ] 50.0%, remaining: 0:00:00"
    )
    assert texts[-1] == "PROGRESS: Finished 8/8 runs [====================]100.0%"
    assert len(texts) == 5
    assert {record.levelno for record in quiet_logger} == {logging.INFO}


def test_the_number_of_runs_is_padded(quiet_logger):
    run(reporter((10, "progress_of_test", logging.WARNING)), 100)
    texts = lines(quiet_logger)
    assert len(texts) == 11
    assert texts[0].startswith("PROGRESS: Finished   0/100 runs")
    assert texts[1].startswith("PROGRESS: Finished  10/100 runs")
    assert quiet_logger[0].levelno == logging.WARNING


def test_starting_again_continues_the_count(quiet_logger):
    progress = reporter((25, "progress_of_test"))
    run(progress, 2)
    quiet_logger.clear()
    run(progress, 4, done=1)
    texts = lines(quiet_logger)
    assert texts[0] == "PROGRESS: Finished 1/4 runs [=====               ] 25.0%"
    assert texts[-1] == "PROGRESS: Finished 4/4 runs [====================]100.0%"


def test_failed_runs_count_as_ended(quiet_logger):
    progress = reporter((50, "progress_of_test"))
    progress.start(2)
    progress.advance(0, failed=1)
    progress.advance()
    progress.stop()
    assert lines(quiet_logger)[-1].endswith("100.0%")


def test_print_goes_to_stdout(capsys):
    run(reporter((50, "print")), 2)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert out[0] == "PROGRESS: Finished 0/2 runs [                    ]  0.0%"


def test_print_at_level_zero_writes_over_the_last_line(capsys):
    run(reporter((50, "print", 0)), 2)
    out = capsys.readouterr().out
    assert out.count("\rPROGRESS: Finished") == 3
    assert out.count("\n") == 1
    assert out.endswith("100.0%\n")


def test_a_terminal_gets_a_live_bar_and_the_log_gets_lines(monkeypatch, quiet_logger):
    pytest.importorskip("tqdm")
    terminal = make_terminal(monkeypatch)
    run(reporter((50, "progress_of_test")), 4)
    assert "PROGRESS" not in terminal.getvalue()
    assert re.search(r"100%.*4/4", terminal.getvalue())
    assert len(quiet_logger) == 3
    assert all(getattr(record, SHOWN_LIVE) for record in quiet_logger)


def test_the_live_bar_tells_failed_runs(monkeypatch, quiet_logger):
    pytest.importorskip("tqdm")
    terminal = make_terminal(monkeypatch)
    progress = reporter((50, "progress_of_test"))
    progress.start(2)
    progress.advance(0, failed=1)
    progress.stop()
    assert "1 failed" in terminal.getvalue()


def test_without_tqdm_there_are_lines(monkeypatch, quiet_logger):
    terminal = make_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    run(reporter((50, "progress_of_test")), 4)
    assert terminal.getvalue() == ""
    assert len(quiet_logger) == 3
    assert not any(getattr(record, SHOWN_LIVE) for record in quiet_logger)


def test_no_bar_where_another_handler_writes_lines_to_the_terminal(monkeypatch, quiet_logger):
    terminal = make_terminal(monkeypatch)
    logger = logging.getLogger("progress_of_test")
    handler = logging.StreamHandler(terminal)
    logger.addHandler(handler)
    try:
        run(reporter((50, "progress_of_test")), 4)
    finally:
        logger.removeHandler(handler)
    assert terminal.getvalue().count("PROGRESS: Finished") == 3
    assert "it/s" not in terminal.getvalue()
    assert "run/s" not in terminal.getvalue()


def test_no_live_bar_without_a_terminal(quiet_logger, capsys):
    run(reporter((50, "progress_of_test")), 4)
    assert capsys.readouterr().err == ""
    assert not any(getattr(record, SHOWN_LIVE) for record in quiet_logger)


def test_stop_may_be_called_twice_and_before_start(monkeypatch, quiet_logger):
    pytest.importorskip("tqdm")
    terminal = make_terminal(monkeypatch)
    progress = reporter((50, "progress_of_test"))
    progress.stop()
    progress.start(2)
    progress.stop()
    progress.stop()
    assert terminal.getvalue().endswith("\n")


def show_bar(monkeypatch):
    """Return stdout, on the same terminal as stderr, and a reporter that shows a bar there."""
    pytest.importorskip("tqdm")
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    make_terminal(monkeypatch)
    progress = reporter((50, "progress_of_test"))
    progress.start(2)
    return out, progress


def test_stdout_is_given_back_when_the_bar_ends(quiet_logger, monkeypatch):
    out, progress = show_bar(monkeypatch)
    assert sys.stdout is not out
    sys.stdout.write("begun")
    kept = sys.stdout
    progress.stop()
    assert sys.stdout is out
    kept.write(", and so on\n")  # who kept it may go on
    assert out.getvalue() == "begun, and so on\n"


def test_who_takes_stdout_meanwhile_keeps_it(quiet_logger, monkeypatch):
    _, progress = show_bar(monkeypatch)
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    progress.stop()
    assert sys.stdout is mine


def test_lines_are_written_when_they_are_complete_or_flushed(quiet_logger, monkeypatch):
    out, progress = show_bar(monkeypatch)
    sys.stdout.write("a")
    sys.stdout.write(" 1")
    assert out.getvalue() == ""
    sys.stdout.write("b\nc")
    assert out.getvalue() == "a 1b\n"
    sys.stdout.flush()
    assert out.getvalue() == "a 1b\nc"
    progress.refresh()
    sys.stdout.writelines(["d", "e\n"])
    sys.stdout.write("\rcursor")
    assert out.getvalue() == "a 1b\nc\nde\n\rcursor"
    assert sys.stdout.isatty()


def test_a_stdout_that_is_no_terminal_stays(quiet_logger, monkeypatch):
    pytest.importorskip("tqdm")
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    make_terminal(monkeypatch)
    progress = reporter((50, "progress_of_test"))
    progress.start(2)
    assert sys.stdout is file
    progress.stop()
