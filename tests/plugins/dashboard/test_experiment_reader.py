"""Reading an experiment again and again, and choosing among its runs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")

from pypet import Environment, load_trajectory
from pypet.plugins.dashboard.model.experiment import FIRST_RUNS, ExperimentReader, Readers
from pypet.plugins.dashboard.model.listing import ExperimentList
from pypet.plugins.dashboard.model.progress import ENDED
from pypet.plugins.dashboard.model.session import ExperimentSession
from tests.processes import wait_until


def read_all(reader):
    while reader.update():
        pass
    return reader.current


@pytest.fixture
def reader(experiment_file):
    return ExperimentReader(str(experiment_file), "sweep")


@pytest.fixture
def session(reader):
    read_all(reader)
    session = ExperimentSession(reader)
    assert session.refresh()
    yield session
    reader.close()


def test_runs_come_first_and_results_later(reader):
    assert reader.update()
    first = reader.current
    assert (len(first.table), first.results_read, first.results_due) == (24, 0, 24)
    assert first.table["x"].values[:5].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert first.table.results == []
    last = read_all(reader)
    assert (last.results_read, last.results_due) == (24, 0)
    assert last.revision > first.revision
    missing = last.table["z"].missing
    assert np.flatnonzero(missing).tolist() == [13]
    products = last.table["x"].values * last.table["group.y"].values
    assert (last.table["z"].values[~missing] == products[~missing]).all()
    assert first.table.results == []


def test_progress_counts_runs_by_state(reader):
    progress = read_all(reader).progress
    assert (progress.total, progress.completed, progress.failed) == (24, 23, 1)
    assert (progress.pending, progress.started) == (0, 0)
    assert progress.state == ENDED
    assert progress.seconds_left is None


def test_what_is_read_already_is_not_read_again(reader):
    before = read_all(reader)
    assert not reader.update()
    assert reader.current.table is before.table


def test_runs_are_added_as_they_are_stored(tmp_path):
    filename = str(tmp_path / "growing.hdf5")
    runs = FIRST_RUNS + 20

    def grow(traj):
        traj.f_add_result("z", traj.x)
        if traj.x >= 5:
            traj.f_add_result("late", True)

    options = {"filename": filename, "log_config": None, "report_progress": False}
    with Environment("growing", add_time=False, **options) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(5))})
        env.run(grow)
    reader = ExperimentReader(filename, "growing")
    first = read_all(reader)
    assert "late" not in first.table
    assert first.progress.state == "complete"
    traj = load_trajectory("growing", filename=filename)
    with Environment(traj, log_config=None, report_progress=False) as env:
        traj.f_expand({"x": list(range(5, runs))})
        env.run(grow)
    second = read_all(reader)
    assert second.table["z"].values.tolist() == list(range(runs))
    assert second.table["late"].missing.tolist() == [x < 5 for x in range(runs)]


def test_a_missing_trajectory_is_a_problem_and_no_exception(experiment_file):
    reader = ExperimentReader(str(experiment_file), "other")
    assert not reader.update()
    assert "no trajectory 'other'" in reader.problem
    assert reader.current is None


def test_a_file_that_is_lost_leaves_what_was_read(tmp_path, experiment_file):
    copy = tmp_path / "copy.hdf5"
    copy.write_bytes(experiment_file.read_bytes())
    reader = ExperimentReader(str(copy), "sweep")
    before = read_all(reader)
    copy.unlink()
    assert not reader.update()
    assert reader.current.problem
    assert reader.current.table is before.table
    copy.write_bytes(experiment_file.read_bytes())
    assert read_all(reader).problem == ""


def test_reading_in_the_background_ends_when_it_is_closed(experiment_file):
    readers = Readers()
    reader = readers.reader(str(experiment_file), "sweep")
    assert readers.reader(str(experiment_file), "sweep") is reader
    reader.watch()
    wait_until(lambda: reader.current is not None and not reader.current.results_due)
    readers.close()
    listed = ExperimentList(str(experiment_file.parent))
    listed.watch()
    wait_until(lambda: listed.is_read)
    listed.close()
    (entry,) = listed.experiments
    assert (entry.trajectory, entry.runs, entry.completed, entry.failed) == ("sweep", 24, 23, 1)


# ----- choosing runs -----------------------------------------------------------------------------


def test_a_filter_chooses_runs(session):
    session.filter("x >= 4 and z > 0 and parity == 'odd'")
    assert session.filter_problem == ""
    assert session.rows.tolist() == [17, 19, 21, 23]
    session.filter("")
    assert len(session.rows) == 24


def test_a_wrong_filter_says_why_and_changes_nothing(session):
    session.filter("x > 4")
    session.filter("x >")
    assert session.filter_problem
    assert session.rows.tolist() == [20, 21, 22, 23]
    session.filter("nothing_like_it > 4")
    assert "no column" in session.filter_problem


def test_boxes_in_plots_narrow_the_choice_until_they_are_cleared(session):
    told = []
    session.on_change(lambda: told.append(session.rows.tolist()))
    session.filter("x < 3")
    session.select({"group.y": (3.0, 1.5)})  # drawn from above
    assert session.rows.tolist() == [2, 3, 6, 7, 10, 11]
    session.select({"parity": (0.5, 1.5)})  # the second category in alphabetical order
    assert session.rows.tolist() == [3, 7, 11]
    session.select({"group.y": (-1.0, 1.0)})
    assert session.rows.tolist() == [1, 5, 9]
    session.clear_selection()
    assert session.rows.tolist() == list(range(12))
    assert len(told) == 5


def test_runs_without_a_value_are_in_no_interval(session):
    session.select({"z": (-np.inf, np.inf)})
    assert 13 not in session.rows
    assert len(session.rows) == 23
