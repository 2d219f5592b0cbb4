"""Setting a trajectory to runs, and asking about them."""

from __future__ import annotations

import numpy as np
import pytest

from pypet.trajectory import Trajectory, make_run_name, make_set_name
from tests import leaf_calls


@pytest.mark.parametrize("run", [1, "run_00000001", np.int64(1)])
def test_run_is_set_by_index_or_name(explored, run):
    explored.f_set_crun(run)
    assert (explored.v_idx, explored.v_crun, explored.v_crun_) == (
        1,
        "run_00000001",
        "run_00000001",
    )
    assert explored.x == 11


def test_run_is_set_by_either_property(explored):
    explored.v_idx = "run_00000002"
    assert explored.x == 12
    explored.v_crun = 0
    assert explored.x == 10
    explored.v_crun = None
    assert explored.x == 1


@pytest.mark.parametrize("run", [None, -1, "run_ALL"])
def test_no_particular_run_restores_the_defaults(explored, run):
    explored.f_set_crun(2)
    explored.f_set_crun(run)
    assert (explored.v_idx, explored.v_crun, explored.v_crun_) == (-1, None, "run_ALL")
    assert explored.x == 1


@pytest.mark.parametrize("run", [3, -2, "run_00000003", "nonsense"])
def test_unknown_run_is_a_key_error_and_changes_nothing(explored, run):
    explored.f_set_crun(1)
    with pytest.raises(KeyError):
        explored.f_set_crun(run)
    assert (explored.v_idx, explored.x) == (1, 11)


@pytest.mark.parametrize("run", [1.0, [1], object()])
def test_something_else_than_name_or_index_is_a_type_error_and_changes_nothing(explored, run):
    explored.f_set_crun(1)
    with pytest.raises(TypeError, match="name or its index"):
        explored.f_set_crun(run)
    assert (explored.v_idx, explored.x) == (1, 11)


def test_parameter_that_cannot_follow_leaves_all_in_the_old_run(explored):
    explored.f_set_crun(1)
    broken = explored.f_get("y")
    broken.f_unlock()
    leaf_calls.shrink(broken)
    leaf_calls.explore(broken, [0.5, 1.5])
    with pytest.raises(ValueError, match="no entry 2"):
        explored.f_set_crun(2)
    assert (explored.v_idx, explored.x) == (1, 11)


def test_run_can_not_be_changed_during_a_run(explored):
    explored.f_start_run(1)
    with pytest.raises(TypeError, match="single run"):
        explored.f_set_crun(2)
    with pytest.raises(TypeError, match="single run"):
        explored.v_idx = 2
    with pytest.raises(TypeError, match="single run"):
        explored.v_crun = "run_00000002"
    assert explored.v_idx == 1


# ----- names and indices -----------------------------------------------------------------------


def test_names_and_indices_lead_to_each_other(explored):
    assert explored.f_idx_to_run(2) == "run_00000002"
    assert explored.f_idx_to_run("run_00000002") == 2


@pytest.mark.parametrize("run", [-1, 3, "run_ALL", "run_00000003"])
def test_names_and_indices_without_run_are_key_errors(explored, run):
    with pytest.raises(KeyError):
        explored.f_idx_to_run(run)


def test_run_names_come_in_order(explored):
    assert explored.f_get_run_names() == ["run_00000000", "run_00000001", "run_00000002"]
    assert explored.f_get_run_names(sort=False) == explored.f_get_run_names()


def test_unexplored_trajectory_has_one_run():
    traj = Trajectory("test")
    assert len(traj) == 1
    assert traj.f_get_run_names() == ["run_00000000"]


def test_wildcard_function_names_the_runs():
    traj = Trajectory(
        "test", wildcard_functions={("$", "crun"): lambda idx: f"trial_{idx}" if idx >= 0 else "no"}
    )
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_set_crun("trial_1")
    assert (traj.v_idx, traj.x) == (1, 2)
    traj.f_set_crun("no")
    assert (traj.v_idx, traj.v_crun_) == (-1, "no")


