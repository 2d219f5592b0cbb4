"""The dashboard as users see it, in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest.importorskip("h5py")
pytest.importorskip("panel")
pytest.importorskip("playwright")

from playwright.sync_api import expect

from pypet import Environment, load_trajectory
from pypet.runs import run_table_of
from tests.browser.browsing import PATIENCE_SECONDS, drag_over, running_dashboard, show_tab
from tests.plugins.dashboard.conftest import SCRIPT, make_experiment

expect.set_options(timeout=1000 * PATIENCE_SECONDS)

LARGE = 100_000
HOSTILE = "a <img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Experiments: small, with names like HTML, with very many runs, and one to be executed."""
    folder = tmp_path_factory.mktemp("experiments")
    make_experiment(folder / "sweep.hdf5", log_config="DEFAULT", log_folder=str(folder / "logs"))
    make_experiment(folder / "again.hdf5", "again")
    _make_hostile(folder / "hostile.hdf5")
    _make_large(folder / "large.hdf5")
    return folder


def _make_large(path):
    """Make a trajectory with 100,000 completed runs, a few of them with results."""
    options = {"filename": str(path), "log_config": None, "report_progress": False}
    with Environment("large", add_time=False, **options) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(100))})
        env.run(lambda traj: traj.f_add_result("z", traj.x / 4) and None)
    traj = load_trajectory("large", filename=str(path))
    traj.f_expand({"x": list(range(100, LARGE))})
    table = run_table_of(traj)
    table.columns.completed[:LARGE] = 1
    table.columns.timestamp[100:LARGE] = 1e9
    table.columns.finish_timestamp[100:LARGE] = 1e9 + 1
    table.mark_changed()
    traj.f_store()


