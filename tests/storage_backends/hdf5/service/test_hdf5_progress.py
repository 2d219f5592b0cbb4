"""Lines in the log about long operations; with `display_time=0` after every step."""

from __future__ import annotations

import logging
import re

import pytest

pytest.importorskip("h5py")

from pypet import Trajectory, load_trajectory


@pytest.fixture
def counts(caplog):
    """Return the numbers in the lines about an operation so far, and forget all lines."""
    caplog.set_level(logging.INFO)

    def found(verb, filename):
        pattern = rf"{verb} (\d+) nodes (?:in|from|into) {re.escape(str(filename))} \([0-9.]+/s\)\."
        matches = [re.fullmatch(pattern, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return [int(match[1]) for match in matches if match]

    return found


def make(filename, *, display_time=20, name="t"):
    traj = Trajectory(name, filename=filename, display_time=display_time)
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3]})
    for run in range(3):
        traj.f_add_result(f"runs.run_{run:08d}.z", run)
        traj.f_add_result(f"runs.run_{run:08d}.text", "t", comment=f"comment {run}")
    return traj


def test_storing_tells_how_far_it_is(tmp_path, counts):
    filename = tmp_path / "t.hdf5"
    traj = make(filename, display_time=0)
    traj.f_store()
    told = counts("Stored", filename)
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] >= 7  # at least each leaf
    traj.f_add_result("more", 1)
    traj.f_store_item("more")
    assert counts("Stored", filename)[-1] < 5


@pytest.mark.parametrize("nodes", [1, 3])
def test_loading_tells_about_every_node_if_it_is_time(tmp_path, counts, nodes):
    filename = tmp_path / "t.hdf5"
    make(filename).f_store()
    traj = load_trajectory("t", filename=filename, load_data=0, display_time=0)
    counts("Loaded", filename)
    traj.f_load_child("results", recursive=True)
    told = counts("Loaded", filename)
    assert told == list(range(1, len(told) + 1))
    assert len(told) >= 11
    for leaf in traj.results.f_iter_leaves():
        leaf.f_empty()
    traj.f_load_items(list(traj.results.f_iter_leaves())[:nodes])
    assert counts("Loaded", filename) == list(range(1, nodes + 1))


def test_removing_tells_how_far_it_is(tmp_path, counts):
    filename = tmp_path / "t.hdf5"
    traj = make(filename, display_time=0)
    traj.f_store()
    traj.f_delete_items(list(traj.results.f_iter_leaves()))
    assert counts("Removed", filename) == [1, 2, 3, 4, 5, 6]


def test_merging_tells_how_far_it_is(tmp_path, counts):
    filename = tmp_path / "t.hdf5"
    traj = make(filename, display_time=0)
    traj.f_store()
    other = make(tmp_path / "other.hdf5", name="other")
    other.f_store()
    traj.f_merge(other, backup=False)
    assert counts("Merged", filename)[-1] == 6


def test_short_operations_are_not_reported(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    traj = make(tmp_path / "t.hdf5")
    traj.f_store()
    traj.f_load(load_data=3)
    assert not [each for each in caplog.records if "nodes" in each.getMessage()]
