"""Measure how long the dashboard takes with many runs, in a browser.

A file with an experiment of 100,000 runs and three numbers a run is made first, which takes a
minute, unless ``--file`` has one from before. Then Chromium is driven by Playwright:

- *first page*: from opening the address to the first rows of the table, with parameters and
  states; then to their first results;
- *filter*: from pressing Enter to the first row that the condition leaves;
- *selection*: from drawing a box in the scatter plot, or over an axis of the parallel coordinates,
  to the number of selected runs;
- the same again once the results of all runs are read, which goes on in the background.

Run it as ``python benchmarks/dashboard.py``. It needs ``pip install "pypet[ui]" playwright`` and
``chromium``.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pypet import Environment
from tests.browser.browsing import drag_over, running_browser, running_dashboard, show_tab

RUNS = 100_000
NAME = "large"
PATIENCE_SECONDS = 120
DRAWING_MILLISECONDS = 2000
"""Until a plot that was opened takes a box."""


def simulate(traj: Any) -> None:
    """Store three numbers."""
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    traj.f_add_result("total", traj.x + traj.y)
    traj.f_add_result("count", traj.v_idx % 17)


def make_experiment(filename: str, runs: int) -> None:
    """Execute an experiment with two explored parameters."""
    with Environment(
        NAME, filename=filename, add_time=False, log_config=None, report_progress=False
    ) as env:
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_add_parameter("y", 0.0)
        side = max(1, int(runs**0.5))
        env.traj.f_explore(
            {
                "x": [float(index % side) for index in range(runs)],
                "y": [float(index // side) for index in range(runs)],
            }
        )
        env.run(simulate)


class Seconds(dict[str, float]):
    """Seconds by step, shown as they are measured."""

    def __setitem__(self, what: str, value: float) -> None:
        print(f"{what:60}{value:8.2f} s", file=sys.stderr, flush=True)
        super().__setitem__(what, value)


def seconds_of_dashboard(filename: str, repeats: int = 3) -> dict[str, float]:
    """Return the seconds of each step; medians of several where it can be repeated."""
    seconds = Seconds()
    began = time.monotonic()
    with running_dashboard(filename) as dashboard, running_browser() as browser:
        seconds["start of the command"] = time.monotonic() - began
        page = browser.new_page()
        began = time.monotonic()
        page.goto(dashboard.address)
        page.locator(".tabulator-cell[tabulator-field=c4]:visible").first.wait_for()
        seconds["first page"] = time.monotonic() - began
        page.locator(
            ".tabulator-cell[tabulator-field=c5]", has_text=re.compile(r"\d")
        ).first.wait_for()
        seconds["first results"] = time.monotonic() - began
        _measure_choices(page, seconds, "while results are read", repeats=1)
        show_tab(page, "Runs")
        _wait_until_read(page)
        seconds["results of all runs"] = time.monotonic() - began
        _measure_choices(page, seconds, "", repeats=repeats)
    return seconds


def _wait_until_read(page: Any) -> None:
    page.get_by_text("still being read").first.wait_for(
        state="detached", timeout=1000 * PATIENCE_SECONDS
    )


def _measure_choices(page: Any, seconds: dict[str, float], when: str, repeats: int) -> None:
    def note(what: str, measured: list[float]) -> None:
        seconds[f"{what} {when}".strip()] = statistics.median(measured)

    show_tab(page, "Runs")
    conditions = [f"x > {200 + repeat} and y < 100" for repeat in range(repeats)]
    note("filter", [_filter(page, condition) for condition in conditions])
    _filter(page, "")
    boxes: list[tuple[str, Callable[[int], None]]] = [
        ("Scatter", lambda repeat: drag_over(page, 0.3, 0.3, 0.5 + 0.01 * repeat, 0.8)),
        (
            "Parallel coordinates",
            lambda repeat: drag_over(page, 0.02, 0.3, 0.12, 0.6 + 0.01 * repeat),
        ),
    ]
    for title, draw in boxes:
        began = time.monotonic()
        show_tab(page, title)
        page.locator(".bk-Figure:visible").last.wait_for()
        note(f"plot, {title.lower()}", [time.monotonic() - began])
        page.wait_for_timeout(DRAWING_MILLISECONDS)
        measured = []
        for repeat in range(repeats):
            former = _shown(page)
            began = time.monotonic()
            draw(repeat)
            _wait_for_other_than(page, former)
            measured.append(time.monotonic() - began)
        note(f"selection, {title.lower()}", measured)
        show_tab(page, "Runs")
        page.get_by_role("button", name="Clear selection").click()
        page.get_by_text(f"{RUNS:,} of").first.wait_for()


def _shown(page: Any) -> str:
    """Return how many runs the tabs say that they show."""
    texts = page.locator(".note").all_inner_texts()
    # Behind the semicolon is of how many runs results are still being read.
    return "; ".join(text.partition(";")[0] for text in texts)


def _filter(page: Any, condition: str) -> float:
    former = _shown(page)
    box = page.get_by_placeholder("x > 3")
    box.fill(condition)
    began = time.monotonic()
    box.press("Enter")
    _wait_for_other_than(page, former)
    return time.monotonic() - began


def _wait_for_other_than(page: Any, former: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _shown(page) == former:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The page goes on to show {former!r}.")
        page.wait_for_timeout(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--file", help="file with the experiment; made if it is missing")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        filename = arguments.file or str(Path(folder, "large.hdf5"))
        if not Path(filename).exists():
            make_experiment(filename, arguments.runs)
        seconds = seconds_of_dashboard(filename)
    if arguments.json:
        print(json.dumps(seconds, indent=2))


if __name__ == "__main__":
    main()