def test_default_names_of_runs_and_sets():
    assert (make_run_name(3), make_run_name(-1)) == ("run_00000003", "run_ALL")
    assert (make_set_name(4042), make_set_name(-1)) == ("run_set_00004", "run_set_ALL")


# ----- going through the runs ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yields", "expected"), [("name", ["run_00000000", "run_00000002"]), ("IDX", [0, 2])]
)
def test_iterating_sets_one_run_after_the_other(explored, yields, expected):
    seen = [(run, explored.x) for run in explored.f_iter_runs(0, 3, 2, yields=yields)]
    assert seen == list(zip(expected, [10, 12], strict=True))
    assert explored.v_idx == -1


def test_iterating_can_yield_the_trajectory_itself(explored):
    assert all(traj is explored for traj in explored.f_iter_runs(yields="self"))


def test_iterating_can_yield_copies_that_stay_in_their_run(explored):
    copies = list(explored.f_iter_runs(yields="copy"))
    assert [(traj.v_idx, traj.x) for traj in copies] == [(0, 10), (1, 11), (2, 12)]


def test_leaving_the_iteration_early_resets_the_trajectory(explored):
    for _ in explored.f_iter_runs():
        break
    assert (explored.v_idx, explored.x) == (-1, 1)
    runs = explored.f_iter_runs()
    next(runs)
    with pytest.raises(ZeroDivisionError):
        runs.throw(ZeroDivisionError)
    assert explored.v_idx == -1


@pytest.mark.parametrize("options", [{"yields": "nothing"}, {"stop": 4}])
def test_wrong_iteration_raises_at_the_first_run(explored, options):
    runs = explored.f_iter_runs(**options)
    with pytest.raises(ValueError, match="f_iter_runs"):
        next(runs)


def test_iterating_is_refused_at_once_during_a_run(explored):
    explored.f_start_run(0)
    with pytest.raises(TypeError, match="single run"):
        explored.f_iter_runs()


# ----- information -----------------------------------------------------------------------------


def test_information_of_all_runs_is_found_by_name(explored):
    everything = explored.f_get_run_information()
    assert list(everything) == explored.f_get_run_names()
    assert everything["run_00000001"] == explored.f_get_run_information("run_00000001")
    assert explored.f_get_run_information(1)["idx"] == 1


@pytest.mark.parametrize("run", [3, -1, "run_ALL", "nonsense"])
def test_information_about_an_unknown_run_is_a_key_error(explored, run):
    with pytest.raises(KeyError):
        explored.f_get_run_information(run)
    with pytest.raises(KeyError):
        explored.f_is_completed(run)


def test_completed_runs_are_counted_one_by_one_and_together(explored):
    for idx in range(3):
        assert explored.f_is_completed() is False
        explored.f_start_run(idx)
        explored.f_finalize_run(store_meta_data=False)
        assert explored.f_is_completed(idx) == 1
    assert explored.f_is_completed() is True


def test_summary_shows_full_names_where_short_ones_are_taken(traj):
    traj.f_add_parameter("other.x", "a" * 600)
    traj.f_explore({"group.x": [3], "other.x": ["b" * 600]})
    traj.f_start_run(0)
    traj.f_finalize_run(store_meta_data=False)
    summary = traj.f_get_run_information(0)["parameter_summary"]
    first, second = summary.split(",   ")
    assert first == "x: 3"
    assert second == f"parameters.other.x: {repr('b' * 600)[:509]}..."


def test_names_of_known_runs_are_listed_after_loading_without_run_information(stored, service):
    other = Trajectory("other", storage_service=service)
    other.f_load("kept", with_run_information=False)
    assert len(other) == 3
    assert other.f_get_run_names() == []
    with pytest.raises(KeyError, match="0 of 3"):
        other.f_set_crun(1)