def _make_hostile(path):
    """Make a trajectory whose parameter, result and comments have names like HTML."""
    import h5py

    with Environment(
        "hostile",
        filename=str(path),
        add_time=False,
        comment=HOSTILE,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", SCRIPT, comment=HOSTILE)
        env.traj.f_explore({"x": [SCRIPT, HOSTILE]})
        env.run(lambda traj: traj.f_add_result("z", traj.x, comment=HOSTILE) and None)
    with h5py.File(path, "r+") as file:  # pypet itself makes no such names
        for run in file["hostile/results/runs"].values():
            run.move("z", "<b>z<")
            run["<b>z<"].move("z", "<b>z<")


@pytest.fixture(scope="module")
def dashboard(folder):
    """The dashboard of the folder."""
    with running_dashboard(folder) as dashboard:
        yield dashboard


@pytest.fixture
def opened(page, dashboard):
    """Return a function that opens the dashboard at an experiment."""

    def open_experiment(name):
        page.goto(dashboard.address)
        page.locator(".tabulator-cell", has_text=re.compile(f"^{name}$")).first.click()
        expect(page.locator(".completed")).to_contain_text("runs completed")
        return page

    return open_experiment


def rows(page):
    return page.locator(".tabulator-row:visible")


def cells(page, number):
    """Return the texts of a column of the table."""
    return page.locator(f".tabulator-cell[tabulator-field=c{number}]:visible").all_inner_texts()


def selected_runs(page, axis):
    """Return the indices of the runs in the table, once an axis has a selection."""
    pattern = rf"^\d+ of 24 runs; .*\b{re.escape(axis)} selected from"
    note = page.get_by_text(re.compile(pattern))
    expect(note).to_be_visible()
    expect(rows(page)).to_have_count(int(note.inner_text().split()[0]))
    return set(map(int, cells(page, 0)))


def test_an_experiment_is_opened_from_the_list(opened, dashboard):
    page = opened("sweep")
    assert page.url == f"{dashboard.origin}/"  # no token is left in it
    expect(page.locator(".completed")).to_have_text("23 of 24 runs completed")
    expect(page.get_by_text("ended with failed runs").first).to_be_visible()
    expect(rows(page)).to_have_count(24)
    show_tab(page, "Failures")
    page.locator(".tabulator-cell", has_text="ValueError: no result").click()
    expect(page.get_by_text("in simulate").first).to_be_visible()  # the traceback
    expect(page.get_by_text("Starting single run #13 of 24")).to_be_visible()  # the log
    assert page.title() == "pypet"


def test_a_filter_leaves_the_runs_that_it_says(opened):
    page = opened("sweep")
    field = page.get_by_placeholder("x > 3")
    field.fill("x >= 4 and parity == 'odd'")
    field.press("Enter")
    expect(page.get_by_text("4 of 24 runs")).to_be_visible()
    expect(rows(page)).to_have_count(4)
    assert cells(page, 0) == ["17", "19", "21", "23"]
    field.fill("x >= ")
    field.press("Enter")
    expect(page.locator(".problem", has_text="condition")).to_be_visible()
    expect(rows(page)).to_have_count(4)
    field.fill("")
    field.press("Enter")
    expect(rows(page)).to_have_count(24)


def test_a_box_in_a_plot_selects_rows_of_the_table(opened):
    page = opened("sweep")
    show_tab(page, "Scatter")
    expect(page.get_by_text("23 runs", exact=True)).to_be_visible()
    drag_over(page, 0.55, 0.15, 0.9, 0.95)
    show_tab(page, "Runs")
    scattered = selected_runs(page, "x")
    assert scattered < set(range(12, 24))
    show_tab(page, "Parallel coordinates")
    drag_over(page, 0.15, 0.08, 0.28, 0.5)  # the lower part of the second axis
    show_tab(page, "Runs")
    both = selected_runs(page, "group.y")
    assert both < scattered
    assert {run % 4 for run in both} == {0, 1}
    page.get_by_role("button", name="Clear selection").click()
    expect(rows(page)).to_have_count(24)
    show_tab(page, "Scatter")  # once more
    expect(page.get_by_text("23 runs", exact=True)).to_be_visible()
    drag_over(page, 0.55, 0.15, 0.9, 0.95)
    show_tab(page, "Runs")
    assert selected_runs(page, "x") == scattered


def test_one_run_is_shown_with_arrays_and_frames(opened):
    page = opened("sweep")
    page.locator(".tabulator-cell[tabulator-field=c0]", has_text=re.compile("^5$")).click()
    expect(page.get_by_text("run_00000005")).to_be_visible()
    expect(page.get_by_text("float64, shape (3, 4)")).to_be_visible()
    expect(page.get_by_text("2 rows, 2 columns")).to_be_visible()
    expect(page.get_by_text("pickles are not loaded here")).to_be_visible()
    expect(page.locator(".bk-Figure:visible")).to_have_count(2)
    show_tab(page, "Heat map")
    expect(page.get_by_text("means of 23 runs in 23 cells")).to_be_visible()


def test_experiments_are_compared(opened):
    page = opened("sweep")
    page.locator(".bk-tab", has_text="Compare").click()
    chosen = page.get_by_label("Experiments", exact=True)
    expect(page.get_by_text("Choose two experiments or more")).to_be_visible()
    names = chosen.locator("option").all_inner_texts()
    chosen.select_option(label=[name for name in names if name.startswith(("sweep", "large"))])
    for text in ("6 distinct values, 0.0 to 5.0", "100000 distinct values"):
        expect(page.locator(".tabulator-cell", has_text=text)).to_be_visible()


def test_names_and_values_like_html_are_shown_as_text(opened):
    page = opened("hostile")
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    expect(page.locator(".tabulator-cell", has_text=SCRIPT).first).to_be_visible()
    expect(page.locator(".tabulator-col-title", has_text="<b>z<")).to_be_visible()
    for tab in ("Parallel coordinates", "Scatter", "Heat map"):
        show_tab(page, tab)
        expect(page.locator(".bk-Figure:visible")).to_be_visible()
    show_tab(page, "Runs")
    page.locator(".tabulator-cell", has_text=SCRIPT).first.click()
    expect(page.get_by_text("run_00000000")).to_be_visible()
    expect(page.locator("dd", has_text=SCRIPT).first).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.title() == "pypet"


def test_a_hundred_thousand_runs_have_pages(opened):
    page = opened("large")
    expect(page.locator(".note", has_text=f"{LARGE:,} of {LARGE:,} runs")).to_be_visible()
    expect(rows(page)).to_have_count(25)
    page.get_by_role("button", name="Last").click()
    expect(page.locator(".tabulator-cell", has_text=re.compile("^99999$")).first).to_be_visible()
    field = page.get_by_placeholder("x > 3")
    field.fill("x > 99990")
    field.press("Enter")
    expect(rows(page)).to_have_count(9)
    field.fill("")
    field.press("Enter")
    show_tab(page, "Parallel coordinates")
    expect(page.get_by_text(f"5,000 of {LARGE:,} runs are drawn")).to_be_visible()


LIVE = 15
EXPERIMENT = """
import sys
from pypet import Environment

def simulate(traj):
    sys.stdin.readline()  # the test says when a run may go on
    traj.f_add_result("z", traj.x * 2)

with Environment("live", filename=sys.argv[1], log_config=None, report_progress=False,
                 add_time=False) as env:
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(int(sys.argv[2])))})
    env.traj.f_store()
    env.run(simulate)
"""


def test_a_running_experiment_is_seen_to_move(page, folder, dashboard):
    with subprocess.Popen(
        [sys.executable, "-c", EXPERIMENT, str(folder / "live.hdf5"), str(LIVE)],
        stdin=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as experiment:
        try:
            page.goto(dashboard.address)
            page.locator(".tabulator-cell", has_text=re.compile("^live$")).first.click()
            completed = page.locator(".completed")
            seen = set()
            for _ in range(LIVE - 1):
                experiment.stdin.write("\n")
                # The run table is stored twice a second at most.
                page.wait_for_timeout(300)
                seen.add(completed.inner_text())
            assert len(seen) > 2
            expect(page.get_by_text("running", exact=True).first).to_be_visible()
            expect(page.get_by_text("runs per second")).to_be_visible()
            assert cells(page, 4)[:2] == ["0", "2"]
            experiment.stdin.write("\n")
            expect(completed).to_have_text(f"{LIVE} of {LIVE} runs completed")
            expect(page.get_by_text("complete", exact=True).first).to_be_visible()
        finally:
            experiment.stdin.close()
            assert experiment.wait(60) == 0
