"""The live bar in terminals of different width, as somebody sees it."""

from __future__ import annotations

import re
import sys

import pytest

pytest.importorskip("tqdm")
if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

from tests.plugins.progress.terminal import Screen, resize, run_in_terminal

SCRIPT = """
import logging, os, time
from pypet import Environment

def simulate(traj):
    time.sleep(0.01)
    while traj.v_idx >= {waiting} and not os.path.exists("allowed"):
        time.sleep(0.005)
    if traj.x == 3:
        raise ZeroDivisionError
    if traj.x == 5:
        logging.getLogger("model").warning("a word of the model")

def grow(traj, results):
    if len(traj) == 30:
        return {{"x": list(range(100, 110))}}

if __name__ == "__main__":
    with Environment("t", on_error="continue", **{options}) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({{"x": range(30)}})
        env.add_postprocessing(grow)
        env.run(simulate)
"""
SERIAL = {"storage_service": "memory"}
PARALLEL = {
    "storage_service": "memory",
    "multiproc": True,
    "ncores": 2,
    "use_pool": True,
    "wrap_mode": "LOCAL",
}


def show(tmp_path, columns, options=SERIAL, waiting=1000, **events):
    """Run the script; from run ``waiting`` on, runs wait for a file 'allowed'."""
    script = SCRIPT.format(options=repr(options), waiting=waiting)
    screen, code = run_in_terminal(script, columns, tmp_path, **events)
    assert code == 0, "\n".join(screen.lines)
    return screen


def bars(screen):
    return [line for line in screen.states + screen.lines if re.match(r" *\d+%\|", line)]


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("options", [SERIAL, PARALLEL], ids=["serial", "pool"])
def test_the_bar_never_wraps_and_tells_of_failures_and_growth(tmp_path, columns, options):
    screen = show(tmp_path, columns, options)
    drawn = bars(screen)
    assert drawn
    assert not [line for line in screen.wraps if re.match(r" *\d+%\|", line)]
    assert all(len(line) < columns for line in drawn)
    finished = [line for line in screen.lines if re.match(r"100%\|", line)]
    assert re.search(r"30/30, 1 failed", finished[0])
    assert re.search(r"40/40", finished[-1])
    # Nothing is left of the bars but their last state, one each round.
    assert len([line for line in screen.lines if re.match(r" *\d+%\|", line)]) == 2


def test_lines_of_runs_do_not_scroll_past_the_bar_but_are_in_the_file(tmp_path):
    screen = show(tmp_path, 200)
    text = "\n".join(screen.lines)
    assert "single run" not in text
    assert "PROGRESS" not in text
    assert "MainProcess model WARNING  a word of the model" in map(str.rstrip, screen.lines)
    assert "All 40 runs" in text or "of 40 runs are not completed" in text
    (log,) = (path.read_text() for path in tmp_path.glob("logs/*/*/LOG.txt"))
    assert log.count("Finished single run") == 39
    assert log.count("PROGRESS: Finished") > 10


PRINTING = """
import logging, os, time
from pypet import Environment

def simulate(traj):
    time.sleep(0.02)
    if traj.x == 3:
        print("printed", traj.x)
    if traj.x == 7:
        print("asked?", end="", flush=True)
        logging.getLogger("model").warning("a word of the model")
    if traj.x == 11:
        print("without end", end="")

if __name__ == "__main__":
    with Environment("t", **{options}) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({{"x": range(16)}})
        env.run(simulate)
    print("after it")
"""
PROCESSES = {key: value for key, value in PARALLEL.items() if key != "use_pool"}


@pytest.mark.parametrize(
    ("options", "columns"),
    [(SERIAL, 80), (PARALLEL, 40), (PROCESSES, 80)],
    ids=["serial", "pool", "process"],
)
def test_what_is_printed_stands_above_the_bar(tmp_path, options, columns):
    # Workers with handlers of the main process: its console, too.
    script = PRINTING.format(options={**options, "log_multiproc": False})
    screen, code = run_in_terminal(script, columns, tmp_path)
    assert code == 0
    lines = [line.rstrip() for line in screen.lines]
    assert {"printed 3", "asked?", "after it"} <= set(lines)
    text = "".join(screen.lines)  # long lines are in several
    assert "without end" in text
    assert "a word of the model" in text
    (bar,) = (line for line in lines if "%|" in line)
    assert re.search(r"^100%.* 16/16", bar)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}], ids=["dumb", "CI"])
def test_terminals_that_cannot_or_nobody_watches_get_lines(tmp_path, environment):
    script = PRINTING.format(options=SERIAL)
    screen, code = run_in_terminal(script, 200, tmp_path, environment=environment)
    assert code == 0
    text = "\n".join(screen.lines)
    assert "PROGRESS: Finished 16/16 runs [====================]100.0%" in text
    assert "%|" not in text


def test_a_terminal_may_change_its_size_meanwhile(tmp_path):
    def make_narrow(terminal):
        resize(terminal, 40)
        (tmp_path / "allowed").touch()

    drawn = bars(show(tmp_path, 100, waiting=10, until=rb"%\|", then=make_narrow))
    assert max(map(len, drawn)) > 40
    assert len(drawn[-1]) < 40


def test_the_bar_tells_rate_remaining_time_and_active_runs(tmp_path):
    told = r"\d/30, .*\d:\d\d:\d\d left, [\d.]+ runs/s, [12] running"
    allow = (tmp_path / "allowed").touch
    events = {"until": told.encode(), "then": lambda terminal: allow()}
    drawn = bars(show(tmp_path, 120, PARALLEL, waiting=20, **events))
    assert any(re.search(told, line) for line in drawn)


def test_all_workers_count_as_running_while_runs_are_left(tmp_path):
    allow = (tmp_path / "allowed").touch
    events = {"until": rb"2\d/30.*running", "then": lambda terminal: allow()}
    drawn = bars(show(tmp_path, 120, PARALLEL, waiting=20, **events))
    told = [re.search(r" (\d+)/30, .*?(\d) running", line) for line in drawn]
    assert {match[2] for match in told if match and int(match[1]) < 24} == {"2"}


def test_the_screen_of_these_tests_works():
    screen = Screen(4)
    screen.feed("ab\rx\r\n12345\r\033[Kz")
    assert screen.lines == ["xb", "1234", "z"]
    assert screen.wraps == ["1234"]
